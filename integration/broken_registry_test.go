//go:build e2e

package integration

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/integration/campaign"
)

// blobFault answers a request for a blob in a wrong way.
type blobFault struct {
	answer func(w http.ResponseWriter, r *http.Request, blob []byte)
	// recoverable says that a pull must succeed when the next answer is right.
	// The others may be told from an attack by nobody: an error is right, too.
	recoverable bool
	// onRange says that it is a wrong answer to a request for a part, so that
	// something else must have broken before.
	onRange bool
}

var blobFaults = map[string]blobFault{
	"reset in the middle":          {answer: sendAndClose(0, 1, 2, true), recoverable: true},
	"reset at once":                {answer: sendAndClose(0, 0, 1, true), recoverable: true},
	"closed in the middle":         {answer: sendAndClose(0, 2, 3, false), recoverable: true},
	"promises more than it has":    {answer: sendAndClose(1000, 1, 1, false)},
	"promises less than it has":    {answer: func(w http.ResponseWriter, _ *http.Request, b []byte) { sendAll(w, http.StatusOK, b[:len(b)/2]) }},
	"ends early, in order":         {answer: endEarly},
	"is silent for a second":       {answer: pauseInTheMiddle, recoverable: true},
	"too many requests":            {answer: askLater(http.StatusTooManyRequests), recoverable: true},
	"unavailable":                  {answer: askLater(http.StatusServiceUnavailable), recoverable: true},
	"internal error":               {answer: askLater(http.StatusInternalServerError), recoverable: true},
	"bad gateway":                  {answer: askLater(http.StatusBadGateway), recoverable: true},
	"a page for logging in":        {answer: func(w http.ResponseWriter, _ *http.Request, _ []byte) { io.WriteString(w, "<html>login</html>") }},
	"all instead of a part":        {answer: func(w http.ResponseWriter, _ *http.Request, b []byte) { sendAll(w, http.StatusOK, b) }, recoverable: true, onRange: true},
	"another part, and says so":    {answer: sendPart(0, 0), recoverable: false, onRange: true},
	"another part, and says it is": {answer: sendPart(-1, 0), onRange: true},
	"a part that is too long":      {answer: sendPart(-1, -1), onRange: true},
	"no such part": {answer: func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
	}, onRange: true},
}

func sendAll(w http.ResponseWriter, status int, b []byte) {
	w.Header().Set("Content-Length", fmt.Sprint(len(b)))
	w.WriteHeader(status)
	w.Write(b)
}

// sendAndClose promises what was asked for and more bytes, sends a fraction of
// what there is and closes or resets the connection.
func sendAndClose(more, numerator, denominator int, reset bool) func(http.ResponseWriter, *http.Request, []byte) {
	return func(w http.ResponseWriter, r *http.Request, blob []byte) {
		from := rangeStart(r)
		rest := blob[from:]
		header := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(rest)+more)
		if from > 0 {
			header = fmt.Sprintf("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %d-%d/%d\r\nContent-Length: %d\r\n\r\n",
				from, len(blob)-1, len(blob), len(rest)+more)
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return // the client went away
		}
		defer conn.Close()
		io.WriteString(conn, header)
		conn.Write(rest[:len(rest)*numerator/denominator])
		if reset {
			time.Sleep(20 * time.Millisecond) // a reset throws away what was not read
			conn.(*net.TCPConn).SetLinger(0)
		}
	}
}

// rangeStart is where the part begins that is asked for.
func rangeStart(r *http.Request) int {
	var from int
	fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
	return from
}

// endEarly does not say how much comes and ends, as far as HTTP can tell, well.
func endEarly(w http.ResponseWriter, _ *http.Request, blob []byte) {
	w.(http.Flusher).Flush()
	w.Write(blob[:len(blob)/2])
}

func pauseInTheMiddle(w http.ResponseWriter, r *http.Request, blob []byte) {
	if from := rangeStart(r); from > 0 {
		sendPart(from, from)(w, r, blob)
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(blob)))
	w.Write(blob[:len(blob)/3])
	w.(http.Flusher).Flush()
	time.Sleep(time.Second)
	w.Write(blob[len(blob)/3:])
}

func askLater(status int) func(http.ResponseWriter, *http.Request, []byte) {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(status)
	}
}

// sendPart says that its answer begins at one offset and sends from another; -1
// is what was asked for, minus one byte where it is sent.
func sendPart(says, sends int) func(http.ResponseWriter, *http.Request, []byte) {
	return func(w http.ResponseWriter, r *http.Request, blob []byte) {
		says, sends := says, sends
		if says < 0 {
			says = rangeStart(r)
		}
		if sends < 0 {
			sends = max(0, rangeStart(r)-1)
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", says, len(blob)-1, len(blob)))
		sendAll(w, http.StatusPartialContent, blob[sends:])
	}
}

// brokenRegistry answers requests for blobs with faults that choose picks;
// empty for none. It returns the number of bytes asked for, to see what is
// fetched again.
func brokenRegistry(t *testing.T, choose func(r *http.Request) string) (m *meddler, askedBytes func() int) {
	m = newMeddler(t)
	var mu sync.Mutex
	asked := 0
	m.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if !isBlob(r.URL.Path) || r.Method != http.MethodGet {
			return false
		}
		response, err := http.Get("http://" + lab.registry.Host + r.URL.Path)
		if err != nil {
			t.Error(err)
			return false
		}
		defer response.Body.Close()
		blob, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("the lab's registry: %d, %v", response.StatusCode, err)
			return false
		}
		mu.Lock()
		asked += len(blob) - rangeStart(r)
		name := choose(r)
		mu.Unlock()
		if name != "" {
			blobFaults[name].answer(w, r, blob)
			return true
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(blob))
		return true
	}
	return m, func() int { mu.Lock(); defer mu.Unlock(); return asked }
}

// firstAnswers makes each blob's first answers the given faults, in order.
func firstAnswers(names ...string) func(*http.Request) string {
	seen := map[string]int{}
	return func(r *http.Request) string {
		n := seen[r.URL.Path]
		seen[r.URL.Path]++
		if n < len(names) {
			return names[n]
		}
		return ""
	}
}

// TestBrokenRegistry meets faults once for every blob and, when campaign.Soaking(), at
// every request: all of them when campaign.Soaking(), three otherwise.
func TestBrokenRegistry(t *testing.T) {
	chance := campaign.Random(t)
	want, _ := referenceOf(t, campaignImages[0])
	names := slices.Sorted(maps.Keys(blobFaults))
	chance.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names[:campaign.Slice(3, len(names))] {
		fault := blobFaults[name]
		t.Run("once/"+name, func(t *testing.T) {
			faults := []string{name}
			if fault.onRange {
				faults = []string{"reset in the middle", name}
			}
			m, _ := brokenRegistry(t, firstAnswers(faults...))
			s := freshSession(t)
			r := s.run("pull", "-q", m.ref(campaignImages[0]))
			if fault.recoverable {
				r.want(0)
			}
			want.requireRightOrFault(r, s)
			s.ok("pull", "-q", ref(campaignImages[0]))
			want.requireWhole(s)
		})
		if !campaign.Soaking() {
			continue
		}
		t.Run("always/"+name, func(t *testing.T) {
			m, _ := brokenRegistry(t, func(r *http.Request) string {
				if fault.onRange && rangeStart(r) == 0 {
					return "reset in the middle"
				}
				return name
			})
			s := freshSession(t)
			want.requireRightOrFault(s.run("pull", "-q", m.ref(campaignImages[0])), s)
		})
	}
}

// TestResume: after a broken connection only the rest is asked for.
func TestResume(t *testing.T) {
	want, _ := referenceOf(t, campaignImages[0])
	whole := fetchedBytes(t)
	var parts []string
	first := firstAnswers("closed in the middle") // two thirds; a reset may lose some of what was sent
	m, asked := brokenRegistry(t, func(r *http.Request) string {
		if part := r.Header.Get("Range"); part != "" {
			parts = append(parts, part)
		}
		return first(r)
	})
	s := freshSession(t)
	s.ok("pull", "-q", m.ref(campaignImages[0]))
	want.requireWhole(s)
	if len(parts) < 3 {
		t.Errorf("three layers broke off; parts asked for: %q", strings.Join(parts, ", "))
	}
	if asked() > whole*8/5 { // all layers twice would be 2
		t.Errorf("%d bytes were asked for, the image has %d", asked(), whole)
	}
}

// fetchedBytes is how much a pull asks for when nothing breaks.
func fetchedBytes(t *testing.T) int {
	t.Helper()
	m, asked := brokenRegistry(t, func(*http.Request) string { return "" })
	freshSession(t).ok("pull", "-q", m.ref(campaignImages[0]))
	return asked()
}

// TestUnreliableRegistry answers at random for a while.
func TestUnreliableRegistry(t *testing.T) {
	chance := campaign.Random(t)
	want, _ := referenceOf(t, campaignImages[0])
	names := slices.Sorted(maps.Keys(blobFaults))
	counts := map[bool]int{}
	for end := time.Now().Add(campaign.Slice(2*time.Second, 3*time.Minute)); time.Now().Before(end); {
		seed := chance.Uint64()
		m, _ := brokenRegistry(t, sometimes(rand.New(rand.NewPCG(seed, 0)), 0.3, names))
		s := freshSession(t)
		r := s.run("pull", "-q", m.ref(campaignImages[0]))
		counts[r.code == 0]++
		want.requireRightOrFault(r, s)
		if t.Failed() {
			t.Fatalf("the requests were answered with faults of seed %d", seed)
		}
	}
	t.Logf("%d pulls succeeded, %d failed well", counts[true], counts[false])
}

func sometimes(chance *rand.Rand, probability float64, names []string) func(*http.Request) string {
	return func(*http.Request) string {
		if chance.Float64() < probability {
			return names[chance.IntN(len(names))]
		}
		return ""
	}
}
