// PartitionList: the partitions of a topic, by number, while there may come more of them.
//
// It grows on shard 0, by publishing a longer table; every shard reads it at any time. A list that
// was walked or measured may be longer in the next line, never shorter, so iterators are numbers.
// The old table is given to whoever grows the list, to be freed after every shard's quiescent
// point.
#pragma once

#include <atomic>
#include <cstddef>
#include <iterator>
#include <memory>
#include <vector>

namespace duolog::broker {

struct Partition;

class PartitionList {
 public:
  using Table = std::vector<Partition*>;

  PartitionList() = default;
  ~PartitionList();
  PartitionList(const PartitionList&) = delete;
  PartitionList& operator=(const PartitionList&) = delete;

  // ---- Any shard -------------------------------------------------------------------------------

  [[nodiscard]] std::size_t size() const { return table().size(); }
  [[nodiscard]] Partition* operator[](std::size_t number) const { return table()[number]; }

  class Iterator {
   public:
    using value_type = Partition*;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    Iterator(const PartitionList& list, std::size_t number) : list_(&list), number_(number) {}
    Partition* operator*() const { return (*list_)[number_]; }
    Iterator& operator++() {
      ++number_;
      return *this;
    }
    Iterator operator++(int) { return {*list_, number_++}; }
    bool operator==(const Iterator& other) const { return number_ == other.number_; }

   private:
    const PartitionList* list_ = nullptr;
    std::size_t number_ = 0;
  };
  [[nodiscard]] Iterator begin() const { return {*this, 0}; }
  [[nodiscard]] Iterator end() const { return {*this, size()}; }

  // ---- Shard 0 ---------------------------------------------------------------------------------

  // Adds partitions behind those that are there. Returns the table that nobody will find from now
  // on, but may still be reading.
  [[nodiscard]] std::unique_ptr<const Table> grow(std::vector<std::unique_ptr<Partition>> more);

 private:
  [[nodiscard]] const Table& table() const { return *table_.load(std::memory_order_acquire); }

  std::vector<std::unique_ptr<Partition>> owned_;
  std::atomic<const Table*> table_{new Table};
};

}  // namespace duolog::broker
