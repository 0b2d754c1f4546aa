package guard

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"time"
)

var (
	// ErrInvitation is returned for an invitation that is used up, too old, or none.
	ErrInvitation = errors.New("the link has been used, or is too old")
	// ErrOwner is returned for somebody who is not the owner.
	ErrOwner = errors.New("this machine belongs to somebody else")
)

// WaitError says that logins come too fast.
type WaitError struct{ For time.Duration }

func (e *WaitError) Error() string { return fmt.Sprintf("wait %v before the next try", e.For) }

const (
	invitationLife  = 10 * time.Minute
	mostInvitations = 10
	firstPause      = 2 * time.Second // Harbor locks an account for 1.5
	mostPause       = time.Minute
)

// Invite makes an invitation: what an address that lets its holder in ends with.
func (g *Guard) Invite() string {
	word := rand.Text()
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.o.Now()
	for hash, until := range g.invitations {
		if now.After(until) || len(g.invitations) >= mostInvitations {
			delete(g.invitations, hash)
		}
	}
	g.invitations[sha256.Sum256([]byte(word))] = now.Add(invitationLife)
	return word
}

// Redeem takes an invitation, and returns what the page must keep. The error is
// ErrInvitation.
func (g *Guard) Redeem(w http.ResponseWriter, word string) (proof string, err error) {
	hash := sha256.Sum256([]byte(word))
	g.mu.Lock()
	until, ok := g.invitations[hash]
	delete(g.invitations, hash)
	now := g.o.Now()
	g.mu.Unlock()
	if !ok || now.After(until) {
		return "", ErrInvitation
	}
	return g.begin(w)
}

// TakesPasswords reports whether the owner may log in with the registry's password.
func (g *Guard) TakesPasswords() bool { return g.o.Owner != "" && g.o.Login != nil }

// LogIn takes the registry's login. The error is ErrOwner, a *WaitError, or what the
// registry says.
func (g *Guard) LogIn(ctx context.Context, w http.ResponseWriter, user, password string) (proof string, err error) {
	if !g.TakesPasswords() {
		return "", ErrOwner
	}
	if err := g.turn(); err != nil {
		return "", err
	}
	owner, given := sha256.Sum256([]byte(g.o.Owner)), sha256.Sum256([]byte(user))
	if subtle.ConstantTimeCompare(owner[:], given[:]) != 1 {
		err = ErrOwner
	} else {
		err = g.o.Login(ctx, user, password)
	}
	g.over(err)
	if err != nil {
		return "", err
	}
	return g.begin(w)
}

// turn lets one login at a time through.
func (g *Guard) turn() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if wait := g.notBefore.Sub(g.o.Now()); wait > 0 {
		return &WaitError{wait}
	}
	if g.trying {
		return &WaitError{firstPause}
	}
	g.trying = true
	return nil
}

// over ends a login. Each wrong one doubles the pause.
func (g *Guard) over(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.trying = false
	if err == nil {
		g.failures = 0
		return
	}
	g.notBefore = g.o.Now().Add(min(firstPause<<min(g.failures, 10), mostPause))
	g.failures++
}
