// LogStore: how logs, and the store itself, come to their end.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "storage/file_util.h"
#include "storage/group_commit.h"
#include "storage/journal_reader.h"
#include "storage/log_store.h"
#include "storage/segment_files.h"
#include "storage/tail.h"

namespace duolog::storage {
namespace {

// Also those that are no part of the log any more.
std::vector<Segment*> all_segments(const Tail& tail) {
  const SegmentTable& table = tail.log.segments();
  std::vector<Segment*> all(tail.going);
  all.insert(all.end(), tail.replaced_going.begin(), tail.replaced_going.end());
  all.insert(all.end(), table.leaving.begin(), table.leaving.end());
  all.insert(all.end(), table.segments.begin(), table.segments.end());
  return all;
}

}  // namespace

void LogStore::stop(std::move_only_function<void()> done) {
  stopping_ = true;
  trimmer_.stop();
  retention_.stop();
  cleaner_.stop();
  stopped_ = std::move(done);
  for (Tail* tail : tails_) {
    tail->draining = tail->stopping = true;
    // What recovery left and nobody has written to since is on disk already, cut to its size.
    const Segment* active = tail->active();
    if (active && tail->log.appended().offset == tail->adopted_end) tail->stopped = true;
  }
  for (std::size_t i = 0; i < tails_.size(); ++i) {
    retry(*tails_[i]);  // waiting appends are refused
  }
  check_stopped();
}

void LogStore::check_stopped() {
  if (failed_ || !stopped_ || memory_.pool().growing() || !commit_->settled()) return;
  for (Tail* tail : tails_) {
    // One that is being removed is waited for: it is written no more, and soon gone.
    if (tail->removed || !tail->idle() || (!tail->unsealed.empty() && !tail->stopped)) return;
  }
  // Nothing is left for the next start to redo, and nothing is written any more.
  ended_ = true;
  if (std::ranges::any_of(tails_, [](const Tail* tail) { return tail->needs_journal; })) {
    return std::exchange(stopped_, nullptr)();
  }
  disk_.run([this] { (void)JournalReader::forget(disk_.files(), commit_->journal().directory()); },
            std::exchange(stopped_, nullptr));
}

void LogStore::fail(Error error) {
  if (std::exchange(failed_, true)) return;
  cleaner_.stop();
  if (events_.failed) events_.failed(events_.context, std::move(error));
}

void LogStore::remove(Log& log, std::string graveyard, std::move_only_function<void()> done) {
  Tail& tail = *log.tail;
  CHECK(!tail.removed);
  if (log.offline) --offline_;
  tail.removed = std::move(done);
  tail.graveyard = std::move(graveyard);
  tail.close();
  tail.pending_hook.unlink();
  tail.extents.clear();
  tail.producers.clear();
  cleaner_.forget(tail);
  retry(tail);  // waiting appends are refused
  while (AckWaiter* waiter = tail.acks.pop_front()) {
    waiter->done(*waiter, duolog::fail(Errc::kClosed, "the topic was deleted"));
  }
  try_remove(tail);
}

void LogStore::try_remove(Tail& tail) {
  if (!tail.idle() || tail.removing) return;
  tail.removing = true;
  std::vector<FileId> open;
  open.reserve(tail.unsealed.size());
  for (Segment* segment : tail.unsealed) open.push_back(std::exchange(segment->file, kNoFile));
  auto outcome = std::make_unique<Result<void>>();
  auto* result = outcome.get();
  disk_.run(
      [this, result, &tail, open = std::move(open)] {
        const LogIdentity& identity = tail.log.identity;
        for (const FileId file : open) disk_.files().close(file);
        // What cannot be removed now is removed when the name is used again, or at a later start:
        // the deletion itself is durable.
        *result = unless_unflushed(
            bury(disk_.files(), identity.topic_id, identity.directory, tail.graveyard));
      },
      [this, &tail, outcome = std::move(outcome)] {
        if (!*outcome) fail(outcome->error());
        memory_.forget(tail);
        auto done = std::move(tail.removed);
        std::erase(tails_, &tail);
        done();
        retired_.retire([this, &tail] { free_when_unpinned(tail); });
        if (stopping_) check_stopped();
      });
}

void LogStore::free_when_unpinned(Tail& tail) {
  if (ending_) return;
  for (const Segment* segment : all_segments(tail)) {
    if (segment->pins.load() > 0) {
      retired_.retire([this, &tail] { free_when_unpinned(tail); });
      return;
    }
  }
  free_log(tail);
}

void LogStore::free_log(Tail& tail) {
  for (Segment* segment : all_segments(tail)) {
    if (segment->file != kNoFile) disk_.files().close(segment->file);
    segment->unmap(disk_.files());
    delete segment;
  }
  std::erase(tails_, &tail);
  std::erase_if(owned_, [&](const auto& owned) { return owned.get() == &tail; });
}

}  // namespace duolog::storage
