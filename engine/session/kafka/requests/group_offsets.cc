// OffsetCommit, OffsetFetch and OffsetDelete: carried to the coordinators of the groups.
#include "engine/groups/offset_requests.h"
#include "engine/session/kafka/requests/group_request.h"
#include "engine/session/kafka/requests/handlers.h"

namespace duolog::session {
namespace {

using groups::Client;
using groups::GroupCoordinator;

struct OffsetCommitApi : OneGroupApi<kafka::OffsetCommitRequest, kafka::OffsetCommitResponse> {
  [[nodiscard]] static Part refusal(const Item& item, kafka::ErrorCode error, kafka::Arena& arena) {
    return groups::failed_commit(item, error, arena);
  }
  static void handle(GroupCoordinator& coordinator, const Client& client, const Item& item,
                     groups::Reply<Part> reply) {
    groups::commit_offsets(coordinator, client, item, std::move(reply));
  }
};

// Up to version 7 a request is about one group; later ones name any number.
struct OffsetFetchApi : OneGroupApi<kafka::OffsetFetchRequest, kafka::OffsetFetchResponse> {
  using Item = groups::FetchedGroup;
  using Part = kafka::OffsetFetchResponse::Group;
  static constexpr std::int16_t kFirstVersionWithMany = 8;

  [[nodiscard]] static std::size_t count(const Request& request, std::int16_t version) {
    return version >= kFirstVersionWithMany ? request.groups.size() : 1;
  }
  [[nodiscard]] static Item item(const Request& request, std::int16_t version, std::size_t index,
                                 kafka::Arena& arena) {
    if (version >= kFirstVersionWithMany) return {request.groups[index], version};
    Item only{{.group_id = request.group_id}, version};
    if (request.topics.is_null()) {
      only.group.topics = kafka::Array<Request::Group::Topic>::null();
      return only;
    }
    auto topics = arena.make<Request::Group::Topic>(request.topics.size());
    for (std::size_t i = 0; i < topics.size(); ++i) {
      topics[i].name = request.topics[i].name;
      topics[i].partition_indexes = request.topics[i].partition_indexes;
    }
    only.group.topics = topics;
    return only;
  }
  [[nodiscard]] static std::string_view group_of(const Item& item) { return item.group.group_id; }
  [[nodiscard]] static Part refusal(const Item& item, kafka::ErrorCode error, kafka::Arena& arena) {
    return groups::failed_fetch(item, error, arena);
  }
  static void handle(GroupCoordinator& coordinator, const Client&, const Item& item,
                     groups::Reply<Part> reply) {
    groups::fetch_offsets(coordinator, item, std::move(reply));
  }
  [[nodiscard]] static Response join(std::span<Part> parts, std::int16_t version,
                                     kafka::Arena& arena) {
    Response response;
    if (version >= kFirstVersionWithMany) {
      response.groups = parts;
      return response;
    }
    const Part& only = parts[0];
    auto topics = arena.make<Response::Topic>(only.topics.size());
    for (std::size_t i = 0; i < topics.size(); ++i) {
      topics[i] = {.name = only.topics[i].name, .partitions = only.topics[i].partitions};
    }
    response.topics = topics;
    response.error_code = only.error_code;
    return response;
  }
};

struct OffsetDeleteApi : OneGroupApi<kafka::OffsetDeleteRequest, kafka::OffsetDeleteResponse> {
  static void handle(GroupCoordinator& coordinator, const Client&, const Item& item,
                     groups::Reply<Part> reply) {
    groups::delete_offsets(coordinator, item, std::move(reply));
  }
};

}  // namespace

Result<void> offset_commit(ResponseSlot& slot, kafka::Reader& reader) {
  return group_request<OffsetCommitApi>(slot, reader);
}

Result<void> offset_fetch(ResponseSlot& slot, kafka::Reader& reader) {
  return group_request<OffsetFetchApi>(slot, reader);
}

Result<void> offset_delete(ResponseSlot& slot, kafka::Reader& reader) {
  return group_request<OffsetDeleteApi>(slot, reader);
}

}  // namespace duolog::session
