"""Apache Kafka's command-line tools: console, administration, performance.

Each call is a Java process of its own. The console producer and ProducerPerformance are idempotent,
as Kafka's producer is unless it is told otherwise.
"""

import json
import os
import re
import subprocess
import tempfile

from feature_run import broker, expect, main

LIMIT_S = 60
TOOLS = "org.apache.kafka.tools."
# Java's classes, loaded and checked once and for all: half of what a tool does is to start.
ARCHIVE = os.environ["COMPAT_CLASS_ARCHIVE"]


def tool(name, *arguments, data=b"", archive=f"SharedArchiveFile={ARCHIVE}"):
    """What a tool prints; it must end with status 0."""
    done = subprocess.run(
        ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", f"-XX:{archive}", "-cp",
         os.environ["COMPAT_CLASSPATH"], name if name.startswith("kafka.") else TOOLS + name,
         "--bootstrap-server", broker(), *arguments],
        input=data, capture_output=True, timeout=LIMIT_S, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{name} ended with {done.returncode}: "
                             f"{(done.stdout + done.stderr).decode(errors='replace')[-1500:]}")
    return done.stdout.decode()


def produce(topic, lines, *options):
    tool("ConsoleProducer", "--topic", topic, *options,
         data="".join(line + "\n" for line in lines).encode())


def consume(topic, count, *options):
    """The lines of so many records; of partition 0 unless the options have a group."""
    where = () if "--group" in options else ("--partition", "0")
    begin = () if "--offset" in options else ("--from-beginning",) if where == () else (
        "--offset", "earliest")
    return tool("consumer.ConsoleConsumer", "--topic", topic, "--max-messages", str(count),
                "--timeout-ms", "20000", *where, *begin, *options).splitlines()


def numbered(count):
    return [f"v-{number}" for number in range(count)]


def performance(topic, records, size, *properties):
    said = tool("ProducerPerformance", "--topic", topic, "--num-records", str(records),
                "--record-size", str(size), "--throughput", "-1",
                *(("--command-property", *properties) if properties else ()))
    expect(re.search(r"(?m)^(\d+) records sent, .*ms avg latency", said).group(1), str(records))


def offset_at(topic, time):
    said = tool("GetOffsetShell", "--topic-partitions", f"{topic}:0", "--time", str(time))
    return said.strip()


def check_produce():
    produce("produce", numbered(50), "--request-required-acks", "all")
    performance("produce", 5000, 100)
    said = tool("GetOffsetShell", "--topic", "produce", "--time", "latest")
    expect(sum(int(line.rsplit(":", 1)[1]) for line in said.split()), 5050)


def check_consume():
    produce("seen", numbered(50))  # makes the topic, of one partition
    expect(consume("seen", 50), numbered(50))


def check_group():
    produce("readers", numbered(20))
    expect(consume("readers", 20, "--group", "console"), numbered(20))
    described = tool("consumer.group.ConsumerGroupCommand", "--describe", "--group", "console")
    row = next(line.split() for line in described.splitlines() if line.startswith("console"))
    # GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG
    expect(row[1:6], ["readers", "0", "20", "20", "0"])
    produce("readers", ["later"])
    expect(consume("readers", 1, "--group", "console"), ["later"])
    performance("group", 5000, 100)
    said = tool("ConsumerPerformance", "--topic", "group", "--num-records", "5000", "--group",
                "performance", "--hide-header")
    expect(int(said.splitlines()[-1].split(", ")[4]) >= 5000, True)


def check_seek_offset():
    produce("seek-offset", numbered(20))
    expect(consume("seek-offset", 13, "--offset", "7"), numbered(20)[7:])


def check_seek_time():
    produce("seek-time", numbered(20))
    shown = consume("seek-time", 20, "--formatter-property", "print.timestamp=true")
    times = [int(line.split("\t")[0].removeprefix("CreateTime:")) for line in shown]
    first = next(number for number, time in enumerate(times) if time >= times[10])
    expect(offset_at("seek-time", times[10]), f"seek-time:0:{first}")
    expect(offset_at("seek-time", "earliest"), "seek-time:0:0")
    expect(offset_at("seek-time", "latest"), "seek-time:0:20")


def check_codec(codec):
    produce("codec-" + codec, numbered(50), "--compression-codec", codec)
    expect(consume("codec-" + codec, 50), numbered(50))


def check_headers():
    produce("headers", ["a:1,a:2,empty:\tv"], "--reader-property", "parse.headers=true")
    expect(consume("headers", 1, "--formatter-property", "print.headers=true"),
           ["a:1,a:2,empty:\tv"])


def check_nulls():
    produce("nulls", ["N\tno key", "no value\tN"], "--reader-property", "parse.key=true",
            "--reader-property", "null.marker=N")
    expect(consume("nulls", 2, "--formatter-property", "print.key=true", "--formatter-property",
                   "null.literal=NULL"), ["NULL\tno key", "no value\tNULL"])


def check_large():
    performance("large", 1, 5 << 20, "max.request.size=10000000")
    expect([len(line) for line in consume("large", 1)], [5 << 20])


def check_idempotence():
    performance("idempotence", 5000, 100, "batch.size=1000")
    expect(offset_at("idempotence", "latest"), "idempotence:0:5000")


def check_topics():
    tool("TopicCommand", "--create", "--topic", "made", "--partitions", "3",
         "--replication-factor", "1", "--config", "retention.ms=3600000")
    expect("made" in tool("TopicCommand", "--list").split(), True)
    said = tool("TopicCommand", "--describe", "--topic", "made")
    expect((re.search(r"PartitionCount: (\d+)", said).group(1), "retention.ms=3600000" in said),
           ("3", True))
    tool("TopicCommand", "--delete", "--topic", "made")
    expect("made" in tool("TopicCommand", "--list").split(), False)


def check_partitions():
    tool("TopicCommand", "--alter", "--topic", "partitions", "--partitions", "5")
    said = tool("TopicCommand", "--describe", "--topic", "partitions")
    expect(re.search(r"PartitionCount: (\d+)", said).group(1), "5")


def check_delete_records():
    produce("delete-records", numbered(10))
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"version": 1, "partitions": [
            {"topic": "delete-records", "partition": 0, "offset": 6}]}, file)
        file.flush()
        said = tool("DeleteRecordsCommand", "--offset-json-file", file.name)
    expect(re.search(r"low_watermark: (\d+)", said).group(1), "6")
    expect(consume("delete-records", 4), numbered(10)[6:])


def check_configs():
    def command(*words):
        return tool("kafka.admin.ConfigCommand", "--entity-type", "topics", "--entity-name",
                    "configs", *words)
    command("--alter", "--add-config", "retention.ms=3600000")
    expect("retention.ms=3600000" in command("--describe"), True)
    command("--alter", "--delete-config", "retention.ms")
    expect("retention.ms=3600000" in command("--describe"), False)
    expect("retention.ms=604800000" in command("--describe", "--all"), True)


def check_groups():
    def command(*words):
        return tool("consumer.group.ConsumerGroupCommand", *words)
    produce("groups", numbered(10))
    consume("groups", 10, "--group", "listed")
    expect("listed" in command("--list").split(), True)
    expect("Empty" in command("--describe", "--group", "listed", "--state"), True)
    command("--reset-offsets", "--group", "listed", "--topic", "groups", "--to-offset", "4",
            "--execute")
    expect(consume("groups", 6, "--group", "listed"), numbered(10)[4:])
    command("--delete", "--group", "listed")
    expect("listed" in command("--list").split(), False)


if __name__ == "__main__":
    if not os.path.exists(ARCHIVE):
        tool("TopicCommand", "--list", archive=f"ArchiveClassesAtExit={ARCHIVE}")
    main({
        "produce": check_produce, "consume": check_consume, "group": check_group,
        "seek-offset": check_seek_offset, "seek-time": check_seek_time,
        **{f"codec-{codec}": lambda codec=codec: check_codec(codec)
           for codec in ("none", "gzip", "snappy", "lz4", "zstd")},
        "headers": check_headers, "nulls": check_nulls, "large": check_large,
        "idempotence": check_idempotence, "topics": check_topics, "partitions": check_partitions,
        "delete-records": check_delete_records, "configs": check_configs, "groups": check_groups,
    })
