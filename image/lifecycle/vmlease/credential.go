package vmlease

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
)

// Refusals of a credential.
var (
	errWrong  = errors.New("the registry does not accept this user name and password; log in again: jbuild login")
	errRobot  = errors.New("this is a robot's login; a report is a person's: log in as yourself with jbuild login")
	errCannot = errors.New("the registry cannot check logins just now; it is tried again later")
	errOften  = errors.New("there were too many wrong passwords; wait a while")
)

// How long what the registry has said of a credential is believed. A person who was
// removed may send reports for some minutes more, which harms nobody.
const (
	believeRight = 10 * time.Minute
	believeWrong = time.Minute
)

// Checker asks Harbor whose a credential is, as seldom as it can: a wrong password locks
// its account for 1.5 seconds, and with it jobs and uploads of whom it belongs to.
// It keeps no passwords, but sums of them with a key that only this process has.
type Checker struct {
	// Ask is Harbor's answer for a credential: as harbor.Client.CurrentUser.
	Ask func(ctx context.Context, user, password string) (harbor.User, error)
	Now func() time.Time

	key   [32]byte
	asks  chan struct{} // bounds how many ask at once
	mu    sync.Mutex
	known map[[32]byte]verdict // by sum
	wrong map[string]failures  // by user
	busy  map[string]chan struct{}
}

// verdict is what Harbor said of a credential.
type verdict struct {
	user  string // as Harbor writes it
	err   error  // errWrong, errRobot
	until time.Time
}

// failures are wrong passwords of one user in a row.
type failures struct {
	count int
	until time.Time // nothing else is asked before
}

const (
	mostAsking   = 4
	mostKnown    = 20_000 // credentials, and users with failures, that are remembered
	firstPause   = 5 * time.Second
	longestPause = 5 * time.Minute
)

// NewChecker makes one.
func NewChecker(ask func(ctx context.Context, user, password string) (harbor.User, error)) *Checker {
	c := &Checker{Ask: ask, Now: time.Now, asks: make(chan struct{}, mostAsking), known: map[[32]byte]verdict{}, wrong: map[string]failures{}, busy: map[string]chan struct{}{}}
	_, _ = rand.Read(c.key[:]) // it never fails
	return c
}

// AskHarbor is Checker.Ask for a Harbor. Each question is asked once: a repeated one
// would lock the account longer.
func AskHarbor(o harbor.Options) func(context.Context, string, string) (harbor.User, error) {
	return func(ctx context.Context, user, password string) (harbor.User, error) {
		own := o
		own.User, own.Password, own.RetryTotal = user, password, -1
		return harbor.New(own).CurrentUser(ctx)
	}
}

// sum is a credential's, which nobody without the key can make or try.
func (c *Checker) sum(user, password string) (sum [32]byte) {
	mac := hmac.New(sha256.New, c.key[:])
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(user)))
	mac.Write(length[:])
	mac.Write([]byte(user))
	mac.Write([]byte(password))
	copy(sum[:], mac.Sum(nil))
	return sum
}

// Check returns whose the credential is, as Harbor writes the name.
func (c *Checker) Check(ctx context.Context, user, password string) (string, error) {
	sum, name := c.sum(user, password), strings.ToLower(user)
	done, err := c.turn(ctx, name)
	if err != nil {
		return "", errCannot
	}
	defer done()
	if v, ok := c.verdict(sum, name); ok {
		return v.user, v.err
	}
	select {
	case c.asks <- struct{}{}:
		defer func() { <-c.asks }()
	case <-ctx.Done():
		return "", errCannot
	}
	got, err := c.Ask(ctx, user, password)
	return c.learn(sum, name, got, err)
}

// turn waits until nobody else asks about a user: what they learn may be all there is to
// know.
func (c *Checker) turn(ctx context.Context, name string) (done func(), err error) {
	for {
		c.mu.Lock()
		other, waiting := c.busy[name]
		if !waiting {
			mine := make(chan struct{})
			c.busy[name] = mine
			c.mu.Unlock()
			return func() {
				c.mu.Lock()
				defer c.mu.Unlock()
				delete(c.busy, name)
				close(mine)
			}, nil
		}
		c.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// verdict is what is known without asking.
func (c *Checker) verdict(sum [32]byte, name string) (verdict, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Now()
	if v, ok := c.known[sum]; ok && now.Before(v.until) {
		return v, true
	}
	if f, ok := c.wrong[name]; ok && now.Before(f.until) {
		return verdict{err: errOften}, true
	}
	return verdict{}, false
}

// learn remembers what Harbor has said. That it could not say anything is no verdict.
func (c *Checker) learn(sum [32]byte, name string, got harbor.User, err error) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tidy()
	now := c.Now()
	switch harbor.Status(err) {
	case http.StatusUnauthorized:
		f := c.wrong[name]
		pause := min(longestPause, firstPause<<min(f.count, 10))
		c.wrong[name] = failures{f.count + 1, now.Add(pause)}
		// Harbor also says so while the account is locked or the directory is down, so
		// that it is not believed for long.
		c.known[sum] = verdict{err: errWrong, until: now.Add(min(believeWrong, pause))}
		return "", errWrong
	case http.StatusPreconditionFailed:
		c.known[sum] = verdict{err: errRobot, until: now.Add(believeRight)}
		return "", errRobot
	}
	if err != nil || got.Name == "" {
		return "", errCannot
	}
	delete(c.wrong, name)
	c.known[sum] = verdict{user: got.Name, until: now.Add(believeRight)}
	return got.Name, nil
}

// tidy drops what is over; all of it, if that is not enough.
func (c *Checker) tidy() {
	if len(c.known) < mostKnown && len(c.wrong) < mostKnown {
		return
	}
	now := c.Now()
	for sum, v := range c.known {
		if len(c.known) >= mostKnown && !now.Before(v.until) {
			delete(c.known, sum)
		}
	}
	for name, f := range c.wrong {
		if now.After(f.until.Add(longestPause)) {
			delete(c.wrong, name)
		}
	}
	if len(c.known) >= mostKnown {
		clear(c.known)
	}
	if len(c.wrong) >= mostKnown {
		clear(c.wrong)
	}
}
