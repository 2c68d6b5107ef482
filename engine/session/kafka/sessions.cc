#include "engine/session/kafka/sessions.h"

#include "engine/runtime/descriptors.h"
#include "engine/session/kafka/connection.h"

namespace duolog::session {

struct KafkaSessions::Connections {
  IntrusiveList<KafkaConnection, &KafkaConnection::hook> list;

  // Any of them may end, but only later: a connection is destroyed from the loop.
  template <class Visit>
  void each(Visit visit) {
    for (KafkaConnection* connection = list.front(); connection != nullptr;) {
      KafkaConnection* next = list.next(*connection);
      visit(*connection);
      connection = next;
    }
  }
};

KafkaSessions::KafkaSessions(broker::Broker& broker, groups::GroupCoordinator& groups,
                             const KafkaSettings& settings)
    : broker_(broker),
      groups_(groups),
      settings_(settings),
      budget_(broker.shard(), settings.request_budget_bytes),
      check_budget_(broker.shard(), settings.max_checked_bytes),
      connections_(std::make_unique<Connections>()) {
  watcher_.owner = this;
  watcher_.gone = on_gone;
  broker_.watch(watcher_);
}

KafkaSessions::~KafkaSessions() { CHECK(connections_->list.empty()); }

void KafkaSessions::accept(int descriptor) {
  if (stopping_) {
    runtime::close_descriptor(descriptor);
    return;
  }
  counters_.accepted.add();
  new KafkaConnection(*this, descriptor);  // owns itself
}

void KafkaSessions::stop() {
  stopping_ = true;
  connections_->each([](KafkaConnection& connection) { connection.stop(); });
}

void KafkaSessions::add(KafkaConnection& connection) {
  connections_->list.push_back(connection);
  counters_.connections.add();
}

void KafkaSessions::closed(KafkaConnection& connection) {
  connection.hook.unlink();
  counters_.connections.set(counters_.connections.get() - 1);
}

void KafkaSessions::on_gone(broker::TopicWatcher& watcher, broker::Topic& topic) {
  static_cast<Watcher&>(watcher).owner->connections_->each(
      [&](KafkaConnection& connection) { connection.topic_gone(topic); });
}

}  // namespace duolog::session
