package main

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMessages(t *testing.T) {
	outside, inside := messages{latency: {}, bandwidth: {}}, messages{latency: {}, bandwidth: {}}
	for m, text := range map[*messages]string{
		&outside: "latency_us 1 0.4\nlatency_us 64 1\nbandwidth_MBps 1 10\nbandwidth_MBps 64 300\n",
		&inside:  "latency_us 1 0.8\nlatency_us 64 0.5\nbandwidth_MBps 1 20\nbandwidth_MBps 64 600\n",
	} {
		if err := m.read(text); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]int{1, 64}, inside.sizes()); diff != "" {
		t.Error(diff)
	}
	// Twice as long and half as long; twice as much and twice as much.
	for what, want := range map[string]float64{latency: 1, bandwidth: 2} {
		if got := inside.overall(what, outside); math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %v of outside's, want %v", what, got, want)
		}
	}
}

func TestMessagesOfAnotherProgram(t *testing.T) {
	for _, text := range []string{"hello\n", "latency_us 1\n", "latency_us one 1\n", "latency_us 1 0\n", "latency_us 1 fast\n", "power_W 1 2\n"} {
		if err := (messages{latency: {}, bandwidth: {}}).read(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
