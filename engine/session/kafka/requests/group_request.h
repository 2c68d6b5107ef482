// Group requests: from the connection to the group's coordinator, and the answer back.
//
//   slot, connection's shard                        coordinator's shard
//   decode, kept in the slot --- call ------------> admit, ready_for, Api::handle
//   encode, complete        <--- a copy of the ---- reply
//                                response
//
// A request lives in its slot, which is not used again before it is answered, so that what is
// handled on the other shard is views into the slot's frame and arena; nobody else touches them. A
// handler uses nothing of the request, the client or the item after its reply: they are the
// connection's again then, on its shard.
// An API is a struct of what differs:
//
//   struct HeartbeatApi : OneGroupApi<kafka::HeartbeatRequest, kafka::HeartbeatResponse> {
//     static void handle(groups::GroupCoordinator&, const groups::Client&, const Item&,
//                        groups::Reply<Part>);
//   };
//
// and is served by group_request<HeartbeatApi>(slot, reader). A request that names several groups
// is as many calls; one about all groups is a call of every shard (`kEveryShard`).
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "engine/groups/group_coordinators.h"
#include "engine/runtime/runtime.h"
#include "engine/session/kafka/requests/gathering_job.h"
#include "net/kafka/deep_copy.h"

namespace duolog::session {

// Limits of what one request may ask for: it may name the same group again and again.
inline constexpr std::size_t kMaxGroupsPerRequest = 10'000;
inline constexpr std::size_t kMaxGroupResponseBytes = 64U << 20;

// The API of a request for one group, whose response has one error code. Others have an `Item` for
// each group (any trivially destructible struct) and a `Part` of the response that answers it.
template <class RequestType, class ResponseType>
struct OneGroupApi {
  using Request = RequestType;
  using Response = ResponseType;
  using Item = Request;
  using Part = Response;
  static constexpr bool kEveryShard = false;

  [[nodiscard]] static std::size_t count(const Request&, std::int16_t /*version*/) { return 1; }
  // Its arrays are made in the arena, which lives as long as the request.
  [[nodiscard]] static Item item(const Request& request, std::int16_t /*version*/,
                                 std::size_t /*index*/, kafka::Arena&) {
    return request;
  }
  [[nodiscard]] static std::string_view group_of(const Item& item) { return item.group_id; }
  // What answers an item that its coordinator refuses; arrays are made in the arena.
  [[nodiscard]] static Part refusal(const Item&, kafka::ErrorCode error, kafka::Arena&) {
    return {.error_code = error};
  }
  // The response of its parts, in the order of the items.
  [[nodiscard]] static Response join(std::span<Part> parts, std::int16_t /*version*/,
                                     kafka::Arena&) {
    return parts[0];
  }
};

// A call on its way. `item` and `client` stay until it is answered.
template <class Api>
class CarriedCall final : public groups::CallFor<typename Api::Part> {
 public:
  using Item = typename Api::Item;
  using Part = typename Api::Part;
  using Done = std::move_only_function<void(const Part&)>;

  CarriedCall(runtime::Shard& home, const groups::Client& client, const Item& item, Done done)
      : home_(home), client_(client), item_(item), done_(std::move(done)) {
    home_.hold();
  }

  // On the coordinator's shard.
  static void arrive(groups::GroupCoordinator& coordinator, std::unique_ptr<CarriedCall> call) {
    const groups::Client& client = call->client_;
    const Item& item = call->item_;
    call->there_ = &coordinator;
    groups::Reply<Part> reply =
        coordinator.admit(std::unique_ptr<groups::CallFor<Part>>(std::move(call)));
    kafka::ErrorCode refused;
    if constexpr (Api::kEveryShard) {
      refused = coordinator.ready();
    } else {
      refused = coordinator.ready_for(Api::group_of(item));
    }
    if (refused != kafka::ErrorCode::kNone) return reply.refuse(refused);
    Api::handle(coordinator, client, item, std::move(reply));
  }

  void answer(const Part& part) override {
    if (this->answered_) return;
    if (kafka::copied_bytes(part) <= kMaxGroupResponseBytes) return carry_home(part);
    there_->counters().responses_cut.add();
    refuse(kafka::ErrorCode::kInvalidRequest);
  }
  void refuse(kafka::ErrorCode error) override {
    if (!this->answered_) carry_home(Api::refusal(item_, error, this->arena()));
  }

 private:
  void carry_home(const Part& part) {
    this->answered_ = true;
    if (runtime::Shard::current() == &home_) {
      home_.release();
      return done_(part);
    }
    struct Parcel {
      kafka::Arena arena;
      Part part;
    };
    auto parcel = std::make_unique<Parcel>();
    parcel->part = kafka::deep_copy(parcel->arena, part);
    home_.runtime().run_on(home_.id(), [parcel = std::move(parcel),
                                        done = std::move(done_)](runtime::Shard& home) mutable {
      home.release();
      done(parcel->part);
    });
  }

  runtime::Shard& home_;
  const groups::Client& client_;
  const Item& item_;
  Done done_;
  groups::GroupCoordinator* there_ = nullptr;  // once it has arrived
};

// How many calls answer a request: one for each item, or for each shard.
template <class Api>
[[nodiscard]] std::size_t group_call_count(ResponseSlot& slot,
                                           const typename Api::Request& request) {
  if constexpr (Api::kEveryShard) {
    return slot.connection.sessions().groups().all().shard_count();
  } else {
    return Api::count(request, slot.version);
  }
}

// A group request in its slot: one call for each item, joined when all are answered.
template <class Api>
class GroupRequestJob final : public GatheringJob {
 public:
  using Request = typename Api::Request;
  using GatheringJob::GatheringJob;

  // What `request` is views of is the slot's.
  void start(const Request& request) {
    KafkaConnection& connection = slot_.connection;
    client_ = {.version = slot_.version,
               .id = slot_.arena.copy(slot_.client_id),
               .host = connection.peer_host(),
               .principal = connection.principal()};
    const std::size_t count = group_call_count<Api>(slot_, request);
    items_ = slot_.arena.make<Item>(count);
    parts_ = slot_.arena.make<Part>(count);
    for (std::size_t i = 0; i < count; ++i) {
      items_[i] = Api::item(request, slot_.version, i, slot_.arena);
    }
    for (std::size_t i = 0; i < count; ++i) send(i);
  }

 private:
  using Item = typename Api::Item;
  using Part = typename Api::Part;

  [[nodiscard]] groups::GroupCoordinator& coordinator() {
    return slot_.connection.sessions().groups();
  }

  void send(std::size_t index) {
    KafkaConnection& connection = slot_.connection;
    if constexpr (!Api::kEveryShard) {
      if (!connection.may(slot_, Api::group_of(items_[index]))) {
        parts_[index] =
            Api::refusal(items_[index], kafka::ErrorCode::kGroupAuthorizationFailed, slot_.arena);
        return;
      }
    }
    auto call = std::make_unique<CarriedCall<Api>>(
        connection.shard(), client_, items_[index],
        then([this, index](const Part& part) { answered(index, part); }));
    coordinator().when_there([&here = coordinator(), &item = items_[index], index,
                              call = std::move(call)](kafka::ErrorCode error) mutable {
      if (error != kafka::ErrorCode::kNone) return call->refuse(error);
      ShardId to(static_cast<std::uint16_t>(index));
      if constexpr (!Api::kEveryShard) to = here.shard_of(Api::group_of(item));
      groups::GroupCoordinator& there = here.all().on(to);
      if (&there == &here) return CarriedCall<Api>::arrive(there, std::move(call));
      here.shard().runtime().run_on(to, [&there, call = std::move(call)](runtime::Shard&) mutable {
        CarriedCall<Api>::arrive(there, std::move(call));
      });
    });
  }

  void answered(std::size_t index, const Part& part) {
    const std::size_t bytes = kafka::copied_bytes(part);
    if (bytes <= kMaxGroupResponseBytes - response_bytes_) {
      response_bytes_ += bytes;
      parts_[index] = kafka::deep_copy(slot_.arena, part);
    } else {
      coordinator().counters().responses_cut.add();
      parts_[index] = Api::refusal(items_[index], kafka::ErrorCode::kInvalidRequest, slot_.arena);
    }
  }

  void finish() override {
    const auto response = Api::join(parts_, slot_.version, slot_.arena);
    slot_.connection.count_errors(kafka::count_errors(response));
    slot_.connection.answer(slot_, response);
  }

  groups::Client client_;
  std::span<Item> items_;  // in the slot's arena
  std::span<Part> parts_;  // the same
  std::size_t response_bytes_ = 0;
};

// A request about groups is kept until it is answered, which for JoinGroup and SyncGroup is
// minutes, and all that while it takes of what its shard may hold for everybody. What groups may
// say and store in one request is less than this.
inline constexpr std::size_t kMaxGroupRequestBytes = 4U << 20;

// An error: the bytes are no such request, or too many; the connection is closed.
template <class Api>
[[nodiscard]] Result<void> group_request(ResponseSlot& slot, kafka::Reader& reader) {
  if (reader.remaining() > kMaxGroupRequestBytes) {
    return fail(Errc::kTooLarge, "a request about consumer groups of " +
                                     std::to_string(reader.remaining()) + " bytes; the limit is " +
                                     std::to_string(kMaxGroupRequestBytes));
  }
  kafka::Reader kept(slot.connection.keep_rest(slot, reader), slot.arena);
  typename Api::Request request;
  if (auto decoded = kafka::decode(kept, slot.version, request); !decoded) return decoded;
  const std::size_t count = group_call_count<Api>(slot, request);
  if (count > kMaxGroupsPerRequest) {
    return fail(Errc::kTooLarge, "a request about " + std::to_string(count) + " groups; at most " +
                                     std::to_string(kMaxGroupsPerRequest) + " are answered");
  }
  start_job<GroupRequestJob<Api>>(slot, request);
  return {};
}

}  // namespace duolog::session
