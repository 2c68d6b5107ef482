// DescribeGroups, ListGroups and DeleteGroups: carried to the coordinators of the groups.
#include "net/kafka/group_admin.h"

#include <span>
#include <utility>

#include "engine/groups/memberships.h"
#include "engine/session/kafka/requests/group_request.h"
#include "engine/session/kafka/requests/handlers.h"

namespace duolog::session {
namespace {

using groups::Client;
using groups::GroupCoordinator;
using groups::Reply;
using kafka::ErrorCode;

struct DescribeGroupsApi {
  using Request = kafka::DescribeGroupsRequest;
  using Response = kafka::DescribeGroupsResponse;
  struct Item {
    std::string_view group_id;
    bool with_operations = false;
  };
  using Part = Response::Group;
  static constexpr bool kEveryShard = false;

  [[nodiscard]] static std::size_t count(const Request& request, std::int16_t /*version*/) {
    return request.groups.size();
  }
  [[nodiscard]] static Item item(const Request& request, std::int16_t /*version*/,
                                 std::size_t index, kafka::Arena&) {
    return {request.groups[index], request.include_authorized_operations};
  }
  [[nodiscard]] static std::string_view group_of(const Item& item) { return item.group_id; }
  static void handle(GroupCoordinator& coordinator, const Client& client, const Item& item,
                     Reply<Part> reply) {
    coordinator.memberships().describe(client, item.group_id, item.with_operations,
                                       std::move(reply));
  }
  [[nodiscard]] static Part refusal(const Item& item, ErrorCode error, kafka::Arena&) {
    return {.error_code = error, .group_id = item.group_id};
  }
  [[nodiscard]] static Response join(std::span<Part> parts, std::int16_t /*version*/,
                                     kafka::Arena&) {
    return {.groups = parts};
  }
};

// Every shard lists its groups.
struct ListGroupsApi {
  using Request = kafka::ListGroupsRequest;
  using Response = kafka::ListGroupsResponse;
  using Item = Request;
  using Part = Response;
  static constexpr bool kEveryShard = true;

  [[nodiscard]] static std::size_t count(const Request&, std::int16_t /*version*/) { return 0; }
  [[nodiscard]] static Item item(const Request& request, std::int16_t /*version*/,
                                 std::size_t /*index*/, kafka::Arena&) {
    return request;
  }
  static void handle(GroupCoordinator& coordinator, const Client& client, const Item& request,
                     Reply<Part> reply) {
    coordinator.memberships().list(client, request, std::move(reply));
  }
  [[nodiscard]] static Part refusal(const Item&, ErrorCode error, kafka::Arena&) {
    return {.error_code = error};
  }
  // A list that lacks a shard's groups would be taken for the whole.
  [[nodiscard]] static Response join(std::span<Part> parts, std::int16_t /*version*/,
                                     kafka::Arena& arena) {
    std::size_t total = 0;
    for (const Part& part : parts) {
      if (part.error_code != ErrorCode::kNone) return {.error_code = part.error_code};
      total += part.groups.size();
    }
    auto all = arena.make<Response::Group>(total);
    std::size_t count = 0;
    for (const Part& part : parts) {
      for (const Response::Group& group : part.groups) all[count++] = group;
    }
    return {.groups = all};
  }
};

struct DeleteGroupsApi {
  using Request = kafka::DeleteGroupsRequest;
  using Response = kafka::DeleteGroupsResponse;
  struct Item {
    std::string_view group_id;
  };
  using Part = Response::Group;
  static constexpr bool kEveryShard = false;

  [[nodiscard]] static std::size_t count(const Request& request, std::int16_t /*version*/) {
    return request.groups_names.size();
  }
  [[nodiscard]] static Item item(const Request& request, std::int16_t /*version*/,
                                 std::size_t index, kafka::Arena&) {
    return {request.groups_names[index]};
  }
  [[nodiscard]] static std::string_view group_of(const Item& item) { return item.group_id; }
  static void handle(GroupCoordinator& coordinator, const Client&, const Item& item,
                     Reply<Part> reply) {
    coordinator.memberships().remove(item.group_id, std::move(reply));
  }
  [[nodiscard]] static Part refusal(const Item& item, ErrorCode error, kafka::Arena&) {
    return {.group_id = item.group_id, .error_code = error};
  }
  [[nodiscard]] static Response join(std::span<Part> parts, std::int16_t /*version*/,
                                     kafka::Arena&) {
    return {.results = parts};
  }
};

}  // namespace

Result<void> describe_groups(ResponseSlot& slot, kafka::Reader& reader) {
  return group_request<DescribeGroupsApi>(slot, reader);
}
Result<void> list_groups(ResponseSlot& slot, kafka::Reader& reader) {
  return group_request<ListGroupsApi>(slot, reader);
}
Result<void> delete_groups(ResponseSlot& slot, kafka::Reader& reader) {
  return group_request<DeleteGroupsApi>(slot, reader);
}

}  // namespace duolog::session
