// franz-go, with its administrator kadm.
package main

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	. "duolog/compat/feature"
)

const large = 10_000_000

func client(options ...kgo.Opt) *kgo.Client {
	return Get(kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(Broker()), kgo.ProducerBatchMaxBytes(large),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableIdempotentWrite(),
		kgo.FetchMaxWait(100 * time.Millisecond),
	}, options...)...))
}

func records(partition int32, values []string) []*kgo.Record {
	made := make([]*kgo.Record, len(values))
	for i, value := range values {
		made[i] = &kgo.Record{Partition: partition, Value: []byte(value)}
	}
	return made
}

// Writes to a topic; gives the offsets.
func produce(ctx context.Context, topic string, all []*kgo.Record, options ...kgo.Opt) []int64 {
	cl := client(append(options, kgo.DefaultProduceTopic(topic))...)
	defer cl.Close()
	offsets := make([]int64, 0, len(all))
	for _, result := range cl.ProduceSync(ctx, all...) {
		Must(result.Err)
		offsets = append(offsets, result.Record.Offset)
	}
	return offsets
}

// Reads so many records of a partition.
func consume(ctx context.Context, topic string, partition int32, from kgo.Offset,
	count int) []*kgo.Record {
	cl := client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: from}}))
	defer cl.Close()
	var got []*kgo.Record
	for len(got) < count {
		fetches := cl.PollFetches(ctx)
		Must(fetches.Err())
		got = append(got, fetches.Records()...)
	}
	return got
}

func values(records []*kgo.Record) []string {
	var all []string
	for _, record := range records {
		all = append(all, string(record.Value))
	}
	return all
}

func upTo(count int) []int64 {
	offsets := make([]int64, count)
	for i := range offsets {
		offsets[i] = int64(i)
	}
	return offsets
}

var start = kgo.NewOffset().AtStart()

func checkCodec(name string, codec kgo.CompressionCodec) func(context.Context) {
	return func(ctx context.Context) {
		all := Long("v", 50)
		produce(ctx, "codec-"+name, records(0, all), kgo.ProducerBatchCompression(codec))
		Equal(values(consume(ctx, "codec-"+name, 0, start, 50)), all)
	}
}

func checkSeekTime(ctx context.Context) {
	begin := int64(1_700_000_000_000)
	all := records(0, Numbered("v", 20))
	for i, record := range all {
		record.Timestamp = time.UnixMilli(begin + int64(1000*i))
	}
	produce(ctx, "seek-time", all)
	at := kgo.NewOffset().AfterMilli(begin + 6001)
	Equal(values(consume(ctx, "seek-time", 0, at, 13)), Numbered("v", 20)[7:])
	cl := client()
	defer cl.Close()
	found := Get(kadm.NewClient(cl).ListOffsetsAfterMilli(ctx, begin+6001, "seek-time"))
	offset, _ := found.Lookup("seek-time", 0)
	Equal([]int64{offset.Offset, offset.Timestamp}, []int64{7, begin + 7000})
}

func checkNulls(ctx context.Context) {
	produce(ctx, "nulls", []*kgo.Record{{Value: []byte("no key")}, {Key: []byte("no value")},
		{}, {Key: []byte{}, Value: []byte{}}})
	var got [][]bool
	for _, record := range consume(ctx, "nulls", 0, start, 4) {
		got = append(got, []bool{record.Key == nil, record.Value == nil})
	}
	Equal(got, [][]bool{{true, false}, {false, true}, {true, true}, {false, false}})
}

func checkGroup(ctx context.Context) {
	CheckGroup(ctx, func() *Member { return startMember(ctx, "group", "readers") },
		func(partition int, all []string) {
			produce(ctx, "group", records(int32(partition), all))
		})
}

func startMember(ctx context.Context, topic, group string) *Member {
	member := &Member{}
	count := func(by int) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
			member.AddPartitions(by * len(topics[topic]))
		}
	}
	cl := client(kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.HeartbeatInterval(200*time.Millisecond), kgo.SessionTimeout(10*time.Second),
		kgo.ConsumeResetOffset(start), kgo.OnPartitionsAssigned(count(1)),
		kgo.OnPartitionsRevoked(count(-1)), kgo.OnPartitionsLost(count(-1)))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			fetches := cl.PollFetches(ctx)
			if fetches.IsClientClosed() || ctx.Err() != nil {
				return
			}
			fetches.EachRecord(func(record *kgo.Record) { member.Add(string(record.Value)) })
		}
	}()
	member.Stop = func() {
		Must(cl.CommitUncommittedOffsets(ctx))
		cl.Close()
		<-done
	}
	return member
}

func main() {
	Main(Checks{
		"produce": func(ctx context.Context) {
			for partition := range int32(2) {
				Equal(produce(ctx, "produce", records(partition, Numbered("v", 100))), upTo(100))
			}
		},
		"consume": func(ctx context.Context) {
			for partition := range int32(2) {
				produce(ctx, "consume", records(partition, Numbered("v", 100)))
				Equal(values(consume(ctx, "consume", partition, start, 100)), Numbered("v", 100))
			}
		},
		"group": checkGroup,
		"seek-offset": func(ctx context.Context) {
			produce(ctx, "seek-offset", records(0, Numbered("v", 20)))
			Equal(values(consume(ctx, "seek-offset", 0, kgo.NewOffset().At(7), 13)),
				Numbered("v", 20)[7:])
		},
		"seek-time":    checkSeekTime,
		"codec-none":   checkCodec("none", kgo.NoCompression()),
		"codec-gzip":   checkCodec("gzip", kgo.GzipCompression()),
		"codec-snappy": checkCodec("snappy", kgo.SnappyCompression()),
		"codec-lz4":    checkCodec("lz4", kgo.Lz4Compression()),
		"codec-zstd":   checkCodec("zstd", kgo.ZstdCompression()),
		"headers": func(ctx context.Context) {
			headers := []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "a", Value: []byte("2")},
				{Key: "empty", Value: []byte{}}, {Key: "null"}}
			produce(ctx, "headers", []*kgo.Record{{Value: []byte("v"), Headers: headers}})
			Equal(consume(ctx, "headers", 0, start, 1)[0].Headers, headers)
		},
		"nulls": checkNulls,
		"large": func(ctx context.Context) {
			value := make([]byte, 5<<20)
			Get(rand.Read(value))
			produce(ctx, "large", []*kgo.Record{{Value: value}})
			Equal(string(consume(ctx, "large", 0, start, 1)[0].Value) == string(value), true)
		},
		"idempotence": checkIdempotence,
		"topics":      checkTopics, "partitions": checkPartitions,
		"delete-records": checkDeleteRecords, "configs": checkConfigs, "groups": checkGroups,
	})
}
