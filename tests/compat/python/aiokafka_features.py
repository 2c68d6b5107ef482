"""aiokafka: Python's asyncio."""

import asyncio
import random

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from feature_run import DEADLINE_S, broker, expect, main

LARGE = 10_000_000


async def until(condition, what):
    """Lets everything else run and asks again, until the condition holds."""
    end = asyncio.get_running_loop().time() + DEADLINE_S
    while not (outcome := await condition()):
        if asyncio.get_running_loop().time() > end:
            raise AssertionError(f"not within {DEADLINE_S} s: {what}")
        await asyncio.sleep(0)
    return outcome


async def produce(topic, records, partition=0, **options):
    """Writes records, {value, key, headers, timestamp_ms} or a value; returns their offsets."""
    async with AIOKafkaProducer(bootstrap_servers=broker(), acks="all", max_request_size=LARGE,
                                **options) as producer:
        sent = [await producer.send(topic, partition=partition,
                                    **(record if isinstance(record, dict) else {"value": record}))
                for record in records]
        return [(await ack).offset for ack in sent]


def consumer(*topics, **options):
    return AIOKafkaConsumer(*topics, bootstrap_servers=broker(), auto_offset_reset="earliest",
                            enable_auto_commit=False, max_partition_fetch_bytes=LARGE,
                            fetch_max_wait_ms=100, **options)


async def consume(topic, count, offset=0, partition=0):
    at = TopicPartition(topic, partition)
    async with consumer() as reader:
        reader.assign([at])
        reader.seek(at, offset)
        return [await reader.getone() for _ in range(count)]


def numbered(count, name=b"v"):
    return [b"%s-%d" % (name, number) for number in range(count)]


async def check_produce():
    for partition in (0, 1):
        expect(await produce("produce", numbered(100), partition), list(range(100)))


async def check_consume():
    for partition in (0, 1):
        await produce("consume", numbered(100), partition)
        got = await consume("consume", 100, partition=partition)
        expect([message.value for message in got], numbered(100))


async def check_seek_offset():
    await produce("seek-offset", numbered(20))
    got = await consume("seek-offset", 13, 7)
    expect([message.value for message in got], numbered(20)[7:])


async def check_seek_time():
    begin, at = 1_700_000_000_000, TopicPartition("seek-time", 0)
    await produce("seek-time", [{"value": value, "timestamp_ms": begin + 1000 * number}
                                for number, value in enumerate(numbered(20))])
    async with consumer() as reader:
        found = (await reader.offsets_for_times({at: begin + 6001}))[at]
        expect((found.offset, found.timestamp), (7, begin + 7000))
        expect((await reader.offsets_for_times({at: begin + 20_000}))[at], None)


async def check_codec(codec):
    values = [value + b" compress me" * 20 for value in numbered(50)]
    await produce("codec-" + codec, values,
                  compression_type=None if codec == "none" else codec)
    expect([message.value for message in await consume("codec-" + codec, 50)], values)


async def check_headers():
    headers = [("a", b"1"), ("a", b"2"), ("empty", b""), ("bytes", bytes(range(256)))]
    await produce("headers", [{"value": b"v", "headers": headers}])
    expect(list((await consume("headers", 1))[0].headers), headers)


async def check_nulls():
    wanted = [(None, b"no key"), (b"no value", None), (b"", b"")]
    await produce("nulls", [{"key": key, "value": value} for key, value in wanted])
    expect([(message.key, message.value) for message in await consume("nulls", 3)], wanted)


async def check_large():
    value = random.Random(5).randbytes(5 << 20)
    await produce("large", [value])
    expect((await consume("large", 1))[0].value == value, True)


async def check_idempotence():
    offsets = await produce("idempotence", numbered(1000), enable_idempotence=True,
                            max_batch_size=500)
    expect(offsets, list(range(1000)))


class Member(ConsumerRebalanceListener):
    """A member of a group, reading in a task of its own."""

    def __init__(self):
        self.values = []
        self.partitions = 0

    def on_partitions_revoked(self, _):
        self.partitions = 0

    def on_partitions_assigned(self, assigned):
        self.partitions = len(assigned)

    async def start(self, topic, group):
        self.reader = consumer(group_id=group, heartbeat_interval_ms=200,
                               session_timeout_ms=10_000, rebalance_timeout_ms=10_000)
        self.reader.subscribe([topic], listener=self)
        await self.reader.start()
        self.task = asyncio.create_task(self.read())
        return self

    async def read(self):
        async for message in self.reader:
            self.values.append(message.value)

    async def stop(self):
        self.task.cancel()
        await self.reader.commit()
        await self.reader.stop()

    async def has(self, count):
        if self.task.done():
            self.task.result()
        return len(self.values) >= count


async def check_group():
    first = await Member().start("group", "readers")

    async def both():
        return first.partitions == 2
    await until(both, "the first has both partitions")
    second = await Member().start("group", "readers")

    async def shared():
        return first.partitions == second.partitions == 1
    await until(shared, "each has one partition")
    left, right = numbered(20, b"left"), numbered(20, b"right")
    await produce("group", left, 0)
    await produce("group", right, 1)
    for member in (first, second):
        await until(lambda member=member: member.has(20), "each reads twenty")
        await member.stop()
    expect(sorted([first.values, second.values]), [left, right])

    await produce("group", numbered(10, b"later"), 1)
    third = await Member().start("group", "readers")
    await until(lambda: third.has(10), "the third reads what came later")
    await third.stop()
    expect(third.values, numbered(10, b"later"))


async def with_admin(use):
    client = AIOKafkaAdminClient(bootstrap_servers=broker())
    await client.start()
    try:
        await use(client)
    finally:
        await client.close()


async def check_topics(client):
    await client.create_topics([NewTopic("made", 3, 1)])
    expect(len((await client.describe_topics(["made"]))[0]["partitions"]), 3)
    await client.delete_topics(["made"])

    async def gone():
        return "made" not in await client.list_topics()
    await until(gone, "the topic is gone")


async def check_partitions(client):
    await client.create_partitions({"partitions": NewPartitions(5)})

    async def five():
        return len((await client.describe_topics(["partitions"]))[0]["partitions"]) == 5
    await until(five, "five partitions")


async def check_delete_records(client):
    await produce("delete-records", numbered(10))
    at = TopicPartition("delete-records", 0)
    expect(await client.delete_records({at: RecordsToDelete(before_offset=6)}), {at: 6})
    got = await consume("delete-records", 4, 6)
    expect([message.value for message in got], numbered(10)[6:])


async def check_configs(client):
    async def retention():
        asked = ConfigResource(ConfigResourceType.TOPIC, "configs")
        answer = (await client.describe_configs([asked]))[0]
        return {row[0]: row[1] for row in answer.resources[0][4]}["retention.ms"]
    expect(await retention(), "604800000")
    await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "configs",
                                               configs={"retention.ms": "3600000"})])
    expect(await retention(), "3600000")


async def check_groups(client):
    await produce("groups", numbered(10))
    member = await Member().start("groups", "listed")
    await until(lambda: member.has(10), "ten are read")
    expect("listed" in [row[0] for row in await client.list_consumer_groups()], True)
    described = (await client.describe_consumer_groups(["listed"]))[0].to_object()["groups"][0]
    expect((described["state"], len(described["members"])), ("Stable", 1))
    await member.stop()
    offsets = await client.list_consumer_group_offsets("listed")
    expect(offsets[TopicPartition("groups", 0)].offset, 10)


def in_loop(check, *arguments):
    return lambda: asyncio.run(asyncio.wait_for(check(*arguments), DEADLINE_S))


if __name__ == "__main__":
    main({
        "produce": in_loop(check_produce), "consume": in_loop(check_consume),
        "group": in_loop(check_group), "seek-offset": in_loop(check_seek_offset),
        "seek-time": in_loop(check_seek_time),
        **{f"codec-{codec}": in_loop(check_codec, codec)
           for codec in ("none", "gzip", "snappy", "lz4", "zstd")},
        "headers": in_loop(check_headers), "nulls": in_loop(check_nulls),
        "large": in_loop(check_large), "idempotence": in_loop(check_idempotence),
        "topics": in_loop(with_admin, check_topics),
        "partitions": in_loop(with_admin, check_partitions),
        "delete-records": in_loop(with_admin, check_delete_records),
        "configs": in_loop(with_admin, check_configs), "groups": in_loop(with_admin, check_groups),
    })
