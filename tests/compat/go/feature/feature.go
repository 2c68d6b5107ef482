// Package feature is what the clients' programs share: it runs the features that the command line
// names and prints `feature NAME passed` or `feature NAME failed WHY`.
//
// A check fails by a panic, which Must and Equal raise.
package feature

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"strings"
	"time"
)

// Deadline only catches hangs.
const Deadline = 30 * time.Second

// Broker is where the server is.
func Broker() string { return os.Args[1] }

// Checks are functions by the name of their feature.
type Checks map[string]func(ctx context.Context)

// Main runs what the command line names, one after the other.
func Main(checks Checks) {
	for _, name := range os.Args[2:] {
		outcome := make(chan string, 1)
		ctx, cancel := context.WithTimeout(context.Background(), Deadline)
		go func() { outcome <- run(ctx, checks[name]) }()
		select {
		case said := <-outcome:
			fmt.Printf("feature %s %s\n", name, said)
		case <-time.After(Deadline + 5*time.Second):
			fmt.Printf("feature %s failed not within %v\n", name, Deadline)
		}
		cancel()
	}
}

func run(ctx context.Context, check func(context.Context)) (said string) {
	defer func() {
		if wrong := recover(); wrong != nil {
			fmt.Printf("%v\n%s\n", wrong, debug.Stack())
			said = "failed " + strings.Join(strings.Fields(fmt.Sprint(wrong)), " ")
		}
	}()
	check(ctx)
	return "passed"
}

// Must panics with the error, if there is one.
func Must(err error) {
	if err != nil {
		panic(err)
	}
}

// Get is Must for what comes with an error.
func Get[T any](value T, err error) T {
	Must(err)
	return value
}

// Equal panics unless both are alike.
func Equal[T any](got, want T) {
	if !reflect.DeepEqual(got, want) {
		panic(fmt.Sprintf("%.300v instead of %.300v", fmt.Sprint(got), fmt.Sprint(want)))
	}
}

// Until asks again until the condition holds.
func Until(ctx context.Context, what string, condition func() bool) {
	for !condition() {
		select {
		case <-ctx.Done():
			panic("not in time: " + what)
		case <-time.After(time.Millisecond):
		}
	}
}

// Numbered gives NAME-0, NAME-1, ...
func Numbered(name string, count int) []string {
	values := make([]string, count)
	for i := range values {
		values[i] = fmt.Sprintf("%s-%d", name, i)
	}
	return values
}

// Long is Numbered with what a codec can make smaller.
func Long(name string, count int) []string {
	values := Numbered(name, count)
	for i := range values {
		values[i] += strings.Repeat(" compress me", 20)
	}
	return values
}
