// Call: a client's request at the coordinator of its group, until it is answered.
//
// Made by the session that received the request, once it knows that the client may ask this of the
// group, and carried to the coordinator's shard, where the handler gets it as a Reply. A handler
// answers once, at once or much later, on that shard. When the coordinator stops it answers what
// still waits there with NOT_COORDINATOR, so that the server can stop; a handler that answers such
// a call afterwards is not heard.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/intrusive_list.h"
#include "engine/broker/authorize.h"
#include "net/kafka/arena.h"
#include "net/kafka/errors.h"

namespace duolog::groups {

// Who asks, and in which version of the request. Views: valid for as long as the request.
struct Client {
  std::int16_t version = 0;
  std::string_view id;    // the client id of the request's header
  std::string_view host;  // numeric address
  broker::Principal principal;
};

class Call {
 public:
  virtual ~Call() = default;
  // Answers with an error, in the shape of this API.
  virtual void refuse(kafka::ErrorCode error) = 0;
  [[nodiscard]] bool answered() const { return answered_; }

  ListHook hook;  // the coordinator's, while it waits

 protected:
  bool answered_ = false;
};

template <class Response>
class CallFor : public Call {
 public:
  // Takes what it needs of the response: its views need be valid only during the call.
  virtual void answer(const Response& response) = 0;
  // For the response's arrays and strings; lives as long as the call.
  [[nodiscard]] kafka::Arena& arena() { return arena_; }

 private:
  kafka::Arena arena_;
};

// The obligation to answer a call: exactly once, by calling it or `refuse`.
template <class Response>
class Reply {
 public:
  explicit Reply(std::unique_ptr<CallFor<Response>> call) : call_(std::move(call)) {}
  Reply(Reply&&) noexcept = default;
  Reply& operator=(Reply&&) noexcept = default;
  ~Reply() { CHECK(call_ == nullptr || call_->answered()); }

  void operator()(const Response& response) { take()->answer(response); }
  void refuse(kafka::ErrorCode error) { take()->refuse(error); }

  [[nodiscard]] kafka::Arena& arena() { return call_->arena(); }
  // It waits for nothing but the log, whose answer comes even when the coordinator stops. The
  // request stays valid until then.
  void only_waits_for_log() { call_->hook.unlink(); }

 private:
  std::unique_ptr<CallFor<Response>> take() {
    CHECK(call_ != nullptr);
    call_->hook.unlink();
    return std::move(call_);
  }
  std::unique_ptr<CallFor<Response>> call_;
};

}  // namespace duolog::groups
