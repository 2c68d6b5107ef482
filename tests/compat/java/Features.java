import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** Kafka's own client: Features HOST:PORT FEATURE... */
final class Features {
  private Features() {}

  static void produce() throws Exception {
    for (int partition : new int[] {0, 1}) {
      Check.equal(Client.produce("produce", partition, Check.numbered("v", 100)), Check.upTo(100));
    }
  }

  static void consume() throws Exception {
    for (int partition : new int[] {0, 1}) {
      List<String> wanted = Check.numbered("p" + partition, 100);
      Client.produce("consume", partition, wanted);
      Check.equal(Client.values(Client.consume("consume", partition, 0, 100)), wanted);
    }
  }

  static void seekOffset() throws Exception {
    List<String> all = Check.numbered("v", 20);
    Client.produce("seek-offset", 0, all);
    Check.equal(Client.values(Client.consume("seek-offset", 0, 7, 13)), all.subList(7, 20));
  }

  static void seekTime() throws Exception {
    long begin = 1_700_000_000_000L;
    List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
    for (int number = 0; number < 20; ++number) {
      records.add(new ProducerRecord<>("seek-time", 0, begin + 1000 * number, null, new byte[1]));
    }
    Client.send(records, Map.of());
    TopicPartition at = new TopicPartition("seek-time", 0);
    try (KafkaConsumer<byte[], byte[]> consumer = Client.consumer(Map.of())) {
      var found = consumer.offsetsForTimes(Map.of(at, begin + 6001)).get(at);
      Check.equal(List.of(found.offset(), found.timestamp()), List.of(7L, begin + 7000));
      Check.equal(consumer.offsetsForTimes(Map.of(at, begin + 20_000)).get(at), null);
      Check.equal(consumer.endOffsets(List.of(at)).get(at), 20L);
    }
  }

  static void codec(String name) throws Exception {
    String topic = "codec-" + name;
    List<String> values =
        Check.numbered("v", 50).stream().map(v -> v + " compress me".repeat(20)).toList();
    Client.send(Client.records(topic, 0, values),
        Map.of("compression.type", name, "linger.ms", "50"));
    Check.equal(Client.values(Client.consume(topic, 0, 0, 50)), values);
  }

  static void headers() throws Exception {
    List<Header> wanted = List.of(new RecordHeader("a", "1".getBytes()),
        new RecordHeader("a", "2".getBytes()), new RecordHeader("empty", new byte[0]),
        new RecordHeader("null", (byte[]) null));
    byte[] value = "v".getBytes();
    Client.send(
        List.of(new ProducerRecord<>("headers", 0, (byte[]) null, value, wanted)), Map.of());
    Header[] got = Client.consume("headers", 0, 0, 1).get(0).headers().toArray();
    Check.equal(Arrays.asList(got), wanted);
  }

  static void nulls() throws Exception {
    byte[][][] pairs = {{null, "no key".getBytes()}, {"no value".getBytes(), null}, {null, null},
        {new byte[0], new byte[0]}};
    List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
    List<List<String>> wanted = new ArrayList<>();
    for (byte[][] pair : pairs) {
      records.add(new ProducerRecord<>("nulls", 0, pair[0], pair[1]));
      wanted.add(Check.strings(pair));
    }
    Client.send(records, Map.of());
    List<List<String>> got = new ArrayList<>();
    for (ConsumerRecord<byte[], byte[]> record : Client.consume("nulls", 0, 0, 4)) {
      got.add(Check.strings(record.key(), record.value()));
    }
    Check.equal(got, wanted);
  }

  static void large() throws Exception {
    byte[] value = new byte[5 << 20];
    new Random(5).nextBytes(value);
    Client.send(List.of(new ProducerRecord<>("large", 0, null, value)), Map.of());
    Check.equal(Arrays.equals(Client.consume("large", 0, 0, 1).get(0).value(), value), true);
  }

  static void idempotence() throws Exception {
    List<String> values = Check.numbered("v", 1000);
    Check.equal(Client.send(Client.records("idempotence", 0, values),
        Map.of("enable.idempotence", "true", "batch.size", "200")), Check.upTo(1000));
    Check.equal(Client.values(Client.consume("idempotence", 0, 0, 1000)), values);
  }

  public static void main(String[] words) {
    Client.broker = words[0];
    Map<String, Check.Feature> features = new TreeMap<>();
    features.put("produce", Features::produce);
    features.put("consume", Features::consume);
    features.put("group", Groups::group);
    features.put("seek-offset", Features::seekOffset);
    features.put("seek-time", Features::seekTime);
    for (String name : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
      features.put("codec-" + name, () -> codec(name));
    }
    features.put("headers", Features::headers);
    features.put("nulls", Features::nulls);
    features.put("large", Features::large);
    features.put("idempotence", Features::idempotence);
    features.put("topics", Administration::topics);
    features.put("partitions", Administration::partitions);
    features.put("delete-records", Administration::deleteRecords);
    features.put("configs", Administration::configs);
    features.put("groups", Administration::groups);
    Check.runAll(features, Arrays.asList(words).subList(1, words.length));
    System.exit(0);
  }
}
