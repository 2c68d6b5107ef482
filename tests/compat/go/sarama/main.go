// sarama, with its ClusterAdmin.
package main

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/IBM/sarama"

	. "duolog/compat/feature"
)

func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.MaxVersion
	c.ApiVersionsRequest = true
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Return.Successes = true
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Producer.MaxMessageBytes = 10_000_000
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Offsets.AutoCommit.Enable = false
	c.Consumer.MaxWaitTime = 100 * time.Millisecond
	c.Consumer.Group.Session.Timeout = 10 * time.Second
	c.Consumer.Group.Heartbeat.Interval = 200 * time.Millisecond
	c.Consumer.Group.Rebalance.Timeout = 10 * time.Second
	return c
}

func brokers() []string { return []string{Broker()} }

func messages(topic string, partition int32, values []string) []*sarama.ProducerMessage {
	made := make([]*sarama.ProducerMessage, len(values))
	for i, value := range values {
		made[i] = &sarama.ProducerMessage{Topic: topic, Partition: partition,
			Value: sarama.StringEncoder(value)}
	}
	return made
}

func send(c *sarama.Config, all []*sarama.ProducerMessage) []int64 {
	producer := Get(sarama.NewSyncProducer(brokers(), c))
	Must(producer.SendMessages(all))
	Must(producer.Close())
	offsets := make([]int64, len(all))
	for i, message := range all {
		offsets[i] = message.Offset
	}
	return offsets
}

func produce(topic string, partition int32, values []string) []int64 {
	return send(config(), messages(topic, partition, values))
}

func consume(ctx context.Context, topic string, partition int32, from int64,
	count int) []*sarama.ConsumerMessage {
	consumer := Get(sarama.NewConsumer(brokers(), config()))
	reader := Get(consumer.ConsumePartition(topic, partition, from))
	var got []*sarama.ConsumerMessage
	for len(got) < count {
		select {
		case message := <-reader.Messages():
			got = append(got, message)
		case <-ctx.Done():
			panic(ctx.Err())
		}
	}
	Must(reader.Close())
	Must(consumer.Close())
	return got
}

func values(messages []*sarama.ConsumerMessage) []string {
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

func checkCodec(name string, codec sarama.CompressionCodec) func(context.Context) {
	return func(ctx context.Context) {
		c := config()
		c.Producer.Compression = codec
		all := Long("v", 50)
		send(c, messages("codec-"+name, 0, all))
		Equal(values(consume(ctx, "codec-"+name, 0, 0, 50)), all)
	}
}

func checkSeekTime(context.Context) {
	begin := int64(1_700_000_000_000)
	all := messages("seek-time", 0, Numbered("v", 20))
	for i, message := range all {
		message.Timestamp = time.UnixMilli(begin + int64(1000*i))
	}
	send(config(), all)
	client := Get(sarama.NewClient(brokers(), config()))
	defer client.Close()
	Equal(Get(client.GetOffset("seek-time", 0, begin+6001)), 7)
	Equal(Get(client.GetOffset("seek-time", 0, begin)), 0)
}

func checkHeaders(ctx context.Context) {
	message := messages("headers", 0, []string{"v"})[0]
	message.Headers = []sarama.RecordHeader{{Key: []byte("a"), Value: []byte("1")},
		{Key: []byte("a"), Value: []byte("2")}, {Key: []byte("empty"), Value: []byte{}},
		{Key: []byte("null")}}
	send(config(), []*sarama.ProducerMessage{message})
	var got []sarama.RecordHeader
	for _, header := range consume(ctx, "headers", 0, 0, 1)[0].Headers {
		got = append(got, *header)
	}
	Equal(got, message.Headers)
}

func checkNulls(ctx context.Context) {
	none := sarama.Encoder(nil)
	var all []*sarama.ProducerMessage
	for _, pair := range [][2]sarama.Encoder{{none, sarama.StringEncoder("no key")},
		{sarama.StringEncoder("no value"), none}, {none, none},
		{sarama.ByteEncoder{}, sarama.ByteEncoder{}}} {
		all = append(all, &sarama.ProducerMessage{Topic: "nulls", Key: pair[0], Value: pair[1]})
	}
	send(config(), all)
	var got [][]bool
	for _, message := range consume(ctx, "nulls", 0, 0, 4) {
		got = append(got, []bool{message.Key == nil, message.Value == nil})
	}
	Equal(got, [][]bool{{true, false}, {false, true}, {true, true}, {false, false}})
}

func checkIdempotence(ctx context.Context) {
	c := config()
	c.Producer.Idempotent = true
	c.Net.MaxOpenRequests = 1
	c.Producer.Flush.MaxMessages = 10
	Equal(send(c, messages("idempotence", 0, Numbered("v", 500))), upTo(500))
	Equal(values(consume(ctx, "idempotence", 0, 0, 500)), Numbered("v", 500))
}

func main() {
	Main(Checks{
		"produce": func(context.Context) {
			for partition := range int32(2) {
				Equal(produce("produce", partition, Numbered("v", 100)), upTo(100))
			}
		},
		"consume": func(ctx context.Context) {
			for partition := range int32(2) {
				produce("consume", partition, Numbered("v", 100))
				Equal(values(consume(ctx, "consume", partition, sarama.OffsetOldest, 100)),
					Numbered("v", 100))
			}
		},
		"group": checkGroup,
		"seek-offset": func(ctx context.Context) {
			produce("seek-offset", 0, Numbered("v", 20))
			Equal(values(consume(ctx, "seek-offset", 0, 7, 13)), Numbered("v", 20)[7:])
		},
		"seek-time":    checkSeekTime,
		"codec-none":   checkCodec("none", sarama.CompressionNone),
		"codec-gzip":   checkCodec("gzip", sarama.CompressionGZIP),
		"codec-snappy": checkCodec("snappy", sarama.CompressionSnappy),
		"codec-lz4":    checkCodec("lz4", sarama.CompressionLZ4),
		"codec-zstd":   checkCodec("zstd", sarama.CompressionZSTD),
		"headers":      checkHeaders,
		"nulls":        checkNulls,
		"large": func(ctx context.Context) {
			value := make([]byte, 5<<20)
			Get(rand.Read(value))
			produce("large", 0, []string{string(value)})
			Equal(string(consume(ctx, "large", 0, 0, 1)[0].Value) == string(value), true)
		},
		"idempotence": checkIdempotence,
		"topics":      checkTopics, "partitions": checkPartitions,
		"delete-records": checkDeleteRecords, "configs": checkConfigs, "groups": checkGroups,
	})
}
