#include "engine/session/http/topics.h"

#include "engine/base/uuid.h"
#include "engine/session/http/door.h"
#include "engine/session/http/topic_listing.h"

namespace duolog::session {
namespace {

constexpr std::size_t kBytesPerPartition = 128;  // about

// A topic's name, as an id's text, has no character that JSON would escape.
void begin_topic(std::string& out, const broker::Topic& topic) {
  out.append(R"({"name":")").append(topic.name);
  out.append(R"(","id":")").append(to_text(topic.id));
  out.append(R"(","internal":)").append(broker::is_internal_topic(topic.name) ? "true" : "false");
  out.append(R"(,"partition_count":)").append(std::to_string(topic.partitions.size()));
  out.append(R"(,"partitions":[)");
}

void append_partition(std::string& out, const ListedPartition& row) {
  out.append(R"({"partition":)").append(std::to_string(row.partition.value));
  out.append(R"(,"start":")").append(std::to_string(row.start.value));
  out.append(R"(","end":")").append(std::to_string(row.end.offset.value));
  out.append(R"(","size_bytes":)").append(std::to_string(row.size_bytes));
  out.append(R"(,"end_bytes":)").append(std::to_string(row.end.position - storage::kFirstPosition));
  out.append(row.offline ? R"(,"offline":true})" : "}");
}

}  // namespace

std::string topics_json(HttpDoor& door) {
  const TopicListing listing = list_topics(door.broker(), door.settings().max_listed_partitions);
  std::string out;
  out.reserve(listing.partitions.size() * kBytesPerPartition);
  out.append(R"({"topics":[)");
  const broker::Topic* topic = nullptr;
  for (const ListedPartition& row : listing.partitions) {
    if (row.topic == topic) {
      out.append(",");
    } else {
      if (topic != nullptr) out.append("]},");
      topic = row.topic;
      begin_topic(out, *topic);
    }
    append_partition(out, row);
  }
  if (topic != nullptr) out.append("]}");
  out.append(R"(],"partitions_left_out":)").append(std::to_string(listing.left_out)).append("}\n");
  return out;
}

}  // namespace duolog::session
