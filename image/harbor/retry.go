package harbor

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// idempotent are the methods that may be repeated when nobody knows whether
// they arrived. Harbor's PUTs set values; none of them counts.
var idempotent = []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete}

// patiently asks again after answers and accidents that pass by themselves. It
// never does after a 401: a second wrong password would lock the account once
// more, and with it everybody's correct logins.
func (c *Client) patiently(ctx context.Context, q call) (answer, error) {
	left := c.total
	for attempt := 0; ; attempt++ {
		got, err := c.once(ctx, q)
		if attempt > 0 && q.method == http.MethodDelete && Status(err) == http.StatusNotFound {
			return answer{}, nil // the first attempt did it, only its answer was lost
		}
		if err == nil || ctx.Err() != nil || !slices.Contains(idempotent, q.method) || !passing(err) {
			return got, err
		}
		pause := c.pause(attempt, err)
		if pause > left {
			return got, err
		}
		left -= pause
		if wait(ctx, pause) != nil {
			return got, err
		}
	}
}

// passing reports whether err may be gone in a moment.
func passing(err error) bool {
	switch Status(err) {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	case 0:
		return slices.ContainsFunc([]error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.ECONNREFUSED, syscall.EPIPE},
			func(broken error) bool { return errors.Is(err, broken) })
	}
	return false
}

// pause doubles with each attempt, and is between half of that and all of it,
// so that the ranks of a job do not come back in step. What the registry says
// in Retry-After is the least.
func (c *Client) pause(attempt int, err error) time.Duration {
	most := min(c.delay<<min(attempt, 10), c.total)
	pause := most/2 + rand.N(most/2+1)
	var said *Error
	if errors.As(err, &said) {
		pause = max(pause, said.RetryAfter)
	}
	return pause
}

// wait sleeps, or returns early with the context's error.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// retryAfter reads the header of RFC 9110, 10.2.3: seconds or a date.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
