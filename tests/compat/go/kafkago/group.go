package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	. "duolog/compat/feature"
)

// Reads a partition as long as the generation lasts, and then commits what it has read.
func follow(member *Member, generation *kafka.Generation, topic string,
	assigned kafka.PartitionAssignment) func(context.Context) {
	return func(ctx context.Context) {
		from := reader(topic, assigned.ID)
		defer from.Close()
		Must(from.SetOffset(assigned.Offset))
		next := int64(-1)
		for {
			message, err := from.ReadMessage(ctx)
			if err != nil {
				break
			}
			member.Add(string(message.Value))
			next = message.Offset + 1
		}
		if next >= 0 {
			Must(generation.CommitOffsets(map[string]map[int]int64{topic: {assigned.ID: next}}))
		}
	}
}

func startMember(ctx context.Context, topic, name string) *Member {
	group := Get(kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{ID: name,
		Brokers: []string{Broker()}, Topics: []string{topic}, StartOffset: kafka.FirstOffset,
		HeartbeatInterval: 200 * time.Millisecond, SessionTimeout: 10 * time.Second,
		RebalanceTimeout: 10 * time.Second}))
	member := &Member{}
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		for {
			generation, err := group.Next(ctx)
			if errors.Is(err, kafka.ErrGroupClosed) || ctx.Err() != nil {
				return
			}
			if err != nil {
				continue // the client goes on by itself
			}
			member.SetPartitions(len(generation.Assignments[topic]))
			for _, assigned := range generation.Assignments[topic] {
				generation.Start(follow(member, generation, topic, assigned))
			}
		}
	}()
	member.Stop = func() {
		Must(group.Close())
		done.Wait()
	}
	return member
}

func checkGroup(ctx context.Context) {
	CheckGroup(ctx, func() *Member { return startMember(ctx, "group", "readers") },
		func(partition int, all []string) { produce(ctx, "group", partition, all) })
}
