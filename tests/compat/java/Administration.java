import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** The features of Kafka's Admin. */
final class Administration {
  private Administration() {}

  private static Admin admin() {
    return Admin.create(Client.settings(
        Map.of("request.timeout.ms", "10000", "default.api.timeout.ms", "20000")));
  }

  private static int partitionsOf(Admin admin, String topic) throws Exception {
    var described = admin.describeTopics(List.of(topic)).allTopicNames().get();
    return described.get(topic).partitions().size();
  }

  static void topics() throws Exception {
    try (Admin admin = admin()) {
      admin.createTopics(List.of(new NewTopic("made", 3, (short) 1))).all().get();
      Check.until("it is listed", () -> admin.listTopics().names().get().contains("made"));
      Check.equal(partitionsOf(admin, "made"), 3);
      admin.deleteTopics(List.of("made")).all().get();
      Check.until("it is gone", () -> !admin.listTopics().names().get().contains("made"));
    }
  }

  static void partitions() throws Exception {
    try (Admin admin = admin()) {
      admin.createPartitions(Map.of("partitions", NewPartitions.increaseTo(5))).all().get();
      Check.until("five partitions", () -> partitionsOf(admin, "partitions") == 5);
    }
  }

  static void deleteRecords() throws Exception {
    List<String> values = Check.numbered("v", 10);
    Client.produce("delete-records", 0, values);
    TopicPartition at = new TopicPartition("delete-records", 0);
    try (Admin admin = admin()) {
      var deleted = admin.deleteRecords(Map.of(at, RecordsToDelete.beforeOffset(6)));
      Check.equal(deleted.lowWatermarks().get(at).get().lowWatermark(), 6L);
    }
    Check.equal(Client.values(Client.consume("delete-records", 0, 6, 4)), values.subList(6, 10));
  }

  private static String retention(Admin admin, ConfigResource topic) throws Exception {
    return admin.describeConfigs(List.of(topic)).all().get().get(topic).get("retention.ms").value();
  }

  static void configs() throws Exception {
    ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, "configs");
    ConfigEntry entry = new ConfigEntry("retention.ms", "3600000");
    try (Admin admin = admin()) {
      Check.equal(retention(admin, topic), "604800000");
      admin.incrementalAlterConfigs(
          Map.of(topic, Set.of(new AlterConfigOp(entry, AlterConfigOp.OpType.SET)))).all().get();
      Check.until("it is set", () -> retention(admin, topic).equals("3600000"));
      admin.incrementalAlterConfigs(
          Map.of(topic, Set.of(new AlterConfigOp(entry, AlterConfigOp.OpType.DELETE)))).all().get();
      Check.until("it is reset", () -> retention(admin, topic).equals("604800000"));
    }
  }

  static void groups() throws Exception {
    Client.produce("groups", 0, Check.numbered("v", 10));
    Groups.Member member = new Groups.Member("groups", "listed");
    Check.until("ten are read", () -> member.partitions() <= 1 && member.values.size() == 10);
    try (Admin admin = admin()) {
      Check.equal(admin.listGroups().all().get().stream()
          .anyMatch(group -> group.groupId().equals("listed")), true);
      var described = admin.describeConsumerGroups(List.of("listed")).all().get().get("listed");
      Check.equal(described.groupState(), GroupState.STABLE);
      Check.equal(described.members().size(), 1);
      member.stop();
      var offsets = admin.listConsumerGroupOffsets("listed").partitionsToOffsetAndMetadata().get();
      Check.equal(offsets.get(new TopicPartition("groups", 0)).offset(), 10L);
      admin.deleteConsumerGroups(List.of("listed")).all().get();
    }
  }
}
