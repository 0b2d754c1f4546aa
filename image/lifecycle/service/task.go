package service

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"
)

// Task is something that is done again and again. Each run ends before the next begins,
// and what it does can be repeated: it may be killed at any moment.
type Task struct {
	Name  string // for logs and metrics: short, lower case
	Every time.Duration
	Run   func(ctx context.Context) error
}

type runningTask struct {
	Task
	mu     sync.Mutex
	report TaskReport
}

// TaskReport is how a task has fared.
type TaskReport struct {
	Name    string    `json:"name"`
	Every   string    `json:"every"`
	Running bool      `json:"running"`
	Last    time.Time `json:"last"`            // the end of the last run; zero for none
	Error   string    `json:"error,omitempty"` // of the last run
	Failed  int       `json:"failed"`          // runs in a row
	Next    time.Time `json:"next"`
}

// firstRun bounds how long a task waits after the start, so that all do not begin at
// once.
const firstRun = 30 * time.Second

// repeat runs a task until ctx ends.
func (s *Service) repeat(ctx context.Context, t *runningTask) {
	pause := rand.N(min(t.Every/2, firstRun) + 1)
	for {
		t.set(func(r *TaskReport) { r.Next = s.o.Now().Add(pause) })
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		t.set(func(r *TaskReport) { r.Running = true })
		began := s.o.Now()
		err := guarded(ctx, t.Run)
		if ctx.Err() != nil {
			return
		}
		s.o.Metrics.task(t.Name, err, s.o.Now().Sub(began))
		if err != nil {
			s.o.Log.Error("a task has failed", "task", t.Name, "error", err.Error())
		}
		t.set(func(r *TaskReport) {
			r.Running, r.Last, r.Error = false, s.o.Now(), ""
			if err == nil {
				r.Failed = 0
				return
			}
			r.Failed++
			r.Error = short(err)
		})
		pause = t.Every - t.Every/20 + rand.N(t.Every/10+1)
	}
}

// errPanic is wrapped by the error of a task that has panicked: the others go on.
var errPanic = errors.New("it has panicked")

func guarded(ctx context.Context, run func(context.Context) error) (err error) {
	defer func() {
		if said := recover(); said != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanic, said, debug.Stack())
		}
	}()
	return run(ctx)
}

func (t *runningTask) set(change func(*TaskReport)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report.Name, t.report.Every = t.Name, t.Every.String()
	change(&t.report)
}

func (t *runningTask) get() TaskReport {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.report
}

func (t *runningTask) failedInARow() int { return t.get().Failed }
