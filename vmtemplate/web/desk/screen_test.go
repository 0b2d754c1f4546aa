package desk

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pattern is output of which every piece can be told from every other.
func pattern(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
		if i%80 == 79 {
			b[i] = '\n'
		}
	}
	return b
}

// follow reads as a page does that acknowledges what it gets, until the shell is over.
func follow(v *View, got *bytes.Buffer, perPiece time.Duration) error {
	for {
		p, err := v.Next(context.Background())
		if errors.Is(err, ErrEnded) {
			return nil
		}
		if err != nil {
			return err
		}
		if p.Reset {
			got.Reset()
		}
		got.Write(p.Bytes)
		time.Sleep(perPiece)
		v.Seen(p.End)
	}
}

// TestNothingIsLost: ten megabytes, to two pages of which one is slow.
func TestNothingIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScreen()
		want := pattern(10 << 20)
		var pages sync.WaitGroup
		var got [2]bytes.Buffer
		for i, pause := range []time.Duration{0, time.Second} {
			v := s.Attach(strconv.Itoa(i), 0)
			pages.Go(func() {
				defer v.Close()
				if err := follow(v, &got[i], pause); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		for i := 0; i < len(want); i += 4096 {
			if n, err := s.Write(want[i:min(i+4096, len(want))]); err != nil || n == 0 {
				t.Fatal(n, err)
			}
		}
		s.end()
		pages.Wait()
		for i := range got {
			if !bytes.Equal(got[i].Bytes(), want) {
				t.Errorf("page %d got %d bytes, not the %d written", i, got[i].Len(), len(want))
			}
		}
	})
}

// TestSleepingPage: a page that does not move holds the program up once, for a moment,
// and begins with the ring when it wakes.
func TestSleepingPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScreen()
		v := s.Attach("page2", 0)
		defer v.Close()
		if p, err := v.Next(t.Context()); err != nil || !p.Reset || len(p.Bytes) != 0 {
			t.Fatalf("the first piece is %+v, %v", p, err)
		}
		want := pattern(5 << 20)
		begun := time.Now()
		if _, err := s.Write(want); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begun); waited < stallAfter || waited > 2*stallAfter {
			t.Errorf("the program waited %v", waited)
		}
		p, err := v.Next(t.Context())
		if err != nil || !p.Reset || !bytes.HasSuffix(want, p.Bytes) || len(p.Bytes) < 1<<16 || p.End != int64(len(want)) {
			t.Errorf("it woke up to %d bytes, reset %v, %v", len(p.Bytes), p.Reset, err)
		}
	})
}

// TestNoPages: without pages the program never waits.
func TestNoPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScreen()
		begun := time.Now()
		if _, err := s.Write(pattern(5 << 20)); err != nil {
			t.Fatal(err)
		}
		if time.Since(begun) != 0 {
			t.Error("it waited")
		}
	})
}

// TestComingBack: a page that was away for a moment gets what it has missed, and no more.
func TestComingBack(t *testing.T) {
	s := newScreen()
	_, _ = s.Write([]byte("one\n"))
	v := s.Attach("page3", 0)
	p, _ := v.Next(t.Context())
	v.Close()
	_, _ = s.Write([]byte("two\n"))
	v = s.Attach("page4", p.End)
	defer v.Close()
	if p, err := v.Next(t.Context()); err != nil || p.Reset || string(p.Bytes) != "two\n" {
		t.Errorf("it got %+v, %v", p, err)
	}
	for _, from := range []int64{-1, 99} { // what no page of this shell can have seen
		v := s.Attach("page5", from)
		if p, err := v.Next(t.Context()); err != nil || !p.Reset || string(p.Bytes) != "one\ntwo\n" {
			t.Errorf("from %d it got %+v, %v", from, p, err)
		}
		v.Close()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v2 := s.Attach("page6", p.End)
	defer v2.Close()
	_, _ = v2.Next(ctx)
	if _, err := v2.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

func TestTyping(t *testing.T) {
	s := newScreen()
	if err := s.Type([]byte("ls\r")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 2)
	n, err := s.Read(b)
	if err != nil || string(b[:n]) != "ls" {
		t.Errorf("read %q, %v", b[:n], err)
	}
	if err := s.Type([]byte(strings.Repeat("x", typedBytes))); !errors.Is(err, ErrTyped) {
		t.Errorf("a program that does not read: %v", err)
	}
	table := strings.Repeat("1.25 2.5 5\n", 1<<20/11) // comes faster than any program reads
	for i := 0; i < len(table); i += 1 << 15 {
		if err := s.Type([]byte(table[i:min(i+1<<15, len(table))])); err != nil {
			t.Fatalf("pasting a table, at %d: %v", i, err)
		}
	}
	s.end()
	rest, err := io.ReadAll(s)
	if err != nil || string(rest) != "\r"+table {
		t.Errorf("the rest has %d bytes, %v", len(rest), err)
	}
	if err := s.Type([]byte("x")); !errors.Is(err, ErrEnded) {
		t.Errorf("typing after the end: %v", err)
	}
}

func TestSize(t *testing.T) {
	s := newScreen()
	for _, size := range [][4]int{{120, 40, 120, 40}, {120, 40, 120, 40}, {0, -1, 2, 1}, {1 << 20, 1 << 20, 1000, 1000}} {
		s.Resize(size[0], size[1])
		select {
		case <-s.Resized():
		default:
			t.Errorf("%v: the program is not told", size)
		}
		if columns, rows := s.Size(); columns != size[2] || rows != size[3] {
			t.Errorf("%v became %d by %d", size, columns, rows)
		}
	}
}
