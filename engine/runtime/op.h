// Op: one operation of the ring, living inside the object that it belongs to.
//
// Its address is the `user_data` of its submissions and its function is called with every
// completion, on the shard's thread. An Op has at most one submission in flight; a multishot one
// stays in flight until a completion comes without IORING_CQE_F_MORE. Its owner may be destroyed
// only when it is not in flight, which the destructor checks.
#pragma once

#include <cstdint>

#include "engine/base/check.h"

namespace duolog::runtime {

struct Op {
  // `result` is what the system call would return, or the negated errno; `flags` are those of the
  // completion (io_uring(7)). The Op may be submitted again, or destroyed, from within.
  using Completion = void (*)(Op& op, std::int32_t result, std::uint32_t flags);

  explicit Op(Completion on_completion) : completed(on_completion) {}
  Op(const Op&) = delete;
  Op& operator=(const Op&) = delete;
  ~Op() { CHECK(!in_flight); }

  Completion completed;
  bool in_flight = false;  // the Ring's
};

// An Op that knows its owner, for completion functions that need it.
//
//   struct Socket { OwnedOp<Socket> receive_{*this, on_receive}; };
template <class Owner>
struct OwnedOp : Op {
  OwnedOp(Owner& the_owner, Completion on_completion) : Op(on_completion), owner(the_owner) {}
  // In a completion function: the owner of the Op that it was called with.
  [[nodiscard]] static Owner& of(Op& op) { return static_cast<OwnedOp&>(op).owner; }

  Owner& owner;
};

}  // namespace duolog::runtime
