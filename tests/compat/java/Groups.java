import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.consumer.KafkaConsumer;

/** The feature "group". */
final class Groups {
  /** A member: a consumer in its own thread. */
  static final class Member {
    final List<String> values = Collections.synchronizedList(new ArrayList<>());
    volatile int partitions;
    private volatile Throwable error;
    private final AtomicBoolean stopping = new AtomicBoolean();
    private final CountDownLatch committed = new CountDownLatch(1);
    private final CountDownLatch leaving = new CountDownLatch(1);
    private final Thread thread;

    Member(String topic, String group) {
      thread = new Thread(() -> read(topic, group));
      thread.setDaemon(true);
      thread.start();
    }

    private void read(String topic, String group) {
      try (KafkaConsumer<byte[], byte[]> consumer = Client.consumer(Map.of("group.id", group))) {
        consumer.subscribe(List.of(topic));
        while (!stopping.get()) {
          consumer.poll(Duration.ofMillis(50)).forEach(r -> values.add(new String(r.value())));
          partitions = consumer.assignment().size();
        }
        consumer.commitSync();
        committed.countDown();
        leaving.await();
      } catch (Throwable wrong) {
        error = wrong;
      }
    }

    int partitions() {
      if (error != null) throw new AssertionError(error);
      return partitions;
    }

    /** Commits what was read: before anybody leaves, or the others would read again from before. */
    void commit() throws Exception {
      stopping.set(true);
      boolean done = committed.await(Check.DEADLINE.toMillis(), TimeUnit.MILLISECONDS);
      partitions();
      Check.equal(done, true);
    }

    void stop() throws Exception {
      commit();
      leave();
    }

    void leave() throws Exception {
      leaving.countDown();
      thread.join(Check.DEADLINE.toMillis());
      Check.equal(thread.isAlive(), false);
      partitions();
    }
  }

  private Groups() {}

  static void group() throws Exception {
    Member first = new Member("group", "readers");
    Check.until("the first has both partitions", () -> first.partitions() == 2);
    Member second = new Member("group", "readers");
    Check.until("each has one partition",
        () -> first.partitions() == 1 && second.partitions() == 1);
    List<String> left = Check.numbered("left", 20);
    List<String> right = Check.numbered("right", 20);
    Client.produce("group", 0, left);
    Client.produce("group", 1, right);
    Check.until("each reads twenty", () -> first.partitions() + second.partitions() == 2
        && first.values.size() == 20 && second.values.size() == 20);
    first.commit();
    second.commit();
    first.leave();
    second.leave();
    boolean firstHasLeft = first.values.get(0).equals("left-0");
    Check.equal(List.copyOf((firstHasLeft ? first : second).values), left);
    Check.equal(List.copyOf((firstHasLeft ? second : first).values), right);

    List<String> later = Check.numbered("later", 10);
    Client.produce("group", 1, later);
    Member third = new Member("group", "readers");
    Check.until("the third reads what came later",
        () -> third.partitions() <= 2 && third.values.size() >= 10);
    third.stop();
    Check.equal(List.copyOf(third.values), later);
  }
}
