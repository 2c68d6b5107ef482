"""kafka-python, Debian's."""

import random

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic

import group_check
from feature_run import broker, expect, main, until

LARGE = 10_000_000


def producer(**options):
    return KafkaProducer(bootstrap_servers=broker(), acks="all", **options)


def consumer(*topics, **options):
    return KafkaConsumer(*topics, bootstrap_servers=broker(), auto_offset_reset="earliest",
                         check_crcs=True, max_partition_fetch_bytes=LARGE, fetch_max_wait_ms=50,
                         **options)


def produce(topic, values, partition=0, **options):
    """Writes values, and returns their offsets."""
    with_options = producer(**options)
    sent = [with_options.send(topic, value, partition=partition) for value in values]
    offsets = [future.get(20).offset for future in sent]
    with_options.close()
    return offsets


def read_to_end(reader, partition):
    """The records of a partition from where the reader stands."""
    end, records = reader.end_offsets([partition])[partition], []
    def at_end():
        for batch in reader.poll(500).values():
            records.extend(batch)
        return reader.position(partition) >= end
    until(at_end, "the end of the partition")
    return records


def consume(topic, partition=0):
    reader, at = consumer(), TopicPartition(topic, partition)
    reader.assign([at])
    reader.seek_to_beginning(at)
    records = read_to_end(reader, at)
    reader.close()
    return records


def numbered(count):
    return [b"v-%d" % number for number in range(count)]


def check_produce():
    for partition in (0, 1):
        expect(produce("produce", numbered(100), partition), list(range(100)))


def check_consume():
    for partition in (0, 1):
        produce("consume", numbered(100), partition)
        records = consume("consume", partition)
        expect([record.value for record in records], numbered(100))
        expect([record.offset for record in records], list(range(100)))


def check_seek_offset():
    produce("seek-offset", numbered(20))
    reader, at = consumer(), TopicPartition("seek-offset", 0)
    reader.assign([at])
    for offset in (15, 7):
        reader.seek(at, offset)
        expect([record.value for record in read_to_end(reader, at)], numbered(20)[offset:])
    reader.close()


def check_seek_time():
    writer = producer()
    for number, value in enumerate(numbered(20)):
        writer.send("seek-time", value, timestamp_ms=1_700_000_000_000 + 1000 * number).get(20)
    writer.close()
    reader, at = consumer(), TopicPartition("seek-time", 0)
    found = reader.offsets_for_times({at: 1_700_000_006_001})[at]
    expect((found.offset, found.timestamp), (7, 1_700_000_007_000))
    expect(reader.offsets_for_times({at: 1_700_000_020_000})[at], None)
    reader.close()


def check_codec(codec):
    values = [value + b" compress me" * 20 for value in numbered(50)]
    produce("codec-" + codec, values, compression_type=None if codec == "none" else codec,
            linger_ms=50)
    expect([record.value for record in consume("codec-" + codec)], values)


def check_headers():
    headers = [("a", b"1"), ("a", b"2"), ("empty", b""), ("bytes", bytes(range(256)))]
    writer = producer()
    writer.send("headers", b"v", headers=headers).get(20)
    writer.close()
    expect(consume("headers")[0].headers, headers)


def check_nulls():
    wanted = [(None, b"no key"), (b"no value", None), (b"", b"")]
    writer = producer()
    for key, value in wanted:
        writer.send("nulls", value, key).get(20)
    writer.close()
    expect([(record.key, record.value) for record in consume("nulls")], wanted)


def check_large():
    value = random.Random(5).randbytes(5 << 20)
    produce("large", [value], max_request_size=LARGE)
    expect(consume("large")[0].value == value, True)


def start_member():
    return group_check.Member(
        lambda: consumer("group", group_id="readers", enable_auto_commit=False,
                         heartbeat_interval_ms=200, session_timeout_ms=10_000),
        lambda reader: [record.value.decode() for batch in reader.poll(100).values()
                        for record in batch],
        lambda reader: len(reader.assignment()))


def check_group():
    group_check.check(start_member, lambda partition, values: produce(
        "group", [value.encode() for value in values], partition))


def admin():
    return KafkaAdminClient(bootstrap_servers=broker())


def check_topics():
    client = admin()
    client.create_topics([NewTopic("made", 3, 1)])
    described = client.describe_topics(["made"])[0]
    expect((described["error_code"], len(described["partitions"])), (0, 3))
    client.delete_topics(["made"])
    until(lambda: "made" not in client.list_topics(), "the topic is gone")
    client.close()


def check_partitions():
    client = admin()
    client.create_partitions({"partitions": NewPartitions(5)})
    expect(len(client.describe_topics(["partitions"])[0]["partitions"]), 5)
    client.close()


def check_configs():
    client = admin()
    def retention():
        answer = client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "configs")])[0]
        return {row[0]: row[1] for row in answer.resources[0][4]}["retention.ms"]
    expect(retention(), "604800000")
    client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "configs",
                                         configs={"retention.ms": "3600000"})])
    expect(retention(), "3600000")
    client.close()


def check_groups():
    produce("groups", numbered(10))
    reader = consumer("groups", group_id="listed", enable_auto_commit=False)
    at = TopicPartition("groups", 0)
    until(lambda: reader.poll(200) or reader.assignment(), "the group is there")
    read_to_end(reader, at)
    reader.commit()
    client = admin()
    expect(("listed", "consumer") in client.list_consumer_groups(), True)
    described = client.describe_consumer_groups(["listed"])[0]
    expect((described.state, len(described.members)), ("Stable", 1))
    expect(client.list_consumer_group_offsets("listed")[at].offset, 10)
    reader.close()
    client.close()


if __name__ == "__main__":
    main({
        "produce": check_produce, "consume": check_consume, "group": check_group,
        "seek-offset": check_seek_offset, "seek-time": check_seek_time,
        **{f"codec-{codec}": lambda codec=codec: check_codec(codec)
           for codec in ("none", "gzip", "snappy", "lz4", "zstd")},
        "headers": check_headers, "nulls": check_nulls, "large": check_large,
        "topics": check_topics, "partitions": check_partitions, "configs": check_configs,
        "groups": check_groups,
    })
