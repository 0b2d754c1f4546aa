package upload_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	debian "github.com/jrun-hpc/jrun/integration/registry"
	"github.com/jrun-hpc/jrun/vmtemplate/registry"
	"github.com/jrun-hpc/jrun/vmtemplate/upload"
	"github.com/opencontainers/go-digest"
)

const (
	user     = "u001"
	password = "Sekrit-passw0rd"
	// loginDelay of the fake, short because tests wait for it.
	loginDelay = 300 * time.Millisecond
	kib        = 1 << 10
)

// tarLayer is a layer in memory.
type tarLayer struct {
	tar   []byte
	known upload.Known
	opens atomic.Int64
}

func (l *tarLayer) DiffID() digest.Digest { return digest.FromBytes(l.tar) }
func (l *tarLayer) Known() upload.Known   { return l.known }
func (l *tarLayer) Open() (io.ReadCloser, error) {
	l.opens.Add(1)
	return io.NopCloser(bytes.NewReader(l.tar)), nil
}

// newLayer is a tar of one file that cannot be compressed, always the same for a seed.
func newLayer(t testing.TB, seed uint64, size int) *tarLayer {
	t.Helper()
	data := make([]byte, size)
	source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 1})
	source.Read(data)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "data", Mode: 0o644, Size: int64(size)}); err != nil {
		t.Fatal(err)
	}
	w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &tarLayer{tar: b.Bytes()}
}

// newImage has a configuration as Docker makes it.
func newImage(t testing.TB, layers ...*tarLayer) upload.Image {
	t.Helper()
	var img upload.Image
	ids := []digest.Digest{}
	for _, l := range layers {
		img.Layers = append(img.Layers, l)
		ids = append(ids, l.DiffID())
	}
	config, err := json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "created": "2026-04-01T00:00:00Z", "container": "abc",
		"config": map[string]any{
			"Hostname": "5f2a", "Image": "sha256:1", "Cmd": []string{"bash"}, "Env": nil, "Healthcheck": map[string]any{"Test": []string{"CMD", "true"}},
			"OnBuild": []string{"RUN true"}, "Shell": []string{"/bin/bash", "-c"}, "Labels": map[string]string{"a": "b"}, "WorkingDir": "",
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": ids},
	})
	if err != nil {
		t.Fatal(err)
	}
	img.Config = config
	return img
}

// peer is a registry to push to.
type peer struct {
	testing.TB
	fake   *fakeharbor.Server // nil for another
	host   string
	access image.Access
	dir    string
	wire   *wire
}

// newHarbor is a fake with the projects team and base, of which u001 is a member. A
// wire between us and it can be cut.
func newHarbor(t testing.TB, o fakeharbor.Options) *peer {
	t.Helper()
	o.LoginDelay, o.HealthLag = loginDelay, -1
	h := fakeharbor.New(o)
	h.AddUser(fakeharbor.User{Name: user, Password: password})
	for _, project := range []string{"team", "base"} {
		h.AddProject(fakeharbor.Project{Name: project})
		h.AddMember(project, user, fakeharbor.Developer)
	}
	p := newPeer(t, h.Listener.Addr().String())
	h.Host, h.URL = p.host, "http://"+p.host
	p.fake = h
	t.Cleanup(h.Close)
	return p
}

// passwords is u001's, as htpasswd -B writes it.
const passwords = user + ":$2a$04$ebMTm4qka1P95u48qGWizO0tNSrQvqO8.h8UlOn/5QOn24lufQeNW\n"

// newDebians is Debian's docker-registry, a real one, with a Basic login.
func newDebians(t testing.TB) *peer {
	t.Helper()
	if _, err := exec.LookPath("docker-registry"); err != nil {
		t.Skip("docker-registry is not installed: integration/setup.sh test")
	}
	s, err := debian.Start(context.Background(), t.TempDir(), passwords)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return newPeer(t, s.Host)
}

// newPlain is go-containerregistry's registry, which lets everybody do everything
// and does not go on with what broke off.
func newPlain(t testing.TB) *peer {
	t.Helper()
	s := httptest.NewServer(ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	return newPeer(t, s.Listener.Addr().String())
}

func newPeer(t testing.TB, address string) *peer {
	t.Helper()
	w := newWire(t, address)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &peer{
		TB: t, host: w.host, dir: t.TempDir(), wire: w,
		access: image.Access{Host: w.host, User: user, Password: password, Transport: transport, Plain: true},
	}
}

// options are those of a push to team/app:1.
func (p *peer) options() upload.Options {
	return upload.Options{
		Target: upload.Target{Host: p.host, Repository: "team/app", Tag: "1"}, Access: p.access, Dir: p.dir, ChunkBytes: 64 * kib,
		Patience:     registry.Patience{First: time.Millisecond, Longest: 20 * time.Millisecond, Total: time.Second},
		StallTimeout: 5 * time.Second,
		HarborTiming: harbor.Timing{LoginDelay: loginDelay, Wait: func(ctx context.Context) error {
			select {
			case <-time.After(loginDelay * 3 / 2):
			case <-ctx.Done():
			}
			return nil
		}},
	}
}

func (p *peer) push(img upload.Image, o upload.Options) upload.Result {
	p.Helper()
	result, err := upload.Push(context.Background(), img, o)
	if err != nil {
		p.Fatalf("pushing: %+v", err)
	}
	return result
}

// pull fetches what a target stands for, with somebody else's client, and compares
// the layers.
func (p *peer) pull(t upload.Target, img upload.Image) v1.Image {
	p.Helper()
	ref, err := name.ParseReference(t.String(), name.Insecure)
	if err != nil {
		p.Fatal(err)
	}
	got, err := remote.Image(ref, remote.WithAuth(&authn.Basic{Username: p.access.User, Password: p.access.Password}))
	if err != nil {
		p.Fatal(err)
	}
	layers, err := got.Layers()
	if err != nil || len(layers) != len(img.Layers) {
		p.Fatalf("%d layers came back (%v)", len(layers), err)
	}
	for i, layer := range layers {
		r, err := layer.Uncompressed()
		if err != nil {
			p.Fatal(err)
		}
		d, err := digest.FromReader(r)
		if err != nil || d != img.Layers[i].DiffID() {
			p.Errorf("layer %d came back as %s (%v)", i, d, err)
		}
	}
	return got
}

// received are the bytes of blobs that the fake was sent.
func (p *peer) received() int64 {
	var n int64
	for _, r := range p.fake.Requests() {
		if strings.Contains(r.Path, "/blobs/uploads/") {
			n += r.Bytes
		}
	}
	return n
}

// count counts the fake's requests with a method, a part of the path and a status.
func (p *peer) count(method, part string, status int) int {
	n := 0
	for _, r := range p.fake.Requests() {
		if r.Method == method && strings.Contains(r.Path, part) && (status == 0 || r.Status == status) {
			n++
		}
	}
	return n
}

// wire forwards connections, and is cut once after a number of bytes upwards or
// downwards: all connections of that moment end.
type wire struct {
	host, to string

	mu       sync.Mutex
	up, down int64
	cutUp    int64 // 0: never
	cutDown  int64
	every    bool // again after as much
	cuts     int
	open     []net.Conn
}

func newWire(t testing.TB, to string) *wire {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{host: l.Addr().String(), to: to}
	t.Cleanup(func() {
		l.Close()
		w.cut()
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go w.serve(c)
		}
	}()
	return w
}

func (w *wire) serve(client net.Conn) {
	server, err := net.Dial("tcp", w.to)
	if err != nil {
		client.Close()
		return
	}
	w.mu.Lock()
	w.open = append(w.open, client, server)
	w.mu.Unlock()
	go w.copy(server, client, &w.up, &w.cutUp)
	w.copy(client, server, &w.down, &w.cutDown)
}

func (w *wire) copy(to, from net.Conn, n, limit *int64) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 8*kib)
	for {
		got, err := from.Read(buf)
		w.mu.Lock()
		cut := *limit > 0 && *n+int64(got) > *limit
		if cut {
			got = int(*limit - *n)
			w.cuts++
			if *n = 0; !w.every {
				*limit = 0
			}
		} else {
			*n += int64(got)
		}
		w.mu.Unlock()
		if got > 0 {
			if _, err := to.Write(buf[:got]); err != nil {
				return
			}
		}
		if cut {
			w.cut()
		}
		if err != nil {
			return
		}
	}
}

// cut ends all connections.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.open {
		c.Close()
	}
	w.open = nil
}

// cutAfter sets the next cut.
func (w *wire) cutAfter(up, down int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.up, w.down, w.cutUp, w.cutDown, w.cuts = 0, 0, up, down, 0
}

func (w *wire) counts() (up, down int64, cuts int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.up, w.down, w.cuts
}

// before is a transport that looks at each request first, and may answer it.
type before struct {
	then http.RoundTripper
	look func(*http.Request) *http.Response
}

func (b *before) RoundTrip(r *http.Request) (*http.Response, error) {
	if answer := b.look(r); answer != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		answer.Request = r
		return answer, nil
	}
	return b.then.RoundTrip(r)
}

func answer(status int, header http.Header, body string) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), ProtoMajor: 1, ProtoMinor: 1}
}

// as is errors.As as an expression.
func as[T error](err error) (T, bool) {
	var target T
	ok := errors.As(err, &target)
	return target, ok
}

func layerTypes(img v1.Image) []string {
	m, err := img.Manifest()
	if err != nil {
		return nil
	}
	var all []string
	for _, l := range m.Layers {
		all = append(all, string(l.MediaType))
	}
	slices.Sort(all)
	return slices.Compact(all)
}
