// A broker's keys about logs.
#include "engine/broker/config/config_key.h"

namespace duolog::broker {
namespace {

using enum ConfigType;

constexpr auto kLogRows = std::to_array<ConfigKey>({
    {"compression.gzip.level", kInt, "-1", kGzipLevels, kTopicDefault,
     "Level at which gzip compresses where the broker does it."},
    {"compression.lz4.level", kInt, "9", between(1, 17), kTopicDefault,
     "Level at which lz4 compresses where the broker does it."},
    {"compression.type", kString, "producer",
     one_of("uncompressed, zstd, lz4, snappy, gzip, producer"), kTopicDefault,
     "Codec that a topic is stored with; batches are always stored as their producer sent them."},
    {"compression.zstd.level", kInt, "3", between(-131072, 22), kTopicDefault,
     "Level at which zstd compresses where the broker does it."},
    {"cordoned.log.dirs", kList, "", kAny, kOneBroker, "Directories that get no new partitions."},
    {"log.cleaner.backoff.ms", kLong, "15000", at_least(0), kEffect,
     "How long compaction sleeps when there is nothing to compact; the setting "
     "log-cleaner-backoff-ms."},
    {"log.cleaner.dedupe.buffer.size", kLong, "134217728", kAny, kEffect,
     "Memory per shard that compaction finds the latest record of each key with; the setting "
     "log-cleaner-dedupe-buffer-size."},
    {"log.cleaner.delete.retention.ms", kLong, "86400000", at_least(0), kTopicDefault,
     "How long tombstones stay in a compacted log."},
    {"log.cleaner.enable", kBoolean, "true", kAny, kEffect,
     "Whether compaction runs; the setting log-cleaner-enable."},
    {"log.cleaner.io.buffer.load.factor", kDouble, "0.9", kAny, kUpdatable,
     "How full compaction's memory may become."},
    {"log.cleaner.io.buffer.size", kInt, "524288", at_least(0), kUpdatable,
     "Memory that compaction reads and writes with."},
    {"log.cleaner.io.max.bytes.per.second", kDouble, "1.7976931348623157E308", kAny, kEffect,
     "Bytes that compaction reads and writes in a second at most, per shard; the setting "
     "log-cleaner-io-max-bytes-per-second."},
    {"log.cleaner.max.compaction.lag.ms", kLong, "9223372036854775807", at_least(1), kTopicDefault,
     "Time within which a record is compacted."},
    {"log.cleaner.min.cleanable.ratio", kDouble, "0.5", between(0, 1), kTopicDefault,
     "Share of a log that has to be uncompacted before compaction looks at it."},
    {"log.cleaner.min.compaction.lag.ms", kLong, "0", at_least(0), kTopicDefault,
     "Time for which a record is not compacted."},
    {"log.cleaner.threads", kInt, "1", at_least(0), kUpdatable, "Threads that compact."},
    {"log.cleanup.policy", kList, "delete", one_of("compact, delete"), kTopicDefault,
     "What happens to old records: delete removes segments, compact keeps the latest of each key."},
    {"log.dir", kList, "/tmp/kafka-logs", kAny, kStored,
     "Directory of the log where log.dirs is not set."},
    {"log.dir.failure.timeout.ms", kLong, "30000", at_least(1), kStored,
     "Time after which a broker stops that cannot report a failed directory."},
    {"log.dirs", kList, nullptr, kAny, kEffect, "Directory of the log; the setting data-dir."},
    {"log.flush.interval.messages", kLong, "9223372036854775807", at_least(1), kTopicDefault,
     "Records after which a log is flushed; duolog.durability says when it is here."},
    {"log.flush.interval.ms", kLong, nullptr, kAny, kTopicDefault,
     "Time after which a log is flushed; duolog.durability says when it is here."},
    {"log.flush.offset.checkpoint.interval.ms", kInt, "60000", at_least(0), kStored,
     "How often the place up to which logs are flushed is written down."},
    {"log.flush.scheduler.interval.ms", kLong, "9223372036854775807", kAny, kStored,
     "How often is looked for logs to flush."},
    {"log.flush.start.offset.checkpoint.interval.ms", kInt, "60000", at_least(0), kStored,
     "How often the starts of logs are written down."},
    {"log.index.interval.bytes", kInt, "4096", at_least(0), kTopicDefault,
     "Bytes of a log between two entries of its index."},
    {"log.index.size.max.bytes", kInt, "10485760", at_least(4), kTopicDefault,
     "Size of an offset index at which its segment is sealed."},
    {"log.local.retention.bytes", kLong, "-2", at_least(-2), kTopicDefault,
     "Size to which a log is kept here when it is in remote storage too; -2 as "
     "log.retention.bytes."},
    {"log.local.retention.ms", kLong, "-2", at_least(-2), kTopicDefault,
     "Age at which a segment may go from here when it is in remote storage too; -2 as "
     "log.retention.ms."},
    {"log.message.timestamp.after.max.ms", kLong, "3600000", at_least(0), kTopicDefault,
     "How far in the future a record's timestamp may lie."},
    {"log.message.timestamp.before.max.ms", kLong, "9223372036854775807", at_least(0),
     kTopicDefault, "How far in the past a record's timestamp may lie."},
    {"log.message.timestamp.type", kString, "CreateTime", one_of("CreateTime, LogAppendTime"),
     kTopicDefault,
     "Whose timestamps records have: CreateTime the producer's, LogAppendTime the broker's."},
    {"log.preallocate", kBoolean, "false", kAny, kTopicDefault,
     "Whether the space of a segment is allocated when it is made; it is allocated in steps."},
    {"log.retention.bytes", kLong, "-1", kAny, kTopicDefault,
     "Size to which a partition is kept; -1 for any; the setting retention-bytes."},
    {"log.retention.check.interval.ms", kLong, "300000", at_least(1), kEffect,
     "How often is looked for segments that may go; the setting log-retention-check-interval-ms."},
    {"log.retention.hours", kInt, "168", kAny, kStored,
     "Age in hours at which records may go, where log.retention.ms and log.retention.minutes are "
     "not set."},
    {"log.retention.minutes", kInt, nullptr, kAny, kStored,
     "Age in minutes at which records may go, where log.retention.ms is not set."},
    {"log.retention.ms", kLong, nullptr, kAny, kTopicDefault,
     "Age at which records may go; -1 for never; the setting retention-ms."},
    {"log.roll.hours", kInt, "168", at_least(1), kStored,
     "Age in hours at which a segment is sealed, where log.roll.ms is not set."},
    {"log.roll.jitter.hours", kInt, "0", at_least(0), kStored,
     "Most hours by which a segment is sealed early at random, where log.roll.jitter.ms is not "
     "set."},
    {"log.roll.jitter.ms", kLong, nullptr, kAny, kTopicDefault,
     "Most milliseconds by which a segment is sealed early at random."},
    {"log.roll.ms", kLong, nullptr, kAny, kTopicDefault,
     "Age at which a segment is sealed; the setting segment-ms."},
    {"log.segment.bytes", kInt, "1073741824", at_least(1048576), kTopicDefault,
     "Size at which a segment is sealed; the setting segment-bytes."},
    {"log.segment.delete.delay.ms", kLong, "60000", at_least(0), kTopicDefault,
     "How long the file of a segment that has gone stays; it is a minute."},
    {"message.max.bytes", kInt, "1048588", at_least(0), kTopicDefault,
     "Largest record batch; the setting message-max-bytes."},
    {"min.insync.replicas", kInt, "1", at_least(1), kTopicDefault,
     "Replicas that acks=all needs; there is one."},
    {"num.recovery.threads.per.data.dir", kInt, "2", at_least(1), kUpdatable,
     "Threads that recover logs at the start."},
});

}  // namespace

std::span<const ConfigKey> broker_key_rows_of_log() { return kLogRows; }

}  // namespace duolog::broker
