// A broker's keys about remote storage.
#include "engine/broker/config/config_key.h"

namespace duolog::broker {
namespace {

using enum ConfigType;

constexpr auto kRemoteRows = std::to_array<ConfigKey>({
    {"remote.fetch.max.wait.ms", kInt, "500", at_least(1), kUpdatable,
     "How long a fetch waits for remote storage."},
    {"remote.list.offsets.request.timeout.ms", kLong, "30000", at_least(1), kUpdatable,
     "How long a look for an offset waits for remote storage."},
    {"remote.log.index.file.cache.total.size.bytes", kLong, "1073741824", at_least(1), kUpdatable,
     "Space for copies of indexes in remote storage."},
    {"remote.log.manager.copier.thread.pool.size", kInt, "10", at_least(1), kUpdatable,
     "Threads that copy segments to remote storage."},
    {"remote.log.manager.copy.max.bytes.per.second", kLong, "9223372036854775807", at_least(1),
     kUpdatable, "Bytes that are copied to remote storage in a second at most."},
    {"remote.log.manager.copy.quota.window.num", kInt, "11", at_least(1), kStored,
     "Samples that the quota of copies to remote storage is measured with."},
    {"remote.log.manager.copy.quota.window.size.seconds", kInt, "1", at_least(1), kStored,
     "Seconds of each sample that the quota of copies to remote storage is measured with."},
    {"remote.log.manager.expiration.thread.pool.size", kInt, "10", at_least(1), kUpdatable,
     "Threads that remove segments from remote storage."},
    {"remote.log.manager.fetch.max.bytes.per.second", kLong, "9223372036854775807", at_least(1),
     kUpdatable, "Bytes that are read from remote storage in a second at most."},
    {"remote.log.manager.fetch.quota.window.num", kInt, "11", at_least(1), kStored,
     "Samples that the quota of reads from remote storage is measured with."},
    {"remote.log.manager.fetch.quota.window.size.seconds", kInt, "1", at_least(1), kStored,
     "Seconds of each sample that the quota of reads from remote storage is measured with."},
    {"remote.log.manager.follower.thread.pool.size", kInt, "2", at_least(1), kUpdatable,
     "Threads of followers that read from remote storage."},
    {"remote.log.manager.task.interval.ms", kLong, "30000", at_least(1), kStored,
     "How often is looked for segments to copy or remove."},
    {"remote.log.manager.thread.pool.size", kInt, "2", at_least(1), kStored,
     "Threads of what remote storage needs else."},
    {"remote.log.metadata.custom.metadata.max.bytes", kInt, "128", at_least(0), kStored,
     "Most bytes that a plugin may keep beside a remote segment."},
    {"remote.log.metadata.manager.class.name", kString,
     "org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager", kAny,
     kStored, "Class that knows which segments are in remote storage."},
    {"remote.log.metadata.manager.class.path", kString, nullptr, kAny, kStored,
     "Where the class that knows the remote segments is found."},
    {"remote.log.metadata.manager.impl.prefix", kString, "rlmm.config.", kAny, kStored,
     "What the settings of the class that knows the remote segments begin with."},
    {"remote.log.metadata.manager.listener.name", kString, nullptr, kAny, kStored,
     "Listener through which the class that knows the remote segments connects."},
    {"remote.log.reader.max.pending.tasks", kInt, "100", at_least(1), kStored,
     "Reads from remote storage that may wait."},
    {"remote.log.reader.threads", kInt, "10", at_least(1), kUpdatable,
     "Threads that read from remote storage."},
    {"remote.log.storage.manager.class.name", kString, nullptr, kAny, kStored,
     "Class that stores segments remotely."},
    {"remote.log.storage.manager.class.path", kString, nullptr, kAny, kStored,
     "Where the class that stores segments remotely is found."},
    {"remote.log.storage.manager.impl.prefix", kString, "rsm.config.", kAny, kStored,
     "What the settings of the class that stores segments remotely begin with."},
    {"remote.log.storage.system.enable", kBoolean, "false", kAny, kStored,
     "Whether segments may go to remote storage."},
});

}  // namespace

std::span<const ConfigKey> broker_key_rows_of_remote_storage() { return kRemoteRows; }

}  // namespace duolog::broker
