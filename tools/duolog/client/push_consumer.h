// PushConsumer: reads one topic by the push protocol, over as many connections as it takes.
//
// It holds what a resume needs: the topic's id, the newest epoch it has seen, and the next offset
// of each partition. When a connection ends it opens another, after a pause that grows and is
// random in part, and goes on where it was: no record comes twice, and none is lost without a word.
// Owned by the command; used on one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tools/duolog/client/push_client.h"
#include "tools/duolog/client/record_format.h"

namespace duolog::tools {

class PushConsumer {
 public:
  struct Wanted {
    std::string topic;
    std::vector<int> partitions;  // empty: all, and those that are added
    std::string from;             // "earliest", "latest", an offset, or "-N"
  };
  // `notice` is told, in words, of lost connections, resumes and gaps.
  [[nodiscard]] static Result<std::unique_ptr<PushConsumer>> start(
      const PushOptions& options, Wanted wanted, std::function<void(const std::string&)> notice);

  // The next record, or null when none came within `timeout_ms`; valid until the next call. An
  // error is final: the topic is gone or another, an offset is not in the log, the server wants no
  // more.
  [[nodiscard]] Result<const RecordView*> next(int timeout_ms);

  // Whether every partition has been read to where it ended when reading began.
  [[nodiscard]] bool all_ended() const;
  // Records that had gone before they were read, as the server reported it.
  [[nodiscard]] std::uint64_t missed() const { return missed_; }

 private:
  using Object = PushClient::Object;
  struct Place {
    std::int64_t next = 0;
    std::optional<std::int64_t> end;  // as of the beginning
  };

  PushConsumer(const PushOptions& options, Wanted wanted,
               std::function<void(const std::string&)> notice)
      : options_(options), wanted_(std::move(wanted)), notice_(std::move(notice)) {}

  // Where every partition begins, when that is one and the same offset.
  [[nodiscard]] Result<void> place_at(std::int64_t offset);
  [[nodiscard]] Result<void> subscribe();
  [[nodiscard]] Result<void> lose(const Ending& ending);
  [[nodiscard]] Result<void> come_back(int timeout_ms);

  // Takes what came; items of records are then handed out one by one.
  [[nodiscard]] Result<void> take(Object object);
  [[nodiscard]] Result<void> take_reply(Object object);
  void take_positions(Object positions);
  void take_records(Object records);
  void take_gap(Object gap);
  [[nodiscard]] Error explain(const Error& error) const;
  [[nodiscard]] const RecordView* take_item();
  [[nodiscard]] std::optional<std::string_view> header_value(Object header);
  [[nodiscard]] std::optional<std::string_view> bytes(Object object, const char* name,
                                                      const char* name_b64);

  PushOptions options_;
  Wanted wanted_;
  std::function<void(const std::string&)> notice_;
  std::unique_ptr<PushClient> client_;  // null while there is no connection

  std::uint64_t subscribe_id_ = 0;
  std::uint64_t subscribe_by_ns_ = 0;  // when its reply is due
  bool subscribed_ = false;            // on this connection
  std::string topic_id_;
  std::int64_t epoch_ = -1;
  std::map<std::int32_t, Place> places_;
  std::uint64_t missed_ = 0;

  // The records being handed out.
  struct Items {
    simdjson::dom::array::iterator at;
    simdjson::dom::array::iterator end;
    std::int32_t partition = 0;
    std::int64_t next = 0;  // offset to go on from behind them
  };
  std::optional<Items> items_;
  RecordView record_;
  std::list<std::string> decoded_;  // what record_ views, of base64

  std::uint64_t come_back_ns_ = 0;
  int failures_ = 0;  // in a row
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace duolog::tools
