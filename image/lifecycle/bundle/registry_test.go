package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

// server is a registry that answers as the test says.
func server(t *testing.T, answer http.HandlerFunc) (*Registry, *httptest.Server) {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return NewRegistry(RegistryOptions{Base: must(url.Parse(s.URL)), User: "u", Password: "hunter2", RetryDelay: time.Microsecond, RetryTotal: time.Second, Stall: 300 * time.Millisecond}), s
}

// TestBlobGoesOn: connections that break off are gone on with where they were.
func TestBlobGoesOn(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 1000)
	for _, ranges := range []bool{true, false} {
		t.Run(fmt.Sprintf("ranges %v", ranges), func(t *testing.T) {
			var requests atomic.Int64
			r, _ := server(t, func(w http.ResponseWriter, req *http.Request) {
				n := int(requests.Add(1))
				from := 0
				if text := req.Header.Get("Range"); ranges && text != "" {
					_, _ = fmt.Sscanf(text, "bytes=%d-", &from)
					w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
				}
				w.Header().Set("Content-Length", fmt.Sprint(len(content)-from))
				if from > 0 {
					w.WriteHeader(http.StatusPartialContent)
				}
				_, _ = w.Write(content[from:min(len(content), n*3000)])
				if n*3000 < len(content) {
					panic(http.ErrAbortHandler)
				}
			})
			b, err := r.Blob(t.Context(), "a/b", digest.FromBytes(content), int64(len(content)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(b)
			if err != nil || !bytes.Equal(got, content) || b.Close() != nil {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if requests.Load() != 4 {
				t.Errorf("%d requests", requests.Load())
			}
		})
	}
}

func TestBlobThatStalls(t *testing.T) {
	r, _ := server(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = w.Write([]byte("12345"))
		w.(http.Flusher).Flush()
		<-req.Context().Done()
	})
	r.total = -1
	b, err := r.Blob(t.Context(), "a/b", digest.FromString("x"), 10)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(b); err == nil {
		t.Error("no error")
	}
}

func TestRetries(t *testing.T) {
	tests := []struct {
		status int
		again  bool
	}{{429, true}, {502, true}, {503, true}, {504, true}, {500, false}, {401, false}, {403, false}, {404, false}}
	for _, tt := range tests {
		var requests atomic.Int64
		r, _ := server(t, func(w http.ResponseWriter, _ *http.Request) {
			if requests.Add(1) == 1 {
				w.WriteHeader(tt.status)
				return
			}
			_, _ = io.WriteString(w, "{}")
		})
		_, _, err := r.Manifest(t.Context(), "a/b", "1")
		if again := requests.Load() == 2; again != tt.again || again != (err == nil) {
			t.Errorf("%d: %d requests, %v", tt.status, requests.Load(), err)
		}
		if !tt.again && harbor.Status(err) != tt.status {
			t.Errorf("%d: %v", tt.status, err)
		}
	}
}

// TestPasswordStaysHome: a registry may send a client elsewhere for a blob, but not with
// the password, and not for an upload.
func TestPasswordStaysHome(t *testing.T) {
	var seen http.Header
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		seen = req.Header
		_, _ = io.WriteString(w, "x")
	}))
	t.Cleanup(elsewhere.Close)
	away := strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)
	r, _ := server(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Location", away)
		if req.Method == http.MethodPost {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	b, err := r.Blob(t.Context(), "a/b", digest.FromString("x"), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if seen == nil || seen.Get("Authorization") != "" {
		t.Errorf("the other host was sent %v", seen)
	}
	seen = nil
	err = r.PutBlob(t.Context(), "a/b", digest.FromString("x"), 1, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("x")), nil }, "")
	if err == nil || seen != nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("upload: %v, and the other host was sent %v", err, seen)
	}
}

func TestManifestIsAnother(t *testing.T) {
	r, _ := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	var wrong *DigestError
	if _, _, err := r.Manifest(t.Context(), "a/b", digest.FromString("x").String()); !errors.As(err, &wrong) {
		t.Errorf("got %v", err)
	}
	big, _ := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, mostManifestBytes+1)) })
	if _, _, err := big.Manifest(t.Context(), "a/b", "1"); err == nil {
		t.Error("a manifest of more than 4 MiB is none")
	}
}

// TestForeignLayer: a layer that may not be passed on is noted, and its lack is no damage.
func TestForeignLayer(t *testing.T) {
	w := newWorld(t)
	name := w.project + "/windows"
	config := []byte(`{"os":"windows","architecture":"amd64"}`)
	w.fake.PushBlob(name, digest.FromBytes(config), config)
	foreign := digest.FromString("foreign")
	push := func(tag, urls string) {
		w.fake.PushManifest(name, tag, imgspec.MediaTypeImageManifest, fmt.Appendf(nil, `{"schemaVersion":2,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[{"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar","digest":%q,"size":7%s}]}`,
			imgspec.MediaTypeImageConfig, digest.FromBytes(config), len(config), foreign, urls))
	}
	push("1", `,"urls":["https://example.com/layer"]`)
	dir := filepath.Join(t.TempDir(), "b")
	s, err := Make(t.Context(), dir, w.request())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], foreign.String()) {
		t.Errorf("warnings: %q", s.Warnings)
	}
	if text := string(must(os.ReadFile(filepath.Join(dir, textFile)))); !strings.Contains(text, foreign.String()) {
		t.Error("the index for people does not say it")
	}
	push("1", "") // without an address it is a part that is missing
	if _, err := Make(t.Context(), filepath.Join(t.TempDir(), "b"), w.request()); err == nil || !strings.Contains(err.Error(), foreign.String()) {
		t.Errorf("a layer that is missing: %v", err)
	}
}

// TestRoom: a bundle that cannot fit is not begun.
func TestRoom(t *testing.T) {
	w := newWorld(t)
	config := []byte(`{}`)
	w.fake.PushBlob(w.project+"/big", digest.FromBytes(config), config)
	w.fake.PushManifest(w.project+"/big", "1", imgspec.MediaTypeImageManifest, fmt.Appendf(nil, `{"schemaVersion":2,"config":{"mediaType":%q,"digest":%q,"size":2},"layers":[{"mediaType":%q,"digest":%q,"size":%d}]}`,
		imgspec.MediaTypeImageConfig, digest.FromBytes(config), imgspec.MediaTypeImageLayer, digest.FromString("big"), int64(1)<<60))
	w.fake.TakeRequests()
	_, err := Make(t.Context(), filepath.Join(t.TempDir(), "b"), w.request())
	if err == nil || !strings.Contains(formatted(err), "make room") {
		t.Errorf("got %v", formatted(err))
	}
	for _, request := range w.fake.TakeRequests() {
		if strings.Contains(request.Path, "/blobs/") {
			t.Errorf("%s %s", request.Method, request.Path)
		}
	}
}
