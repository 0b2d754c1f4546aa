package mirror

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/harbor"
)

// Trouble is something that keeps the work from going on.
type Trouble struct {
	Where string    `json:"where"` // registry, store, room, directory, state
	Since time.Time `json:"since"`
	Error string    `json:"error"` // on one line, for a terminal
}

// Places of troubles.
const (
	atRegistry  = "registry"
	atStore     = "store"
	atDirectory = "directory"
	atState     = "state"
	atRoom      = "room" // the store has too little
)

type troubles struct {
	mu    sync.Mutex
	known map[string]Trouble
}

func newTroubles() *troubles { return &troubles{known: map[string]Trouble{}} }

// set notes that there is trouble somewhere, or with a nil error that there is none.
// It reports whether that is new.
func (t *troubles) set(where string, err error, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	known, was := t.known[where]
	if err == nil {
		delete(t.known, where)
		return was
	}
	if !was {
		known = Trouble{Where: where, Since: now}
	}
	known.Error = oneLine(err)
	t.known[where] = known
	return !was
}

func (t *troubles) list() []Trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]Trouble, 0, len(t.known))
	for _, known := range t.known {
		all = append(all, known)
	}
	slices.SortFunc(all, func(a, b Trouble) int { return strings.Compare(a.Where, b.Where) })
	return all
}

// isFull recognises a store that cannot take more, or nothing at all.
func isFull(err error) bool {
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO, syscall.ESTALE} {
		if errors.Is(err, full) {
			return true
		}
	}
	return false
}

// isDown recognises a registry that does not answer what was asked, as opposed to one
// that says no.
func isDown(err error) bool {
	var down *image.UnreachableError
	return errors.As(err, &down)
}

// isAway recognises an API that nobody answers at.
func isAway(err error) bool {
	switch harbor.Status(err) {
	case 0, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// isMissing recognises Harbor's own word that something is not there; a proxy's 404 is
// none.
func isMissing(err error) bool {
	var refused *harbor.Error
	return errors.As(err, &refused) && refused.Status == http.StatusNotFound && refused.Code == "NOT_FOUND"
}

// jitter is a random part of d.
func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d)
}
