package spokesman

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/runtime/rendezvous"
)

func group(t *testing.T, size int) Group {
	return Group{Name: fmt.Sprint(t.Name(), os.Getpid()), Size: size}
}

// TestOneSpeaks: of many, some of which come late, one prints, and nobody leaves before
// it has.
func TestOneSpeaks(t *testing.T) {
	const many = 32
	g := group(t, many)
	var printed, spoke atomic.Int32
	var ranks sync.WaitGroup
	start := time.Now()
	for rank := range many {
		ranks.Go(func() {
			time.Sleep(time.Duration(rank) * 10 * time.Millisecond)
			here := g.Say(t.Context(), "refused", func() {
				time.Sleep(50 * time.Millisecond)
				printed.Add(1)
			})
			if printed.Load() != 1 {
				t.Errorf("rank %d left when it had been printed %d times", rank, printed.Load())
			}
			if here {
				spoke.Add(1)
			}
		})
	}
	ranks.Wait()
	if spoke.Load() != 1 {
		t.Errorf("%d processes think that they spoke", spoke.Load())
	}
	if took := time.Since(start); took > arrival {
		t.Errorf("it took %v, although all had come", took)
	}
}

// TestNotTheSame: another text is another matter, and so is another group.
func TestNotTheSame(t *testing.T) {
	g := group(t, 2)
	others := Group{Name: g.Name + " of another launcher", Size: 2}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var ranks sync.WaitGroup
	var printed atomic.Int32
	say := func(g Group, text string) {
		ranks.Go(func() { g.Say(ctx, text, func() { printed.Add(1) }) })
	}
	say(g, "refused")
	say(g, "not found")
	say(others, "refused")
	for printed.Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	cancel() // nobody waits for others after that
	ranks.Wait()
}

// TestNobodyElseComes: a process that is alone does not wait for ever, and not at all
// if it knows.
func TestNobodyElseComes(t *testing.T) {
	for size, most := range map[int]time.Duration{0: 3 * guess, 1: guess, 2: 2 * arrival} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			if !group(t, size).Say(t.Context(), "refused", func() {}) {
				t.Error("nobody spoke")
			}
			if took := time.Since(start); took > most {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestASpeakerThatDies has not printed, so somebody else must.
func TestASpeakerThatDies(t *testing.T) {
	g := group(t, 2)
	dying, listener, err := rendezvous.Meet(t.Context(), g.stem("refused"))
	if err != nil || dying != nil {
		t.Fatalf("somebody else speaks: %v", err)
	}
	said := make(chan bool)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go g.Say(ctx, "refused", func() { said <- true })
	conn, err := listener.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-said:
		t.Error("it did not wait for the speaker")
	case <-time.After(50 * time.Millisecond):
	}
	listener.Close()
	conn.Close()
	select {
	case <-said:
	case <-time.After(arrival):
		t.Error("nobody printed")
	}
}
