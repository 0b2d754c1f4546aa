package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/presence"
)

// A claim says that one process is at some work, so that others need not do it
// too. It is a file LEASES/<what>.<generation>.claim, made with link(2), which
// its holder overwrites every claimBeat with a number that grows. Who finds it
// unchanged for claimPatience, by their own clock, or knows its holder to be
// dead, takes the next generation. No clocks are compared and no locks are used.
//
// Nothing may depend on there being only one holder: one that was suspended
// comes back without knowing. It saves work.
const (
	claimSuffix   = ".claim"
	claimBeat     = time.Second
	claimPatience = 7 * time.Second

	claimPollFirst = 10 * time.Millisecond
	claimPollLast  = 500 * time.Millisecond
)

// Other is the process that is at work while this one waits.
type Other struct {
	presence.Sign
	Progress json.RawMessage // as given to Pending.Progress, or nothing
}

// claimText is what stands in a claim.
type claimText struct {
	presence.Sign
	Nonce    string          `json:"nonce"`
	Beat     uint64          `json:"beat"`
	Progress json.RawMessage `json:"progress,omitempty"`
}

type claim struct {
	store      *Store
	what       string
	generation int
	path       string

	mu   sync.Mutex
	text claimText

	stop, stopped chan struct{}
}

// claim returns once this process holds the claim on what, or nil when settled
// says that the work, which shows in the directory dir, is done. While another
// holds it, watch is told about it, whenever something has changed.
func (s *Store) claim(ctx context.Context, what, dir string, settled func() bool, watch func(Other)) (*claim, error) {
	var seen claimSight
	for pause := claimPollFirst; ; pause = min(2*pause, claimPollLast) {
		if settled() {
			return nil, nil
		}
		newest := s.newestClaim(what)
		if newest.generation == 0 || s.clock.gone(newest.Owner) || seen.unchanged(newest, s.clock.now()) {
			s.step("claim")
			c, err := s.takeClaim(what, newest.generation+1)
			if err != nil {
				return nil, err
			}
			if c != nil {
				// It may have been done between our look and our claim; and this
				// host may go on believing for half a minute that something is not
				// there, unless it changes the directory itself (nfs(5), acdirmin).
				s.storageNow(dir)
				if settled() {
					c.release()
					return nil, nil
				}
				return c, nil
			}
		} else if watch != nil && seen.news {
			watch(Other{Sign: newest.Sign, Progress: newest.Progress})
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for another jrun: %w", context.Cause(ctx))
		case <-s.clock.sleep(pause):
		}
	}
}

// claimSight is what one saw of a claim, and since when it was so.
type claimSight struct {
	key   string
	since time.Time
	news  bool
}

func (v *claimSight) unchanged(c foundClaim, now time.Time) bool {
	key := fmt.Sprint(c.generation, c.Nonce, c.Beat)
	if v.news = key != v.key; v.news {
		v.key, v.since = key, now
	}
	return now.Sub(v.since) >= claimPatience
}

// foundClaim is a claim of anybody. One that cannot be read has an empty text,
// which does not change.
type foundClaim struct {
	generation int
	path       string
	claimText
}

// claims lists the claims on what, in no order.
func (s *Store) claims(what string) []foundClaim {
	entries, err := os.ReadDir(s.own.leases())
	if err != nil {
		return nil
	}
	var found []foundClaim
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), claimSuffix)
		name, number, dotted := cutLast(name, ".")
		generation, err := strconv.Atoi(number)
		if ok && dotted && name == what && err == nil && generation > 0 {
			found = append(found, readClaim(filepath.Join(s.own.leases(), e.Name()), generation))
		}
	}
	return found
}

func readClaim(path string, generation int) foundClaim {
	c := foundClaim{generation: generation, path: path}
	if b, err := readSmall(path); err == nil {
		_ = json.Unmarshal(bytes.TrimRight(b, "\n\x00"), &c.claimText)
	}
	return c
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func (s *Store) newestClaim(what string) foundClaim {
	var newest foundClaim
	for _, c := range s.claims(what) {
		if c.generation > newest.generation {
			newest = c
		}
	}
	return newest
}

// takeClaim makes the claim of a generation; nil when somebody else has it.
func (s *Store) takeClaim(what string, generation int) (*claim, error) {
	c := &claim{
		store: s, what: what, generation: generation,
		path: filepath.Join(s.own.leases(), fmt.Sprintf("%s.%d%s", what, generation, claimSuffix)),
		text: claimText{Sign: s.sign(""), Nonce: rand.Text()},
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	b, err := c.encode()
	if err != nil {
		return nil, err
	}
	won, err := s.publishOnce(c.path, b, passing)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // our temporary file was swept, or is not visible to the server yet: once more
	}
	if err != nil {
		return nil, s.WriteFault(err)
	}
	if !won && readClaim(c.path, generation).Nonce != c.text.Nonce {
		return nil, nil
	}
	go c.keep()
	return c, nil
}

// sign is how this process signs.
func (s *Store) sign(job string) presence.Sign {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return presence.Sign{Owner: s.clock.self, Host: host, Job: job}
}

// keep beats until release.
func (c *claim) keep() {
	defer close(c.stopped)
	tick := time.NewTicker(claimBeat)
	defer tick.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-tick.C:
			c.beat()
		}
	}
}

// beat overwrites the claim in place: a file that is replaced would be seen late
// by hosts that cache names. Closing it is what makes it visible to others.
func (c *claim) beat() {
	f, err := os.OpenFile(c.path, os.O_RDWR, 0)
	if err != nil {
		return // taken over and done with; nothing depends on us
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	var found claimText
	if err != nil || json.Unmarshal(bytes.TrimRight(b, "\n\x00"), &found) != nil || found.Nonce != c.text.Nonce {
		return
	}
	if b, err = c.encode(); err == nil {
		_, _ = f.WriteAt(b, 0)
	}
}

// claimSize is how long a claim is, so that each beat replaces all of it.
const claimSize = 1024

func (c *claim) encode() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text.Beat++
	b, err := json.Marshal(c.text)
	if err != nil {
		return nil, fmt.Errorf("encoding a claim: %w", err)
	}
	if len(b) > claimSize {
		return nil, fmt.Errorf("encoding a claim: it has %d bytes, more than %d", len(b), claimSize)
	}
	return append(b, bytes.Repeat([]byte("\n"), claimSize-len(b))...), nil
}

// progress is shown to those who wait, with the next beat.
func (c *claim) progress(v any) {
	b, err := json.Marshal(v)
	if err != nil || len(b) > claimSize/2 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text.Progress = b
}

// release removes the claim, and those that it has taken over, which go first:
// otherwise one of them would look like the newest for a moment.
func (c *claim) release() {
	if c == nil {
		return
	}
	close(c.stop)
	<-c.stopped
	for _, older := range c.store.claims(c.what) {
		if older.generation < c.generation {
			_ = os.Remove(older.path)
		}
	}
	_ = os.Remove(c.path)
}
