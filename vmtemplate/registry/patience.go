package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"syscall"
	"time"
)

// Patience is how accidents are waited out. The zero value means the defaults.
type Patience struct {
	// First is the pause after the first failure; each further one is twice as
	// long. A second.
	First time.Duration
	// Longest bounds a pause, and what a registry may ask for with Retry-After: one
	// minute.
	Longest time.Duration
	// Total bounds the sum of pauses in which nothing went ahead: five minutes, which
	// outlasts a restart of the registry, and the change of a network.
	Total time.Duration
}

// Attended is patience where somebody sits and waits for the answer, and nothing is lost
// by asking again.
var Attended = Patience{Total: 10 * time.Second}

func (p *Patience) fill() {
	if p.First == 0 {
		p.First = time.Second
	}
	if p.Longest == 0 {
		p.Longest = time.Minute
	}
	if p.Total == 0 {
		p.Total = 5 * time.Minute
	}
}

// Waiting is patience with one thing: how much of it is left.
type Waiting struct {
	p        Patience
	failures int
	waited   time.Duration
}

// Wait returns a new patience.
func (r *Registry) Wait() *Waiting { return &Waiting{p: r.o.Patience} }

// Progress is told when something has gone ahead: the patience is new.
func (w *Waiting) Progress() { w.failures, w.waited = 0, 0 }

// After sleeps for a while after a failure that may pass. It returns err itself when
// it will not, or when there is no patience left, and when ctx ends.
func (w *Waiting) After(ctx context.Context, err error) error {
	if ctx.Err() != nil || !Passing(err) {
		return err
	}
	pause := min(w.p.First<<min(w.failures, 16), w.p.Longest)
	pause = pause/2 + rand.N(pause/2+1) // several layers must not come back in step
	var refused *RefusalError
	if errors.As(err, &refused) {
		pause = max(pause, refused.RetryAfter)
	}
	if pause > w.p.Longest || w.waited+pause > w.p.Total {
		return err
	}
	w.failures, w.waited = w.failures+1, w.waited+pause
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return err
	}
}

// Patiently is Do, repeated while what hinders it may pass. Only what may be done
// twice is asked for so.
func (r *Registry) Patiently(ctx context.Context, q Request) (*Answer, error) {
	w := r.Wait()
	for {
		got, err := r.Do(ctx, q)
		if err == nil {
			return got, nil
		}
		if err := w.After(ctx, err); err != nil {
			return nil, err
		}
	}
}

func passingStatus(status int) bool {
	return slices.Contains([]int{
		http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
	}, status)
}

// Passing reports whether err may be gone in a moment. Of what happens on the way to
// a registry and back, all may: half an answer has no error of its own in net/http.
// What will not pass is known: names that nobody has, certificates that nobody has
// signed, files that cannot be read.
func Passing(err error) bool {
	if status := Status(err); status != 0 {
		return passingStatus(status)
	}
	var dns *net.DNSError
	var file *fs.PathError
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var onTheWay *url.Error
	switch {
	case errors.Is(err, context.Canceled), errors.As(err, &file):
		return false
	case errors.As(err, &verification), errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return false
	case errors.As(err, &dns):
		// A virtual machine that has just woken up knows no names for a while.
		return dns.Temporary() || dns.Timeout()
	}
	return errors.Is(err, ErrStalled) || errors.As(err, &onTheWay) || errors.Is(err, io.ErrUnexpectedEOF) || broken(err)
}

// broken reports whether a connection has ended while an answer was being read.
func broken(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF)
}
