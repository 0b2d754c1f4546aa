package image

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// brokenServer answers requests for one blob in its own way and keeps count.
type brokenServer struct {
	mu     sync.Mutex
	blob   []byte
	ranges []string // the header Range of each request for the blob

	cutAfter  int  // bytes; then the connection is reset, as often as cuts says
	cuts      int  // negative for always
	noRange   bool // the registry sends the whole blob whatever it is asked for
	refuse    int  // so many requests are answered with status
	status    int
	after     string // Retry-After
	moreBytes int    // than the blob has
}

func (s *brokenServer) serve(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
	if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, digest.FromBytes(s.blob).Encoded()) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ranges = append(s.ranges, r.Header.Get("Range"))
	if s.refuse > 0 {
		s.refuse--
		w.Header().Set("Retry-After", s.after)
		http.Error(w, "busy", s.status)
		return true
	}
	from := 0
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil && !s.noRange {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(s.blob)-1, len(s.blob)))
		w.Header().Set("Content-Length", fmt.Sprint(len(s.blob)-from))
		w.WriteHeader(http.StatusPartialContent)
	} else {
		from = 0
		if s.moreBytes == 0 {
			w.Header().Set("Content-Length", fmt.Sprint(len(s.blob)))
		}
	}
	rest := append(bytes.Clone(s.blob[from:]), make([]byte, s.moreBytes)...)
	if s.cuts == 0 || len(rest) <= s.cutAfter {
		_, _ = w.Write(rest)
		return true
	}
	s.cuts--
	_, _ = w.Write(rest[:s.cutAfter])
	panic(http.ErrAbortHandler) // breaks the connection
}

// bigImage has a first layer of some MiB, in which a connection can break.
func bigImage() testImage {
	return testImage{layers: []testLayer{{tar: tarOf("big", noise(5<<20)), compress: "none"}, {tar: tarOf("small", "x")}}}
}

func TestEnsureThroughBrokenConnections(t *testing.T) {
	img := bigImage()
	blob := img.layers[0].blob()
	tests := map[string]struct {
		server   *brokenServer
		requests int  // for the blob
		ranged   bool // the last one asks for the rest only
	}{
		"broken twice":                {&brokenServer{cutAfter: 2 << 20, cuts: 2}, 3, true},
		"broken, and no Range known":  {&brokenServer{cutAfter: 3 << 20, cuts: 1, noRange: true}, 3, false},
		"broken at the first byte":    {&brokenServer{cutAfter: 1, cuts: 3}, 4, false},
		"overloaded, 503":             {&brokenServer{refuse: 2, status: http.StatusServiceUnavailable, after: "1"}, 3, false},
		"gateway without its server":  {&brokenServer{refuse: 3, status: http.StatusBadGateway}, 4, false},
		"too many requests, 429":      {&brokenServer{refuse: 1, status: http.StatusTooManyRequests, after: "1"}, 2, false},
		"nothing wrong, for the test": {&brokenServer{}, 1, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := tt.server
			server.blob = blob
			reg := newRegistry(t)
			ref := reg.push(t, "demo/broken", "1", img)
			reg.misbehave(server.serve)
			st := openStore(t)
			object, _, err := NewClient(Options{RetryDelay: 10 * time.Millisecond}).Ensure(t.Context(), st, ref, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(object.Path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, img.converted(t)) {
				t.Error("the object is not what the layers make")
			}
			last := server.ranges[len(server.ranges)-1]
			if len(server.ranges) != tt.requests || (last != "") != tt.ranged {
				t.Errorf("ranges asked for: %q, want %d, the last with a range: %v", server.ranges, tt.requests, tt.ranged)
			}
		})
	}
}

// TestTooManyRequestsWaits: the pause that a registry asks for with 429 is kept.
func TestTooManyRequestsWaits(t *testing.T) {
	t.Parallel()
	img := bigImage()
	server := &brokenServer{blob: img.layers[0].blob(), refuse: 1, status: http.StatusTooManyRequests, after: "3"}
	reg := newRegistry(t)
	ref := reg.push(t, "demo/broken", "1", img)
	reg.misbehave(server.serve)
	begun := time.Now()
	if _, _, err := NewClient(Options{}).Ensure(t.Context(), openStore(t), ref, nil); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < 3*time.Second {
		t.Errorf("it took %v, the registry had asked for a pause of 3 s", took)
	}
}

// TestEnsureGivesUpBrokenRegistries: nothing is left of it, and a run against a
// registry that has recovered succeeds.
func TestEnsureGivesUpBrokenRegistries(t *testing.T) {
	img := bigImage()
	blob := img.layers[0].blob()
	tests := map[string]struct {
		server *brokenServer
		is     func(error) bool
	}{
		"always broken at once": {&brokenServer{cutAfter: 0, cuts: -1}, func(err error) bool { return errors.Is(err, io.EOF) }},
		"always overloaded":     {&brokenServer{refuse: 1000, status: http.StatusServiceUnavailable, after: "1"}, as[*StatusError]},
		"more than it says":     {&brokenServer{moreBytes: 4 << 20}, as[*SizeError]},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := tt.server
			server.blob = blob
			reg := newRegistry(t)
			ref := reg.push(t, "demo/broken", "1", img)
			reg.misbehave(server.serve)
			st := openStore(t)
			client := NewClient(Options{RetryDelay: time.Millisecond})
			_, _, err := client.Ensure(t.Context(), st, ref, nil)
			if f := wantFault(t, err); !tt.is(f) {
				t.Errorf("Ensure: %v", err)
			}
			if left := leftovers(t, st); left != nil {
				t.Errorf("left behind: %v", left)
			}
			reg.misbehave(nil)
			if _, converted, err := client.Ensure(t.Context(), st, ref, nil); err != nil || !converted {
				t.Errorf("afterwards: converted %v, %v", converted, err)
			}
		})
	}
}

// TestLayersAreFetchedAhead: while the lowest layer does not end, the next ones
// are asked for, and no more than that.
func TestLayersAreFetchedAhead(t *testing.T) {
	img := manyLayers("a", "b", "c", "d", "e")
	lowest := digest.FromBytes(img.layers[0].blob()).Encoded()
	reg := newRegistry(t)
	ref := reg.push(t, "demo/ahead", "1", img)
	asked := make(chan string, 100)
	release := make(chan struct{})
	reg.misbehave(func(w http.ResponseWriter, r *http.Request, good http.Handler) bool {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			asked <- r.URL.Path
		}
		if !strings.Contains(r.URL.Path, lowest) {
			return false
		}
		rec := httptest.NewRecorder()
		good.ServeHTTP(rec, r)
		<-release
		_, _ = w.Write(rec.Body.Bytes())
		return true
	})
	ended := make(chan error, 1)
	go func() {
		_, _, err := NewClient(Options{}).Ensure(t.Context(), openStore(t), ref, nil)
		ended <- err
	}()
	for range 1 + layersAhead { // the config, too
		select {
		case <-asked:
		case <-time.After(10 * time.Second):
			t.Fatal("layers are not fetched ahead")
		}
	}
	select {
	case path := <-asked:
		t.Errorf("asked for %s, more than %d layers at once", path, layersAhead)
	case <-time.After(300 * time.Millisecond):
	}
	close(release)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
