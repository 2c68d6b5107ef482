package feature

import (
	"context"
	"sync"
)

// Member is one of a group: its client's goroutine adds what it reads.
type Member struct {
	mutex      sync.Mutex
	values     []string
	partitions int
	// Stop commits what was read and leaves the group.
	Stop func()
}

// Add notes a value that the member has read.
func (m *Member) Add(value string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.values = append(m.values, value)
}

// SetPartitions notes how many partitions the member has now.
func (m *Member) SetPartitions(count int) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.partitions = count
}

// AddPartitions notes that the member has so many more, or fewer.
func (m *Member) AddPartitions(count int) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.partitions += count
}

// Partitions is how many the member has.
func (m *Member) Partitions() int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.partitions
}

// Values are what the member has read so far.
func (m *Member) Values() []string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return append([]string{}, m.values...)
}

// CheckGroup lets two members share two partitions, commit and leave, and a third go on from there.
func CheckGroup(ctx context.Context, start func() *Member,
	produce func(partition int, values []string)) {
	first := start()
	Until(ctx, "the first has both partitions", func() bool { return first.Partitions() == 2 })
	second := start()
	Until(ctx, "each has one partition", func() bool {
		return first.Partitions() == 1 && second.Partitions() == 1
	})
	left, right := Numbered("left", 20), Numbered("right", 20)
	produce(0, left)
	produce(1, right)
	Until(ctx, "each reads twenty", func() bool {
		return len(first.Values()) == 20 && len(second.Values()) == 20
	})
	first.Stop()
	second.Stop()
	if first.Values()[0] != "left-0" {
		first, second = second, first
	}
	Equal(first.Values(), left)
	Equal(second.Values(), right)

	later := Numbered("later", 10)
	produce(1, later)
	third := start()
	Until(ctx, "the third reads what came later", func() bool { return len(third.Values()) >= 10 })
	third.Stop()
	Equal(third.Values(), later)
}
