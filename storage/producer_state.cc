#include "storage/producer_state.h"

#include <algorithm>
#include <limits>

#include "engine/base/check.h"

namespace duolog::storage {
namespace {

constexpr std::int32_t kLastSequence = std::numeric_limits<std::int32_t>::max();

std::int32_t sequence_after(std::int32_t sequence, std::int32_t steps) {
  if (sequence <= kLastSequence - steps) return sequence + steps;
  return steps - (kLastSequence - sequence) - 1;
}

}  // namespace

ProducerStamp producer_stamp(Bytes batch) {
  const std::uint8_t* at = batch.data();
  ProducerStamp stamp;
  stamp.id = load_be<std::int64_t>(at + batch_at::kProducerId);
  stamp.epoch = load_be<std::int16_t>(at + batch_at::kProducerEpoch);
  stamp.first_sequence = load_be<std::int32_t>(at + batch_at::kBaseSequence);
  stamp.last_sequence =
      sequence_after(stamp.first_sequence, load_be<std::int32_t>(at + batch_at::kLastOffsetDelta));
  return stamp;
}

void ProducerState::add(const ProducerBatch& batch) {
  if (count == kProducerWindow) {
    std::move(batches.begin() + 1, batches.end(), batches.begin());
    --count;
  }
  batches[count++] = batch;
}

// ---- Producers

Producers::~Producers() { CHECK(count_ == 0); }

void Producers::forget(Known& known) {
  known.hook.unlink();
  --count_;
  known.table->by_id_.erase(known.state.id);
}

void Producers::expire(std::int64_t now_ms) {
  if (undated_) date_recovered(now_ms);
  while (Known* oldest = by_age_.front()) {
    if (now_ms - oldest->state.last_used_ms < limits_.expiration_ms) return;
    forget(*oldest);
    ++expired_;
  }
}

// Those from before this start count as used now where nothing better is known, as after a clock
// has been set back, and all are put in order. Only then is it known who goes beyond the limit.
void Producers::date_recovered(std::int64_t now_ms) {
  undated_ = false;
  std::vector<Known*> all;
  all.reserve(count_);
  while (Known* known = by_age_.pop_front()) {
    std::int64_t& used_ms = known->state.last_used_ms;
    if (used_ms == 0 || used_ms > now_ms) used_ms = now_ms;
    all.push_back(known);
  }
  std::ranges::stable_sort(all, {}, [](const Known* known) { return known->state.last_used_ms; });
  for (Known* known : all) by_age_.push_back(*known);
  for (; count_ > limits_.max_producers; ++evicted_) forget(*by_age_.front());
}

// ---- ProducerTable

ProducerTable::Finding ProducerTable::check(const ProducerStamp& stamp) const {
  const auto found = by_id_.find(stamp.id);
  if (found == by_id_.end()) return {};
  auto* known = const_cast<Producers::Known*>(&found->second);
  const ProducerState& state = known->state;
  if (stamp.epoch < state.epoch) return {Verdict::kOldEpoch, known};
  if (stamp.epoch > state.epoch) {
    return {stamp.first_sequence == 0 ? Verdict::kNext : Verdict::kOutOfOrder, known};
  }
  for (std::size_t i = 0; i < state.count; ++i) {
    const ProducerBatch& batch = state.batches[i];
    if (batch.first_sequence == stamp.first_sequence &&
        batch.last_sequence == stamp.last_sequence) {
      return {Verdict::kDuplicate, known, &batch};
    }
  }
  const std::int32_t next = sequence_after(state.batches[state.count - 1U].last_sequence, 1);
  return {stamp.first_sequence == next ? Verdict::kNext : Verdict::kOutOfOrder, known};
}

void ProducerTable::note(Producers::Known* known, const ProducerStamp& stamp,
                         const ProducerBatch& batch, std::int64_t now_ms) {
  if (known == nullptr) known = &add(stamp.id);
  ProducerState& state = known->state;
  if (state.epoch != stamp.epoch) {
    state.epoch = stamp.epoch;
    state.count = 0;
  }
  state.add(batch);
  state.last_used_ms = now_ms;
  known->hook.unlink();
  all_.by_age_.push_back(*known);
}

void ProducerTable::replay(const ProducerStamp& stamp, const ProducerBatch& batch) {
  const auto found = by_id_.find(stamp.id);
  note(found == by_id_.end() ? nullptr : &found->second, stamp, batch, 0);
}

Producers::Known& ProducerTable::add(std::int64_t id) {
  if (!all_.undated_ && all_.count_ >= all_.limits_.max_producers) {
    if (Producers::Known* oldest = all_.by_age_.front()) {
      all_.forget(*oldest);
      ++all_.evicted_;
    }
  }
  Producers::Known& known = by_id_[id];
  known.table = this;
  known.state.id = id;
  all_.by_age_.push_back(known);
  ++all_.count_;
  return known;
}

std::vector<ProducerState> ProducerTable::snapshot() const {
  std::vector<ProducerState> states;
  states.reserve(by_id_.size());
  for (const auto& [id, known] : by_id_) states.push_back(known.state);
  return states;
}

void ProducerTable::load(std::span<const ProducerState> states) {
  CHECK(empty());
  all_.undated_ = all_.undated_ || !states.empty();
  for (const ProducerState& state : states) {
    CHECK(state.count > 0 && state.count <= kProducerWindow);
    Producers::Known& known = add(state.id);
    known.state = state;
    for (ProducerBatch& batch : known.state.batches) batch.end = Position(0);
  }
}

void ProducerTable::clear() {
  for (auto& [id, known] : by_id_) known.hook.unlink();
  all_.count_ -= by_id_.size();
  by_id_.clear();
}

}  // namespace duolog::storage
