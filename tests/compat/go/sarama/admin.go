package main

import (
	"context"

	"github.com/IBM/sarama"

	. "duolog/compat/feature"
)

func admin() sarama.ClusterAdmin { return Get(sarama.NewClusterAdmin(brokers(), config())) }

func partitionsOf(adm sarama.ClusterAdmin, topic string) int {
	return len(Get(adm.DescribeTopics([]string{topic}))[0].Partitions)
}

func checkTopics(ctx context.Context) {
	adm := admin()
	defer adm.Close()
	Must(adm.CreateTopic("made", &sarama.TopicDetail{NumPartitions: 3, ReplicationFactor: 1}, false))
	Until(ctx, "three partitions", func() bool { return partitionsOf(adm, "made") == 3 })
	Must(adm.DeleteTopic("made"))
	Until(ctx, "the topic is gone", func() bool {
		metadata := Get(adm.DescribeTopics([]string{"made"}))
		return metadata[0].Err == sarama.ErrUnknownTopicOrPartition
	})
}

func checkPartitions(ctx context.Context) {
	adm := admin()
	defer adm.Close()
	Must(adm.CreatePartitions("partitions", 5, nil, false))
	Until(ctx, "five partitions", func() bool { return partitionsOf(adm, "partitions") == 5 })
}

func checkDeleteRecords(ctx context.Context) {
	produce("delete-records", 0, Numbered("v", 10))
	adm := admin()
	defer adm.Close()
	Must(adm.DeleteRecords("delete-records", map[int32]int64{0: 6}))
	Equal(values(consume(ctx, "delete-records", 0, sarama.OffsetOldest, 4)), Numbered("v", 10)[6:])
}

func retention(adm sarama.ClusterAdmin) string {
	entries := Get(adm.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource,
		Name: "configs", ConfigNames: []string{"retention.ms"}}))
	Equal(len(entries), 1)
	return entries[0].Value
}

func checkConfigs(context.Context) {
	adm := admin()
	defer adm.Close()
	Equal(retention(adm), "604800000")
	value := "3600000"
	Must(adm.IncrementalAlterConfig(sarama.TopicResource, "configs",
		map[string]sarama.IncrementalAlterConfigsEntry{
			"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value}}, false))
	Equal(retention(adm), value)
}

func checkGroups(ctx context.Context) {
	produce("groups", 0, Numbered("v", 10))
	member := startMember("groups", "listed")
	Until(ctx, "ten are read", func() bool { return len(member.Values()) == 10 })
	adm := admin()
	defer adm.Close()
	Equal(Get(adm.ListConsumerGroups())["listed"], "consumer")
	described := Get(adm.DescribeConsumerGroups([]string{"listed"}))[0]
	Equal(described.Err, sarama.ErrNoError)
	Equal(described.State, "Stable")
	Equal(len(described.Members), 1)
	member.Stop()
	fetched := Get(adm.ListConsumerGroupOffsets("listed", map[string][]int32{"groups": {0}}))
	Equal(fetched.GetBlock("groups", 0).Offset, int64(10))
	Must(adm.DeleteConsumerGroup("listed"))
}
