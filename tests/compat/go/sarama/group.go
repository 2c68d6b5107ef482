package main

import (
	"context"

	"github.com/IBM/sarama"

	. "duolog/compat/feature"
)

// handler gives what a session reads to the member.
type handler struct{ member *Member }

func (h handler) Setup(session sarama.ConsumerGroupSession) error {
	count := 0
	for _, partitions := range session.Claims() {
		count += len(partitions)
	}
	h.member.SetPartitions(count)
	return nil
}

func (h handler) Cleanup(session sarama.ConsumerGroupSession) error {
	session.Commit()
	h.member.SetPartitions(0)
	return nil
}

func (h handler) ConsumeClaim(session sarama.ConsumerGroupSession,
	claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			session.MarkMessage(message, "")
			h.member.Add(string(message.Value))
		case <-session.Context().Done():
			return nil
		}
	}
}

func startMember(topic, name string) *Member {
	group := Get(sarama.NewConsumerGroup(brokers(), name, config()))
	member := &Member{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			if err := group.Consume(ctx, []string{topic}, handler{member}); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	member.Stop = func() {
		cancel()
		Must(<-done)
		Must(group.Close())
	}
	return member
}

func checkGroup(ctx context.Context) {
	CheckGroup(ctx, func() *Member { return startMember("group", "readers") },
		func(partition int, all []string) { produce("group", int32(partition), all) })
}
