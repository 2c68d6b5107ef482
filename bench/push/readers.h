// Readers: many subscribers on one thread, which reads them all and notes how late each record is.
//
// One epoll, one receive buffer; reading allocates nothing. The thread starts with the first `add`
// and ends with the object. The main thread adds, and asks for what was measured; a mutex that is
// taken once for each batch of events lies between.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "bench/push/frame_stream.h"
#include "bench/push/subscriber.h"
#include "engine/base/histogram.h"

namespace duolog::load {

class Readers {
 public:
  // Room for `most` subscribers, which the thread's view of them stays valid for.
  explicit Readers(std::size_t most);
  ~Readers();
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

  void add(Subscriber subscriber);
  [[nodiscard]] std::size_t size() const { return readers_.size(); }

  struct Measured {
    Histogram late_ns;          // of the records due at `from_ns` or later
    std::uint64_t last_ns = 0;  // when the last of them came
    std::uint64_t fewest = 0;   // that a subscriber received, of all records
    std::uint64_t most = 0;
    std::uint64_t closed = 0;  // subscribers whose connection has ended
    double cpu_s = 0;          // of the thread
  };
  // Begins anew, and counts as measured what is due at `from_ns` or later.
  void begin(std::uint64_t from_ns);
  // Deliveries since begin().
  [[nodiscard]] std::uint64_t arrived() const { return arrived_.load(std::memory_order_relaxed); }
  [[nodiscard]] Measured measured();

 private:
  struct Reader {
    Subscriber subscriber;
    FrameStream stream;
    std::uint32_t received = 0;
  };

  void run();
  void read(Reader& reader);
  void take(Reader& reader, Bytes bytes, std::uint64_t now_ns);
  void drop(Reader& reader);

  std::mutex mutex_;  // over what follows
  std::vector<Reader> readers_;
  std::vector<std::uint8_t> buffer_;
  Histogram late_ns_;
  std::uint64_t from_ns_ = 0;
  std::uint64_t last_ns_ = 0;
  std::uint64_t closed_ = 0;
  std::uint64_t began_cpu_ns_ = 0;

  std::atomic<std::uint64_t> arrived_{0};
  std::atomic<bool> stop_{false};
  int epoll_;
  std::thread thread_;
};

}  // namespace duolog::load
