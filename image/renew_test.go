package image

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/opencontainers/go-digest"
)

// tokens is a registry whose tokens end long before they say so.
type tokens struct {
	uses   int                                   // requests that a token is good for
	before func(r *http.Request, t *tokens) bool // may revoke, or refuse with true

	mu       sync.Mutex
	given    int // tokens, for the right password
	asked    int // requests for tokens
	password string
	left     map[string]int
}

func newTokens(uses int) *tokens {
	return &tokens{uses: uses, password: rightPassword, left: map[string]int{}}
}

// revoke ends all tokens.
func (t *tokens) revoke() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.left)
}

func (t *tokens) intercept(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
	if t.before != nil && t.before(r, t) {
		answer(w, http.StatusUnauthorized, "UNAUTHORIZED", "you may not have this")
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.URL.Path == "/token" {
		t.asked++
		if _, password, _ := r.BasicAuth(); password != t.password {
			answer(w, http.StatusUnauthorized, "UNAUTHORIZED", "unauthorized")
			return true
		}
		t.given++
		t.left[fmt.Sprintf("Bearer token%d", t.given)] = t.uses
		_, _ = fmt.Fprintf(w, `{"token":"token%d","expires_in":1800}`, t.given)
		return true
	}
	if key := r.Header.Get("Authorization"); t.left[key] > 0 {
		t.left[key]--
		return false
	}
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, r.Host))
	answer(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
	return true
}

// fourLayers are more requests than a token of these tests is good for.
func fourLayers() testImage {
	img := twoLayers("gzip")
	for i := range 2 {
		img.layers = append(img.layers, testLayer{tar: tarOf(fmt.Sprintf("more/%d", i), noise(100_000+i)), compress: "gzip"})
	}
	return img
}

func TestTokensThatExpireBetweenRequests(t *testing.T) {
	reg := newRegistry(t)
	img := fourLayers()
	ref := reg.push(t, "private/app", "1", img)
	tokens := newTokens(4)
	reg.misbehave(tokens.intercept)
	client := NewClient(Options{AuthFile: login(t, reg.host, rightPassword)})
	object, _, err := client.Ensure(t.Context(), openStore(t), ref, nil)
	if err != nil {
		t.Fatal(err)
	}
	if object.Digest != img.digest() {
		t.Errorf("got %s, want %s", object.Digest, img.digest())
	}
	// One for the question, one for the transfer, one in the middle of it.
	if tokens.given != 3 {
		t.Errorf("%d tokens were asked for, want 3", tokens.given)
	}
}

// TestATokenThatExpiresInTheMiddleOfALayer: the connection breaks, and when the
// rest is asked for, with Range, the token is no longer good.
func TestATokenThatExpiresInTheMiddleOfALayer(t *testing.T) {
	reg := newRegistry(t)
	img := twoLayers("gzip")
	lower := digest.FromBytes(img.layers[0].blob()).Encoded()
	ref := reg.push(t, "private/app", "1", img)
	tokens := newTokens(1000)
	var once sync.Once
	ranged := false
	reg.misbehave(func(w http.ResponseWriter, r *http.Request, good http.Handler) bool {
		if tokens.intercept(w, r, good) {
			ranged = ranged || r.Header.Get("Range") != ""
			return true
		}
		if !strings.Contains(r.URL.Path, lower) {
			return false
		}
		once.Do(func() {
			right := httptest.NewRecorder()
			good.ServeHTTP(right, r)
			w.Header().Set("Content-Length", strconv.Itoa(right.Body.Len()))
			_, _ = w.Write(right.Body.Bytes()[:right.Body.Len()/2])
			tokens.revoke()
			panic(http.ErrAbortHandler)
		})
		return false
	})
	client := NewClient(Options{AuthFile: login(t, reg.host, rightPassword), RetryDelay: time.Millisecond})
	st := openStore(t)
	object, _, err := client.Ensure(t.Context(), st, ref, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := must(os.ReadFile(object.Path)); !bytes.Equal(got, img.converted(t)) {
		t.Error("the object is not what the layers' tars give")
	}
	if !ranged {
		t.Error("the rest was not asked for with Range: the test tests nothing")
	}
	if tokens.given != 3 {
		t.Errorf("%d tokens were asked for, want 3", tokens.given)
	}
}

// TestRefusedBlobsAreNotAskedForInALoop: neither when the new token is of no use,
// nor when there is none because the password is no longer right.
func TestRefusedBlobsAreNotAskedForInALoop(t *testing.T) {
	isBlob := func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/blobs/") }
	for name, before := range map[string]func(*http.Request, *tokens) bool{
		"a right that was taken away": func(r *http.Request, _ *tokens) bool { return isBlob(r) },
		"a password that was changed": func(r *http.Request, t *tokens) bool {
			if isBlob(r) {
				t.mu.Lock()
				t.password = "new"
				t.mu.Unlock()
				t.revoke()
			}
			return false
		},
	} {
		t.Run(name, func(t *testing.T) {
			reg := newRegistry(t)
			ref := reg.push(t, "private/app", "1", fourLayers())
			tokens := newTokens(1000)
			tokens.before = before
			reg.misbehave(tokens.intercept)
			client := NewClient(Options{AuthFile: login(t, reg.host, rightPassword), RetryDelay: time.Millisecond})
			st := openStore(t)
			_, _, err := client.Ensure(t.Context(), st, ref, nil)
			f := wantFault(t, err)
			t.Logf("%s", fault.Format("jrun", f))
			if tokens.asked != 3 {
				t.Errorf("%d tokens were asked for, want 3", tokens.asked)
			}
			if n := reg.count("GET /v2/private/app/blobs/"); n > 10 {
				t.Errorf("blobs were asked for %d times", n)
			}
			if left := leftovers(t, st); left != nil {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
