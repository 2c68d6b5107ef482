package main

import (
	"context"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	. "duolog/compat/feature"
)

func client() *kafka.Client {
	return &kafka.Client{Addr: kafka.TCP(Broker()), Timeout: 20 * time.Second}
}

func partitionsOf(ctx context.Context, topic string) int {
	answer := Get(client().Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}}))
	return len(answer.Topics[0].Partitions)
}

func checkTopics(ctx context.Context) {
	made := Get(client().CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: "made", NumPartitions: 3, ReplicationFactor: 1}}}))
	Must(made.Errors["made"])
	Until(ctx, "three partitions", func() bool { return partitionsOf(ctx, "made") == 3 })
	gone := Get(client().DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{"made"}}))
	Must(gone.Errors["made"])
	Until(ctx, "the topic is gone", func() bool {
		all := Get(client().Metadata(ctx, &kafka.MetadataRequest{}))
		return !slices.ContainsFunc(all.Topics, func(t kafka.Topic) bool { return t.Name == "made" })
	})
}

func checkPartitions(ctx context.Context) {
	answer := Get(client().CreatePartitions(ctx, &kafka.CreatePartitionsRequest{
		Topics: []kafka.TopicPartitionsConfig{{Name: "partitions", Count: 5}}}))
	Must(answer.Errors["partitions"])
	Until(ctx, "five partitions", func() bool { return partitionsOf(ctx, "partitions") == 5 })
}

func retention(ctx context.Context) string {
	answer := Get(client().DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{
		Resources: []kafka.DescribeConfigRequestResource{{ResourceType: kafka.ResourceTypeTopic,
			ResourceName: "configs", ConfigNames: []string{"retention.ms"}}}}))
	Must(answer.Resources[0].Error)
	return answer.Resources[0].ConfigEntries[0].ConfigValue
}

func checkConfigs(ctx context.Context) {
	Equal(retention(ctx), "604800000")
	answer := Get(client().IncrementalAlterConfigs(ctx, &kafka.IncrementalAlterConfigsRequest{
		Resources: []kafka.IncrementalAlterConfigsRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: "configs",
			Configs: []kafka.IncrementalAlterConfigsRequestConfig{{Name: "retention.ms",
				Value: "3600000", ConfigOperation: kafka.ConfigOperationSet}}}}}))
	Must(answer.Resources[0].Error)
	Equal(retention(ctx), "3600000")
}

func checkGroups(ctx context.Context) {
	produce(ctx, "groups", 0, Numbered("v", 10))
	member := startMember(ctx, "groups", "listed")
	Until(ctx, "ten are read", func() bool { return len(member.Values()) == 10 })
	listed := Get(client().ListGroups(ctx, &kafka.ListGroupsRequest{}))
	Must(listed.Error)
	Equal(slices.ContainsFunc(listed.Groups, func(g kafka.ListGroupsResponseGroup) bool {
		return g.GroupID == "listed"
	}), true)
	described := Get(client().DescribeGroups(ctx,
		&kafka.DescribeGroupsRequest{GroupIDs: []string{"listed"}}))
	Must(described.Groups[0].Error)
	Equal(described.Groups[0].GroupState, "Stable")
	Equal(len(described.Groups[0].Members), 1)
	member.Stop()
	fetched := Get(client().OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: "listed",
		Topics: map[string][]int{"groups": {0}}}))
	Equal(fetched.Topics["groups"][0].CommittedOffset, int64(10))
	deleted := Get(client().DeleteGroups(ctx,
		&kafka.DeleteGroupsRequest{GroupIDs: []string{"listed"}}))
	Must(deleted.Errors["listed"])
}
