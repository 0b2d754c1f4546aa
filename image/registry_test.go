package image

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/go-digest"
)

// testRegistry is go-containerregistry's registry on loopback, with a memory
// for requests and a place to misbehave.
type testRegistry struct {
	*httptest.Server
	host string

	mu       sync.Mutex
	requests []string

	// intercept, if set, sees every request first and returns true when it has
	// answered it. good serves the request as it should be.
	intercept func(w http.ResponseWriter, r *http.Request, good http.Handler) bool
}

func newRegistry(t testing.TB) *testRegistry {
	t.Helper()
	reg := &testRegistry{}
	good := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))
	reg.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reg.mu.Lock()
		reg.requests = append(reg.requests, r.Method+" "+r.URL.Path)
		intercept := reg.intercept
		reg.mu.Unlock()
		if intercept == nil || !intercept(w, r, good) {
			good.ServeHTTP(w, r)
		}
	}))
	reg.Config.ErrorLog = log.New(io.Discard, "", 0) // the TLS attempts on a plain port
	t.Cleanup(reg.Close)
	reg.host = strings.TrimPrefix(reg.URL, "http://")
	return reg
}

// misbehave sets intercept from now on.
func (reg *testRegistry) misbehave(f func(w http.ResponseWriter, r *http.Request, good http.Handler) bool) {
	reg.mu.Lock()
	defer reg.mu.Unlock()
	reg.intercept = f
}

// take returns the requests since the last call and forgets them.
func (reg *testRegistry) take() []string {
	reg.mu.Lock()
	defer reg.mu.Unlock()
	taken := reg.requests
	reg.requests = nil
	return taken
}

func (reg *testRegistry) count(prefix string) int {
	reg.mu.Lock()
	defer reg.mu.Unlock()
	n := 0
	for _, r := range reg.requests {
		if strings.HasPrefix(r, prefix) {
			n++
		}
	}
	return n
}

// push uploads an image, or an index over several, and returns what Ensure
// should be asked for.
func (reg *testRegistry) push(t testing.TB, repository, tag string, images ...testImage) Reference {
	t.Helper()
	for _, img := range images {
		for _, blob := range img.blobs() {
			reg.put(t, http.MethodPost, fmt.Sprintf("/v2/%s/blobs/uploads/?digest=%s", repository, digest.FromBytes(blob)), "application/octet-stream", blob)
		}
		name := tag
		if len(images) > 1 {
			name = img.digest().String()
		}
		reg.put(t, http.MethodPut, "/v2/"+repository+"/manifests/"+name, img.manifestType(), img.manifest())
	}
	if len(images) > 1 {
		b, mime := indexOf(images)
		reg.put(t, http.MethodPut, "/v2/"+repository+"/manifests/"+tag, mime, b)
	}
	reg.take()
	return mustParse(t, reg.host+"/"+repository+":"+tag)
}

func (reg *testRegistry) put(t testing.TB, method, path, mime string, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, reg.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", mime)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		answer, _ := io.ReadAll(res.Body)
		t.Fatalf("%s %s: %s: %s", method, path, res.Status, answer)
	}
}

func mustParse(t testing.TB, s string) Reference {
	t.Helper()
	ref, err := ParseReference(s)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}
