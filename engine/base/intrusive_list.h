// IntrusiveList: a doubly linked list whose links live in its elements.
//
// Linking and unlinking never allocate. An element is in at most one list per ListHook it has; it
// unlinks itself when it is destroyed. The list does not own its elements. One thread.
#pragma once

#include <cstddef>

#include "engine/base/check.h"

namespace duolog {

class ListHook {
 public:
  ListHook() = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;
  ~ListHook() { unlink(); }

  [[nodiscard]] bool linked() const { return next_ != nullptr; }
  void unlink() {
    if (!linked()) return;
    next_->prev_ = prev_;
    prev_->next_ = next_;
    next_ = prev_ = nullptr;
  }

 private:
  template <class T, ListHook T::*>
  friend class IntrusiveList;
  ListHook* next_ = nullptr;
  ListHook* prev_ = nullptr;
};

template <class T, ListHook T::* Hook>
class IntrusiveList {
 public:
  IntrusiveList() { head_.next_ = head_.prev_ = &head_; }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    clear();
    head_.next_ = head_.prev_ = nullptr;
  }

  [[nodiscard]] bool empty() const { return head_.next_ == &head_; }
  [[nodiscard]] T* front() { return empty() ? nullptr : owner(head_.next_); }
  // The element after `item`, or null at the end.
  [[nodiscard]] T* next(T& item) {
    ListHook* hook = (item.*Hook).next_;
    return hook == &head_ ? nullptr : owner(hook);
  }

  void push_back(T& item) {
    ListHook& hook = item.*Hook;
    CHECK(!hook.linked());
    hook.prev_ = head_.prev_;
    hook.next_ = &head_;
    head_.prev_->next_ = &hook;
    head_.prev_ = &hook;
  }
  void push_front(T& item) {
    ListHook& hook = item.*Hook;
    CHECK(!hook.linked());
    hook.next_ = head_.next_;
    hook.prev_ = &head_;
    head_.next_->prev_ = &hook;
    head_.next_ = &hook;
  }
  [[nodiscard]] T* pop_front() {
    T* item = front();
    if (item) (item->*Hook).unlink();
    return item;
  }
  // Moves every element of `other` to the end of this list, in order, in constant time.
  void splice_back(IntrusiveList& other) {
    if (other.empty()) return;
    other.head_.next_->prev_ = head_.prev_;
    head_.prev_->next_ = other.head_.next_;
    other.head_.prev_->next_ = &head_;
    head_.prev_ = other.head_.prev_;
    other.head_.next_ = other.head_.prev_ = &other.head_;
  }
  void clear() {
    while (pop_front()) {
    }
  }

 private:
  static T* owner(ListHook* hook) {
    // Hook is a pointer to member: its byte offset within T is the same for every T.
    const auto offset =
        reinterpret_cast<std::ptrdiff_t>(&(reinterpret_cast<T const volatile*>(0x1000)->*Hook)) -
        0x1000;
    return reinterpret_cast<T*>(reinterpret_cast<char*>(hook) - offset);
  }
  ListHook head_;
};

}  // namespace duolog
