//go:build e2e

package integration

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// meddler stands between jrun and the real registry. It counts what is asked,
// and lies when a test tells it to.
type meddler struct {
	host string

	mu       sync.Mutex
	requests []string // "METHOD path"
	// answer, if set, may answer a request itself and returns true then.
	answer func(w http.ResponseWriter, r *http.Request) bool
	// change, if set, may change a blob's bytes.
	change func(blob []byte) []byte
	// delay is slept before each 64 KiB of a blob.
	delay time.Duration
}

// newMeddler starts a meddler in front of the lab's registry.
func newMeddler(t *testing.T) *meddler {
	t.Helper()
	m := &meddler{}
	target, err := url.Parse("http://" + lab.registry.Host)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: m.modify,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) {}, // jrun went away
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		m.requests = append(m.requests, r.Method+" "+r.URL.Path)
		answer := m.answer
		m.mu.Unlock()
		if answer == nil || !answer(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	m.host = strings.TrimPrefix(server.URL, "http://")
	return m
}

func (m *meddler) modify(response *http.Response) error {
	if !isBlob(response.Request.URL.Path) || response.StatusCode >= 300 {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.change != nil && response.Request.Method == http.MethodGet {
		blob, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		response.Body.Close()
		blob = m.change(blob)
		response.Body = io.NopCloser(bytes.NewReader(blob))
		response.ContentLength = int64(len(blob))
		response.Header.Set("Content-Length", strconv.Itoa(len(blob)))
	}
	if m.delay > 0 {
		response.Body = &slowBody{response.Body, m.delay}
	}
	return nil
}

// holdLayers keeps the requests for blobs waiting, but for the first, the config,
// until the function returned is called.
func (m *meddler) holdLayers() (release func()) {
	released := make(chan struct{})
	var asked atomic.Int32
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answer = func(_ http.ResponseWriter, r *http.Request) bool {
		if isBlob(r.URL.Path) && asked.Add(1) > 1 {
			select {
			case <-released:
			case <-r.Context().Done():
			}
		}
		return false
	}
	return func() { close(released) }
}

// ref is the reference of an image of the lab's registry through the meddler.
func (m *meddler) ref(name string) string { return m.host + "/" + name }

// count says how many requests began with one of the methods and had part in
// their path.
func (m *meddler) count(part string, methods ...string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, request := range m.requests {
		method, path, _ := strings.Cut(request, " ")
		for _, wanted := range methods {
			if method == wanted && strings.Contains(path, part) {
				n++
			}
		}
	}
	return n
}

func isBlob(path string) bool { return strings.Contains(path, "/blobs/") }

// refuse makes an answer with a status and a registry's error body.
func refuse(status int, code, message string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, `{"errors":[{"code":"`+code+`","message":"`+message+`"}]}`)
		return true
	}
}

type slowBody struct {
	io.ReadCloser
	delay time.Duration
}

func (b *slowBody) Read(p []byte) (int, error) {
	time.Sleep(b.delay)
	return b.ReadCloser.Read(p[:min(len(p), 64<<10)])
}
