package desk

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// asking runs ask as a session would, and waits until its question is open.
func asking[T any](t *testing.T, d *Desk, ask func(ctx context.Context) (T, error)) (number int64, result func() (T, error)) {
	t.Helper()
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		value, err := ask(t.Context())
		done <- outcome{value, err}
	}()
	for d.Snapshot().Question == nil {
		<-d.Changed()
	}
	return d.Snapshot().Question.Number, func() (T, error) {
		o := <-done
		return o.value, o.err
	}
}

var fruit = flow.Choice{
	Asked: flow.Asked{ID: "fruit", Label: message.Plain("fruit")},
	Rows:  []flow.Row{{Key: "a", Cells: []message.Text{message.Plain("apple")}}, {Key: "p", Cells: []message.Text{message.Plain("pear")}}},
}

func TestChoose(t *testing.T) {
	d := New(time.Now)
	number, result := asking(t, d, func(ctx context.Context) (string, error) { return d.Choose(ctx, fruit) })
	if err := d.Answer(t.Context(), number, "x"); !errors.Is(err, ErrRefused) {
		t.Errorf("an answer that is none: %v", err)
	}
	if err := d.Answer(t.Context(), number+1, "a"); !errors.Is(err, ErrGone) {
		t.Errorf("an answer to something else: %v", err)
	}
	if err := d.Answer(t.Context(), number, "p"); err != nil {
		t.Fatal(err)
	}
	if key, err := result(); key != "p" || err != nil {
		t.Errorf("the session got %q, %v", key, err)
	}
	if err := d.Answer(t.Context(), number, "a"); !errors.Is(err, ErrGone) {
		t.Errorf("the second tab's answer: %v", err)
	}
	if s := d.Snapshot(); s.Question != nil || len(s.Entries) != 1 || s.Entries[0].Answer.Value.String() != "pear" {
		t.Errorf("on record is %+v", s)
	}
}

func TestBack(t *testing.T) {
	d := New(time.Now)
	number, result := asking(t, d, func(ctx context.Context) (string, error) { return d.Choose(ctx, fruit) })
	if err := d.Back(number); err != nil {
		t.Fatal(err)
	}
	if _, err := result(); !errors.Is(err, flow.ErrBack) {
		t.Errorf("error is %v", err)
	}
	if s := d.Snapshot(); len(s.Entries) != 0 {
		t.Errorf("on record is %+v", s.Entries)
	}
}

func TestAsk(t *testing.T) {
	d := New(time.Now)
	checks := 0 // the race detector sees when two run at once
	q := flow.Question{
		Asked: flow.Asked{ID: "password", Label: message.Plain("password")}, Secret: true,
		Check: func(_ context.Context, typed string) flow.Verdict {
			checks++
			if typed == "" {
				return flow.Verdict{Bad: message.Plain("needed")}
			}
			return flow.Verdict{Note: message.Plain("fine")}
		},
	}
	number, result := asking(t, d, func(ctx context.Context) (string, error) { return d.Ask(ctx, q) })
	if v, err := d.Check(t.Context(), number, "s3cret"); err != nil || v.Note.String() != "fine" {
		t.Errorf("the verdict is %v, %v", v, err)
	}
	var refused *RefusedError
	if err := d.Answer(t.Context(), number, ""); !errors.As(err, &refused) || refused.Why.String() != "needed" {
		t.Errorf("a bad answer: %v", err)
	}
	if err := d.Answer(t.Context(), number, "s3cret"); err != nil {
		t.Fatal(err)
	}
	if value, err := result(); value != "s3cret" || err != nil {
		t.Errorf("the session got %q, %v", value, err)
	}
	if e := d.Snapshot().Entries; len(e) != 1 || !e[0].Answer.Value.Empty() {
		t.Errorf("on record is %+v", e)
	}
	if _, err := d.Check(t.Context(), number, "x"); !errors.Is(err, ErrGone) || checks != 3 {
		t.Errorf("a check after the end: %v, %d checks", err, checks)
	}
}

func TestConfirm(t *testing.T) {
	for _, want := range []bool{true, false} {
		d := New(time.Now)
		number, result := asking(t, d, func(ctx context.Context) (bool, error) { return d.Confirm(ctx, flow.Confirmation{}) })
		if err := d.Answer(t.Context(), number, "maybe"); !errors.Is(err, ErrRefused) {
			t.Errorf("maybe: %v", err)
		}
		value := no
		if want {
			value = yes
		}
		if err := d.Answer(t.Context(), number, value); err != nil {
			t.Fatal(err)
		}
		if got, err := result(); got != want || err != nil {
			t.Errorf("the session got %v, %v", got, err)
		}
	}
}

// TestSessionEnds: a question ends with its context.
func TestSessionEnds(t *testing.T) {
	d := New(time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	_, result := asking(t, d, func(context.Context) (string, error) { return d.Choose(ctx, fruit) })
	cancel()
	if _, err := result(); !errors.Is(err, context.Canceled) || d.Snapshot().Question != nil {
		t.Errorf("error is %v", err)
	}
}

func TestWork(t *testing.T) {
	d := New(time.Now)
	err := d.Work(t.Context(), message.Plain("uploading"), func(ctx context.Context, report func(flow.Progress)) error {
		report(flow.Progress{Done: 1, All: 2})
		w := d.Snapshot().Work
		if w == nil || w.Progress.Done != 1 {
			t.Fatalf("it shows %+v", w)
		}
		if err := d.Stop(w.Number + 1); !errors.Is(err, ErrGone) {
			t.Errorf("stopping something else: %v", err)
		}
		if err := d.Stop(w.Number); err != nil {
			t.Error(err)
		}
		<-ctx.Done()
		return ctx.Err()
	})
	if !errors.Is(err, flow.ErrInterrupted) || d.Snapshot().Work != nil {
		t.Errorf("error is %v", err)
	}
	broken := errors.New("broken")
	if err := d.Work(t.Context(), message.Plain("x"), func(context.Context, func(flow.Progress)) error { return broken }); !errors.Is(err, broken) || errors.Is(err, flow.ErrInterrupted) {
		t.Errorf("error is %v", err)
	}
}

// TestVersions: a page that looks for what is new finds it, and only it.
func TestVersions(t *testing.T) {
	d := New(time.Now)
	before, changed := d.Snapshot().Versions, d.Changed()
	d.Tell(flow.Notice{ID: "x"})
	select {
	case <-changed:
	default:
		t.Error("nobody is told")
	}
	after := d.Snapshot().Versions
	if after.Entries == before.Entries || after.Question != before.Question || after.Work != before.Work {
		t.Errorf("%+v became %+v", before, after)
	}
	for range 2 * mostEntries {
		d.Tell(flow.Notice{})
	}
	if n := len(d.Snapshot().Entries); n != mostEntries {
		t.Errorf("%d entries are kept", n)
	}
}

// TestShell: the screen outlives the shell, and the shell's reader ends with its context.
func TestShell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(time.Now)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- d.Shell(ctx, func(_ context.Context, c flow.Console) error {
				_, _ = c.Write([]byte("$ "))
				_, err := c.Read(make([]byte, 1))
				return err
			})
		}()
		synctest.Wait()
		if d.Snapshot().Shell == 0 {
			t.Error("no shell is shown")
		}
		cancel()
		if err := <-done; err == nil || d.Snapshot().Shell != 0 {
			t.Errorf("error is %v", err)
		}
		v := d.Screen().Attach("page1", 0)
		defer v.Close()
		if p, err := v.Next(t.Context()); err != nil || string(p.Bytes) != "$ " {
			t.Errorf("its last words are %q, %v", p.Bytes, err)
		}
		if _, err := v.Next(t.Context()); !errors.Is(err, ErrEnded) {
			t.Errorf("error is %v", err)
		}
	})
}
