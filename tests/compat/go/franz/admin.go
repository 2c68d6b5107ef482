package main

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	. "duolog/compat/feature"
)

// Idempotence is what franz-go does unless it is told otherwise.
func checkIdempotence(ctx context.Context) {
	cl := Get(kgo.NewClient(kgo.SeedBrokers(Broker()), kgo.DefaultProduceTopic("idempotence"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(50)))
	defer cl.Close()
	all := records(0, Numbered("v", 1000))
	for i, result := range cl.ProduceSync(ctx, all...) {
		Must(result.Err)
		Equal(result.Record.Offset, int64(i))
	}
}

func admin() *kadm.Client { return kadm.NewClient(client()) }

func checkTopics(ctx context.Context) {
	adm := admin()
	defer adm.Close()
	Must(Get(adm.CreateTopic(ctx, 3, 1, nil, "made")).Err)
	Equal(len(Get(adm.ListTopics(ctx, "made"))["made"].Partitions), 3)
	Must(Get(adm.DeleteTopics(ctx, "made")).Error())
	Until(ctx, "the topic is gone", func() bool { return !Get(adm.ListTopics(ctx)).Has("made") })
}

func checkPartitions(ctx context.Context) {
	adm := admin()
	defer adm.Close()
	Must(Get(adm.UpdatePartitions(ctx, 5, "partitions")).Error())
	Until(ctx, "five partitions", func() bool {
		return len(Get(adm.ListTopics(ctx, "partitions"))["partitions"].Partitions) == 5
	})
}

func checkDeleteRecords(ctx context.Context) {
	produce(ctx, "delete-records", records(0, Numbered("v", 10)))
	adm := admin()
	defer adm.Close()
	before := kadm.Offsets{}
	before.AddOffset("delete-records", 0, 6, -1)
	answer := Get(adm.DeleteRecords(ctx, before))
	Must(answer.Error())
	deleted, _ := answer.Lookup("delete-records", 0)
	Equal(deleted.LowWatermark, int64(6))
	Equal(values(consume(ctx, "delete-records", 0, start, 4)), Numbered("v", 10)[6:])
}

func retention(ctx context.Context, adm *kadm.Client) string {
	resource := Get(Get(adm.DescribeTopicConfigs(ctx, "configs")).On("configs", nil))
	Must(resource.Err)
	for _, config := range resource.Configs {
		if config.Key == "retention.ms" {
			return config.MaybeValue()
		}
	}
	return ""
}

func checkConfigs(ctx context.Context) {
	adm := admin()
	defer adm.Close()
	Equal(retention(ctx, adm), "604800000")
	for _, step := range []struct {
		op   kadm.IncrementalOp
		want string
	}{{kadm.SetConfig, "3600000"}, {kadm.DeleteConfig, "604800000"}} {
		value := "3600000"
		altered := Get(adm.AlterTopicConfigs(ctx,
			[]kadm.AlterConfig{{Op: step.op, Name: "retention.ms", Value: &value}}, "configs"))
		Must(Get(altered.On("configs", nil)).Err)
		Equal(retention(ctx, adm), step.want)
	}
}

func checkGroups(ctx context.Context) {
	produce(ctx, "groups", records(0, Numbered("v", 10)))
	member := startMember(ctx, "groups", "listed")
	Until(ctx, "ten are read", func() bool { return len(member.Values()) == 10 })
	adm := admin()
	defer adm.Close()
	Equal(slices.Contains(Get(adm.ListGroups(ctx)).Groups(), "listed"), true)
	described := Get(adm.DescribeGroups(ctx, "listed"))["listed"]
	Must(described.Err)
	Equal(described.State, "Stable")
	Equal(len(described.Members), 1)
	member.Stop()
	fetched := Get(adm.FetchOffsets(ctx, "listed"))
	offset, _ := fetched.Lookup("groups", 0)
	Equal(offset.At, int64(10))
	Must(Get(adm.DeleteGroups(ctx, "listed")).Error())
}
