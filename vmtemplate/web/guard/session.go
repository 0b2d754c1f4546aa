package guard

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	sessionLife  = 30 * 24 * time.Hour // without a visit
	mostSessions = 20                  // of one person: the oldest goes

	proofHeader = "X-Jbuild-Session"
	// protocolPrefix stands before the proof among a WebSocket's subprotocols: scripts
	// cannot set other headers for these.
	protocolPrefix = "session."
)

// Protocol is the subprotocol that a WebSocket's answer names.
const Protocol = "jbuild"

// session is a browser that is logged in: hashes of its two halves.
type session struct {
	Cookie, Proof [32]byte
	Seen          time.Time

	over context.Context // done when it has ended
	end  context.CancelFunc
}

// live is s with what ends it.
func (s session) live() session {
	s.over, s.end = context.WithCancel(context.Background())
	return s
}

// drop ends sessions. The guard is locked.
func (g *Guard) drop(i, j int) {
	for _, s := range g.sessions[i:j] {
		s.end()
	}
	g.sessions = slices.Delete(g.sessions, i, j)
}

// begin gives a browser a session, and returns the half that its page keeps.
func (g *Guard) begin(w http.ResponseWriter) (proof string, err error) {
	cookie, proof := rand.Text(), rand.Text()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sessions = append(g.sessions, session{Cookie: sha256.Sum256([]byte(cookie)), Proof: sha256.Sum256([]byte(proof)), Seen: g.o.Now()}.live())
	if len(g.sessions) > mostSessions {
		g.drop(0, len(g.sessions)-mostSessions)
	}
	http.SetCookie(w, &http.Cookie{
		Name: g.cookieName(), Value: cookie, Path: "/", MaxAge: int(sessionLife / time.Second),
		HttpOnly: true, Secure: g.o.Secure, SameSite: http.SameSiteStrictMode,
	})
	return proof, g.remember()
}

// cookieName: browsers accept the prefix __Host- with TLS only, and then from this host
// alone.
func (g *Guard) cookieName() string {
	if g.o.Secure {
		return "__Host-jbuild"
	}
	return "jbuild"
}

// find is the index of a request's session, or -1. The guard is locked.
func (g *Guard) find(r *http.Request) int {
	proof := r.Header.Get(proofHeader)
	if isUpgrade(r) {
		for protocol := range strings.SplitSeq(r.Header.Get("Sec-Websocket-Protocol"), ",") {
			if p, ok := strings.CutPrefix(strings.TrimSpace(protocol), protocolPrefix); ok {
				proof = p
			}
		}
	}
	proofHash := sha256.Sum256([]byte(proof))
	for _, c := range r.CookiesNamed(g.cookieName()) {
		cookieHash := sha256.Sum256([]byte(c.Value))
		for i, s := range g.sessions {
			if subtle.ConstantTimeCompare(s.Cookie[:], cookieHash[:])&subtle.ConstantTimeCompare(s.Proof[:], proofHash[:]) == 1 {
				return i
			}
		}
	}
	return -1
}

// has finds out whether a request comes from a page that is logged in; over is done when
// it is so no more.
func (g *Guard) has(r *http.Request) (over context.Context, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.o.Now()
	i := g.find(r)
	if i < 0 || now.Sub(g.sessions[i].Seen) > sessionLife {
		return nil, false
	}
	if now.Sub(g.sessions[i].Seen) > time.Hour {
		g.sessions[i].Seen = now
		_ = g.remember() // it is remembered as it was, which is enough
	}
	return g.sessions[i].over, true
}

// Require lets only pages through that are logged in. Whoever logs out ends what goes on
// in the session: sockets stay open for days.
func (g *Guard) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		over, ok := g.has(r)
		if !ok {
			http.Error(w, "log in first", http.StatusUnauthorized)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(over, cancel)()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// End logs a browser out.
func (g *Guard) End(w http.ResponseWriter, r *http.Request) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := g.find(r); i >= 0 {
		g.drop(i, i+1)
	}
	http.SetCookie(w, &http.Cookie{Name: g.cookieName(), Path: "/", MaxAge: -1, HttpOnly: true, Secure: g.o.Secure, SameSite: http.SameSiteStrictMode})
	return g.remember()
}

// recall reads the sessions of before. A file that is not whole is none.
func (g *Guard) recall() error {
	if g.o.Sessions == "" {
		return nil
	}
	b, err := os.ReadFile(g.o.Sessions)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the sessions: %w", err)
	}
	if json.Unmarshal(b, &g.sessions) != nil {
		g.sessions = nil
	}
	for i := range g.sessions {
		g.sessions[i] = g.sessions[i].live()
	}
	return nil
}

// remember writes the sessions. The guard is locked.
func (g *Guard) remember() error {
	if g.o.Sessions == "" {
		return nil
	}
	b, err := json.Marshal(g.sessions)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(g.o.Sessions), ".sessions-*") // 0600
	if err != nil {
		return fmt.Errorf("writing the sessions: %w", err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), g.o.Sessions)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("writing the sessions: %w", err)
	}
	return nil
}
