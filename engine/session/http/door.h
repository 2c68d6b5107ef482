// HttpDoor: what one shard's HTTP and WebSocket connections share.
//
// One for each shard, made on its thread after its broker, and used there alone; it outlives the
// shard's connections (the runtime has stopped before it goes). `settings` and `view` outlive it.
//
//   start:  doors[n] = std::make_unique<HttpDoor>(broker, settings, view);
//   accept: doors[here.id().value]->accept(descriptor);
//   stop:   doors[n]->drain();   // the shard turns on until every connection is closed
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/intrusive_list.h"
#include "engine/broker/broker.h"
#include "engine/runtime/log.h"
#include "engine/runtime/shard.h"
#include "engine/session/feed/publisher.h"
#include "engine/session/http/connection.h"
#include "engine/session/http/counters.h"
#include "engine/session/http/server_view.h"
#include "engine/session/http/settings.h"
#include "engine/session/live/batch_cache.h"
#include "engine/session/live/warm_ups.h"
#include "engine/session/push/sender.h"
#include "engine/session/transport/send_list.h"
#include "engine/session/websocket/deflate.h"
#include "net/push/command_parser.h"
#include "storage/time_search.h"

namespace duolog::session {

class HttpDoor {
 public:
  HttpDoor(broker::Broker& broker, const HttpSettings& settings, const ServerView& view);
  ~HttpDoor();
  HttpDoor(const HttpDoor&) = delete;
  HttpDoor& operator=(const HttpDoor&) = delete;

  // Serves a connected socket, which is the door's from here on.
  void accept(int descriptor);
  // Closes every connection: feeds with 4503 "draining"; and takes no more.
  void drain();

  [[nodiscard]] const HttpCounters& counters() const { return counters_; }  // any thread

  // ---- For its connections ---------------------------------------------------------------------

  [[nodiscard]] broker::Broker& broker() { return broker_; }
  [[nodiscard]] runtime::Shard& shard() { return broker_.shard(); }
  [[nodiscard]] const HttpSettings& settings() const { return settings_; }
  [[nodiscard]] const ServerView& view() const { return view_; }
  [[nodiscard]] HttpCounters& counters() { return counters_; }
  [[nodiscard]] FeedCache& cache() { return cache_; }
  [[nodiscard]] PushCache& push_cache() { return push_cache_; }
  [[nodiscard]] WarmUps& warm_ups() { return warm_ups_; }
  [[nodiscard]] SendList& send_list() { return send_list_; }
  [[nodiscard]] WsDeflateShare& deflate_share() { return deflate_share_; }
  // Partitions in turn, for publishers that do not name one.
  [[nodiscard]] std::int32_t next_partition(std::int32_t count);
  // Logs a line, if not too many came before it.
  void warn(std::string_view line);

  [[nodiscard]] std::unique_ptr<PublishBatch> take_batch(std::size_t max_bytes);
  void give_back(std::unique_ptr<PublishBatch> batch);

  // Of one send of the push protocol; empty.
  [[nodiscard]] std::unique_ptr<PushPlan> take_plan();
  void give_back(std::unique_ptr<PushPlan> plan);

  // Scratch, for as long as nobody else runs.
  [[nodiscard]] push::CommandParser& commands() { return commands_; }
  [[nodiscard]] std::string& text();                           // empty
  [[nodiscard]] std::vector<push::PositionText>& positions();  // empty
  [[nodiscard]] std::vector<storage::RecordHeader>& headers() { return headers_; }
  [[nodiscard]] storage::SearchScratch& search_scratch() { return search_scratch_; }

  void add(HttpConnection& connection);
  void remove(HttpConnection& connection);

 private:
  static constexpr std::size_t kKeptBatches = 16;
  static constexpr std::size_t kKeptBatchBytes = 64U << 10;
  static constexpr std::size_t kKeptPlans = 64;
  static constexpr std::size_t kKeptTextBytes = 64U << 10;
  struct Watcher : broker::TopicWatcher {
    HttpDoor* door = nullptr;
  };
  void topic_grown(const broker::Topic& topic);
  void topic_gone(const broker::Topic& topic);

  broker::Broker& broker_;
  const HttpSettings& settings_;
  const ServerView& view_;
  HttpCounters counters_;
  FeedCache cache_;
  PushCache push_cache_;
  WarmUps warm_ups_;
  SendList send_list_;
  WsDeflateShare deflate_share_;
  runtime::LogLimit log_limit_;
  Watcher watcher_;
  IntrusiveList<HttpConnection, &HttpConnection::link> connections_;
  std::vector<std::unique_ptr<PublishBatch>> batches_;
  std::vector<std::unique_ptr<PushPlan>> plans_;
  push::CommandParser commands_;
  std::string text_;
  std::vector<push::PositionText> positions_;
  std::vector<storage::RecordHeader> headers_;
  storage::SearchScratch search_scratch_;
  std::uint32_t next_partition_;
  bool draining_ = false;
};

}  // namespace duolog::session
