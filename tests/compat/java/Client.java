import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Records in and out of topics. */
final class Client {
  static String broker;
  private static final String LARGE = "10000000";

  private Client() {}

  static Properties settings(Map<String, String> some) {
    Properties all = new Properties();
    all.put("bootstrap.servers", broker);
    all.putAll(some);
    return all;
  }

  static KafkaProducer<byte[], byte[]> producer(Map<String, String> some) {
    Properties all = settings(Map.of("acks", "all", "enable.idempotence", "false",
        "max.request.size", LARGE, "delivery.timeout.ms", "20000", "request.timeout.ms", "10000",
        "buffer.memory", "67108864"));
    all.putAll(some);
    return new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer());
  }

  /** Writes the records; returns the offsets that the acks name. */
  static List<Long> send(List<ProducerRecord<byte[], byte[]>> records, Map<String, String> some)
      throws Exception {
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    try (KafkaProducer<byte[], byte[]> producer = producer(some)) {
      for (ProducerRecord<byte[], byte[]> record : records) sent.add(producer.send(record));
    }
    List<Long> offsets = new ArrayList<>();
    for (Future<RecordMetadata> ack : sent) offsets.add(ack.get().offset());
    return offsets;
  }

  static List<ProducerRecord<byte[], byte[]>> records(
      String topic, int partition, List<String> values) {
    return values.stream()
        .map(value -> new ProducerRecord<byte[], byte[]>(topic, partition, null, value.getBytes()))
        .collect(Collectors.toList());
  }

  static List<Long> produce(String topic, int partition, List<String> values) throws Exception {
    return send(records(topic, partition, values), Map.of());
  }

  static KafkaConsumer<byte[], byte[]> consumer(Map<String, String> some) {
    Properties all = settings(Map.of("auto.offset.reset", "earliest", "enable.auto.commit", "false",
        "max.partition.fetch.bytes", LARGE, "fetch.max.wait.ms", "100", "heartbeat.interval.ms",
        "200", "session.timeout.ms", "10000"));
    all.putAll(some);
    return new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  /** Reads so many records from an offset on. */
  static List<ConsumerRecord<byte[], byte[]>> consume(
      String topic, int partition, long offset, int count) throws Exception {
    TopicPartition at = new TopicPartition(topic, partition);
    List<ConsumerRecord<byte[], byte[]>> got = new ArrayList<>();
    try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of())) {
      consumer.assign(List.of(at));
      consumer.seek(at, offset);
      Check.until("the records come", () -> {
        consumer.poll(java.time.Duration.ofMillis(200)).forEach(got::add);
        return got.size() >= count;
      });
    }
    return got;
  }

  static List<String> values(List<ConsumerRecord<byte[], byte[]>> records) {
    return records.stream().map(record -> new String(record.value())).toList();
  }
}
