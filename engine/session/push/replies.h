// PushReplies: what the push protocol says besides records, as frames on their way out.
//
//   plan:  cut()    the rest of a frame that was cut short
//          whole()  everything behind it
//   then:  sent()   how much of both the kernel took
//
// Texts may be added at any time; those of a plan do not move. Owned by a PushEndpoint, on the
// shard's thread. How much may wait is the endpoint's to limit.
#pragma once

#include <cstddef>
#include <string>

#include "engine/session/transport/send_list.h"

namespace duolog::session {

class PushReplies {
 public:
  // One message, a text of any length.
  void add(std::string_view text);

  [[nodiscard]] std::size_t size_bytes() const { return waiting_.size() + leaving_.size() - at_; }
  [[nodiscard]] bool empty() const { return size_bytes() == 0; }

  // False: there was no room in the list.
  [[nodiscard]] bool cut(SendList& list);
  [[nodiscard]] bool whole(SendList& list);
  // Of what cut() and whole() added since the last call.
  [[nodiscard]] std::size_t cut_bytes() const { return cut_bytes_; }
  [[nodiscard]] std::size_t whole_bytes() const { return whole_bytes_; }
  void sent(std::size_t of_cut, std::size_t of_whole);

  // Some were added that whole() has left out.
  [[nodiscard]] bool waiting() const { return !waiting_.empty(); }

 private:
  std::string waiting_;  // added since leaving_ was filled
  std::string leaving_;  // being sent, from at_ on
  std::size_t at_ = 0;
  std::size_t frame_ = 0;      // where the frame begins that holds at_, or at_ itself
  std::size_t frame_end_ = 0;  // where that one ends; at_ where none is cut
  std::size_t cut_bytes_ = 0;
  std::size_t whole_bytes_ = 0;
};

}  // namespace duolog::session
