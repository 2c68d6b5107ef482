// segmentio's kafka-go: its Writer, Reader, ConsumerGroup and Client.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	. "duolog/compat/feature"
)

const large = 10_000_000

// Writes to a partition; gives the offsets, as the acks have them.
func send(ctx context.Context, topic string, partition int, codec kafka.Compression,
	messages []kafka.Message) []int64 {
	var offsets []int64
	to := kafka.BalancerFunc(func(kafka.Message, ...int) int { return partition })
	writer := &kafka.Writer{Addr: kafka.TCP(Broker()), Topic: topic, Balancer: to,
		RequiredAcks: kafka.RequireAll, BatchBytes: large, BatchTimeout: 10 * time.Millisecond,
		Compression: codec,
		Completion: func(acked []kafka.Message, err error) {
			Must(err)
			for _, message := range acked {
				offsets = append(offsets, message.Offset)
			}
		}}
	Must(writer.WriteMessages(ctx, messages...))
	Must(writer.Close())
	return offsets
}

func messages(values []string) []kafka.Message {
	made := make([]kafka.Message, len(values))
	for i, value := range values {
		made[i] = kafka.Message{Value: []byte(value)}
	}
	return made
}

func produce(ctx context.Context, topic string, partition int, values []string) []int64 {
	return send(ctx, topic, partition, 0, messages(values))
}

func reader(topic string, partition int) *kafka.Reader {
	return kafka.NewReader(kafka.ReaderConfig{Brokers: []string{Broker()}, Topic: topic,
		Partition: partition, MinBytes: 1, MaxBytes: large, MaxWait: 100 * time.Millisecond})
}

func read(ctx context.Context, from *kafka.Reader, count int) []kafka.Message {
	got := make([]kafka.Message, count)
	for i := range got {
		got[i] = Get(from.ReadMessage(ctx))
	}
	Must(from.Close())
	return got
}

func consume(ctx context.Context, topic string, partition, count int) []kafka.Message {
	return read(ctx, reader(topic, partition), count)
}

func values(messages []kafka.Message) []string {
	var all []string
	for _, message := range messages {
		all = append(all, string(message.Value))
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

func checkCodec(name string, codec kafka.Compression) func(context.Context) {
	return func(ctx context.Context) {
		all := Long("v", 50)
		send(ctx, "codec-"+name, 0, codec, messages(all))
		Equal(values(consume(ctx, "codec-"+name, 0, 50)), all)
	}
}

func checkSeekTime(ctx context.Context) {
	begin := int64(1_700_000_000_000)
	all := messages(Numbered("v", 20))
	for i := range all {
		all[i].Time = time.UnixMilli(begin + int64(1000*i))
	}
	send(ctx, "seek-time", 0, 0, all)
	from := reader("seek-time", 0)
	Must(from.SetOffsetAt(ctx, time.UnixMilli(begin+6001)))
	Equal(values(read(ctx, from, 13)), Numbered("v", 20)[7:])
}

func checkHeaders(ctx context.Context) {
	headers := []kafka.Header{{Key: "a", Value: []byte("1")}, {Key: "a", Value: []byte("2")},
		{Key: "empty", Value: []byte{}}}
	send(ctx, "headers", 0, 0, []kafka.Message{{Value: []byte("v"), Headers: headers}})
	// Read back, what is empty is nil.
	Equal(fmt.Sprint(consume(ctx, "headers", 0, 1)[0].Headers), fmt.Sprint(headers))
}

func checkNulls(ctx context.Context) {
	// That empty is another thing than null cannot be seen: the client reads both as nil.
	send(ctx, "nulls", 0, 0,
		[]kafka.Message{{Value: []byte("no key")}, {Key: []byte("no value")}, {}})
	var got [][]bool
	for _, message := range consume(ctx, "nulls", 0, 3) {
		got = append(got, []bool{message.Key == nil, message.Value == nil})
	}
	Equal(got, [][]bool{{true, false}, {false, true}, {true, true}})
}

func main() {
	Main(Checks{
		"produce": func(ctx context.Context) {
			for partition := range 2 {
				Equal(produce(ctx, "produce", partition, Numbered("v", 100)), upTo(100))
			}
		},
		"consume": func(ctx context.Context) {
			for partition := range 2 {
				produce(ctx, "consume", partition, Numbered("v", 100))
				Equal(values(consume(ctx, "consume", partition, 100)), Numbered("v", 100))
			}
		},
		"group": checkGroup,
		"seek-offset": func(ctx context.Context) {
			produce(ctx, "seek-offset", 0, Numbered("v", 20))
			from := reader("seek-offset", 0)
			Must(from.SetOffset(7))
			Equal(values(read(ctx, from, 13)), Numbered("v", 20)[7:])
		},
		"seek-time":    checkSeekTime,
		"codec-none":   checkCodec("none", 0),
		"codec-gzip":   checkCodec("gzip", kafka.Gzip),
		"codec-snappy": checkCodec("snappy", kafka.Snappy),
		"codec-lz4":    checkCodec("lz4", kafka.Lz4),
		"codec-zstd":   checkCodec("zstd", kafka.Zstd),
		"headers":      checkHeaders,
		"nulls":        checkNulls,
		"large": func(ctx context.Context) {
			value := make([]byte, 5<<20)
			Get(rand.Read(value))
			produce(ctx, "large", 0, []string{string(value)})
			Equal(string(consume(ctx, "large", 0, 1)[0].Value) == string(value), true)
		},
		"topics": checkTopics, "partitions": checkPartitions, "configs": checkConfigs,
		"groups": checkGroups,
	})
}
