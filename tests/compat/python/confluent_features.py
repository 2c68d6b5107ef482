"""confluent-kafka: librdkafka of today."""

import random

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource,
                                   NewPartitions, NewTopic)

import group_check
from feature_run import broker, expect, main, until

LARGE = 10_000_000


def produce(topic, records, partition=0, **options):
    """Writes records, {value, key, headers, timestamp} or a value; returns their offsets."""
    offsets = []

    def acked(error, message):
        if error:
            raise AssertionError(str(error))
        offsets.append(message.offset())

    producer = Producer({"bootstrap.servers": broker(), "acks": "all", "message.max.bytes": LARGE,
                         **options})
    for record in records:
        record = record if isinstance(record, dict) else {"value": record}
        producer.produce(topic, partition=partition, on_delivery=acked, **record)
    expect(producer.flush(20), 0)
    return offsets


def consumer(group="none"):
    return Consumer({"bootstrap.servers": broker(), "group.id": group, "check.crcs": True,
                     "auto.offset.reset": "earliest", "enable.auto.commit": False,
                     "fetch.wait.max.ms": 50, "fetch.message.max.bytes": LARGE,
                     "heartbeat.interval.ms": 200, "session.timeout.ms": 10_000})


def poll(reader):
    message = reader.poll(0.1)
    if message is not None and message.error():
        raise AssertionError(str(message.error()))
    return message


def consume(topic, count, offset=0, partition=0):
    reader, messages = consumer(), []
    reader.assign([TopicPartition(topic, partition, offset)])
    def all_there():
        if (message := poll(reader)) is not None:
            messages.append(message)
        return len(messages) >= count
    until(all_there, "the records come")
    reader.close()
    return messages


def numbered(count):
    return [b"v-%d" % number for number in range(count)]


def check_produce():
    for partition in (0, 1):
        expect(produce("produce", numbered(100), partition), list(range(100)))


def check_consume():
    for partition in (0, 1):
        produce("consume", numbered(100), partition)
        got = consume("consume", 100, partition=partition)
        expect([message.value() for message in got], numbered(100))


def check_seek_offset():
    produce("seek-offset", numbered(20))
    expect([message.value() for message in consume("seek-offset", 13, 7)], numbered(20)[7:])


def check_seek_time():
    begin = 1_700_000_000_000
    produce("seek-time", [{"value": value, "timestamp": begin + 1000 * number}
                          for number, value in enumerate(numbered(20))])
    reader = consumer()
    for time, offset in ((begin, 0), (begin + 6001, 7), (begin + 20_000, -1)):
        found = reader.offsets_for_times([TopicPartition("seek-time", 0, time)], timeout=20)
        expect(found[0].offset, offset)
    reader.close()


def check_codec(codec):
    values = [value + b" compress me" * 20 for value in numbered(50)]
    produce("codec-" + codec, values, **{"compression.type": codec, "linger.ms": 50})
    expect([message.value() for message in consume("codec-" + codec, 50)], values)


def check_headers():
    headers = [("a", b"1"), ("a", b"2"), ("empty", b""), ("null", None)]
    produce("headers", [{"value": b"v", "headers": headers}])
    expect(consume("headers", 1)[0].headers(), headers)


def check_nulls():
    wanted = [(None, b"no key"), (b"no value", None), (None, None), (b"", b"")]
    produce("nulls", [{"key": key, "value": value} for key, value in wanted])
    expect([(message.key(), message.value()) for message in consume("nulls", 4)], wanted)


def check_large():
    value = random.Random(5).randbytes(5 << 20)
    produce("large", [value])
    expect(consume("large", 1)[0].value() == value, True)


def check_idempotence():
    offsets = produce("idempotence", numbered(1000),
                      **{"enable.idempotence": True, "batch.num.messages": 10})
    expect(offsets, list(range(1000)))
    expect([message.value() for message in consume("idempotence", 1000)], numbered(1000))


def start_member(topic="group", group="readers"):
    def open_consumer():
        reader = consumer(group)
        reader.subscribe([topic])
        return reader

    def values(reader):
        message = poll(reader)
        return [message.value().decode()] if message is not None else []

    return group_check.Member(open_consumer, values, lambda reader: len(reader.assignment()))


def check_group():
    group_check.check(start_member, lambda partition, values: produce("group", values, partition))


def admin():
    return AdminClient({"bootstrap.servers": broker()})


def done(futures):
    for future in futures.values():
        future.result(20)


def partitions_of(client, topic):
    found = client.list_topics(timeout=20).topics.get(topic)
    return len(found.partitions) if found else None


def check_topics():
    client = admin()
    done(client.create_topics([NewTopic("made", 3, 1)]))
    until(lambda: partitions_of(client, "made") == 3, "three partitions")
    done(client.delete_topics(["made"]))
    until(lambda: partitions_of(client, "made") is None, "the topic is gone")


def check_partitions():
    client = admin()
    done(client.create_partitions([NewPartitions("partitions", 5)]))
    until(lambda: partitions_of(client, "partitions") == 5, "five partitions")


def check_delete_records():
    produce("delete-records", numbered(10))
    client = admin()
    deleted = client.delete_records([TopicPartition("delete-records", 0, 6)])
    expect([future.result(20).low_watermark for future in deleted.values()], [6])
    left = consume("delete-records", 4, -2)
    expect([message.value() for message in left], numbered(10)[6:])


def check_configs():
    client, topic = admin(), ConfigResource(ConfigResource.Type.TOPIC, "configs")
    def retention():
        return client.describe_configs([topic])[topic].result(20)["retention.ms"].value
    expect(retention(), "604800000")
    entry = ConfigEntry("retention.ms", "3600000", incremental_operation=AlterConfigOpType.SET)
    done(client.incremental_alter_configs([ConfigResource(
        ConfigResource.Type.TOPIC, "configs", incremental_configs=[entry])]))
    until(lambda: retention() == "3600000", "it is set")


def check_groups():
    produce("groups", numbered(10))
    member = start_member("groups", "listed")
    until(lambda: member.error or len(member.values) == 10, "ten are read")
    client = admin()
    listed = client.list_consumer_groups().result(20).valid
    expect("listed" in [group.group_id for group in listed], True)
    described = client.describe_consumer_groups(["listed"])["listed"].result(20)
    expect((described.state.name, len(described.members)), ("STABLE", 1))
    member.stop()
    done(client.delete_consumer_groups(["listed"]))


if __name__ == "__main__":
    main({
        "produce": check_produce, "consume": check_consume, "group": check_group,
        "seek-offset": check_seek_offset, "seek-time": check_seek_time,
        **{f"codec-{codec}": lambda codec=codec: check_codec(codec)
           for codec in ("none", "gzip", "snappy", "lz4", "zstd")},
        "headers": check_headers, "nulls": check_nulls, "large": check_large,
        "idempotence": check_idempotence, "topics": check_topics, "partitions": check_partitions,
        "delete-records": check_delete_records, "configs": check_configs, "groups": check_groups,
    })
