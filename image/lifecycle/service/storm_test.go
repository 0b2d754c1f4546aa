package service_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/mirror"
	"github.com/jrun-hpc/jrun/image/lifecycle/service"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/integration/campaign"
	"github.com/opencontainers/go-digest"
)

const secret, forged = "the-secret-of-the-webhooks", "a-secret-that-is-forged"

// site is a Harbor, a store, and a service between them.
type site struct {
	testing.TB
	fake   *fakeharbor.Server
	root   string
	state  string
	mirror *mirror.Mirror
	url    string // of the service
	log    *safeBuffer
	stop   func()
}

// safeBuffer is written by several goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{TB: t, fake: fakeharbor.New(fakeharbor.Options{}), root: filepath.Join(t.TempDir(), "store"), state: t.TempDir(), log: &safeBuffer{}}
	t.Cleanup(s.fake.Close)
	check(t, store.InitSite(s.root))
	base, err := url.Parse(s.fake.URL)
	check(t, err)
	log := slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	metrics := service.NewMetrics()
	s.mirror, err = mirror.New(mirror.Options{
		Harbor:   harbor.New(harbor.Options{Base: base, User: fakeharbor.AdminUser, Password: fakeharbor.AdminPassword}),
		Registry: s.fake.Host, Store: s.root, Login: image.Login{User: fakeharbor.AdminUser, Password: fakeharbor.AdminPassword},
		State: state.Open(s.state), Audit: audit.Open(filepath.Join(s.state, "audit.jsonl"), "test"), Log: log,
		Platforms: []store.Platform{{OS: "linux", Architecture: "amd64"}}, Jobs: 2, UndeleteFor: time.Hour, Version: "test", Observe: metrics.Conversion,
	})
	check(t, err)
	address := freeAddress(t)
	s.url = "http://" + address
	sv, err := service.New(service.Options{Mirror: s.mirror, Metrics: metrics, Log: log, State: s.state, Listen: address, WebhookSecret: secret, MetricsToken: "metrics"})
	check(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sv.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		check(t, <-done)
	})
	t.Cleanup(s.stop)
	for {
		if resp, err := http.Get(s.url + "/healthz"); err == nil {
			resp.Body.Close()
			return s
		}
		select {
		case err := <-done:
			t.Fatalf("it does not serve: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
}

// freeAddress is one that the kernel has chosen.
func freeAddress(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	return l.Addr().String()
}

func check(t testing.TB, err error) {
	if err != nil {
		t.Helper()
		t.Fatal(err)
	}
}

// hook makes Harbor tell the service of what happens in a project.
func (s *site) hook(project string) {
	s.Helper()
	base, err := url.Parse(s.fake.URL)
	check(s, err)
	admin := harbor.New(harbor.Options{Base: base, User: fakeharbor.AdminUser, Password: fakeharbor.AdminPassword})
	_, err = admin.CreateWebhook(s.Context(), project, harbor.Webhook{
		Name: "jadm", Enabled: true, Events: []string{harbor.EventPush, harbor.EventDelete, harbor.EventScanned},
		Targets: []harbor.WebhookTarget{{Type: "http", Address: s.url + "/v1/webhook", AuthHeader: secret}},
	})
	check(s, err)
}

// settle waits until there is nothing to do.
func (s *site) settle() {
	s.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if s.mirror.Idle() {
			return
		}
	}
	s.Fatalf("it does not come to an end: %+v", s.mirror.Status())
}

func testImage(t testing.TB, seed string) v1.Image { return fakeharbor.Image(t, seed, "amd64") }

// TestReadyBeforeTheJob: an image that was pushed is in the store before a job asks for
// it, and the job's own look-up finds it without converting.
func TestReadyBeforeTheJob(t *testing.T) {
	s := newSite(t)
	s.fake.AddProject(fakeharbor.Project{Name: "lab", Public: true})
	s.settle()
	s.hook("lab")
	d := s.fake.Push("lab/app", "1", testImage(t, "ready"))
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		st, err := store.OpenSite(s.root, store.Place{Registry: s.fake.Host, Project: "lab"})
		check(t, err)
		if o, err := st.Get(d); err == nil {
			if o.Meta.Digest != d {
				t.Errorf("it is %s", o.Meta.Digest)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it is not there: %+v", s.mirror.Status())
		}
	}
	s.settle()
	if os.Getuid() == 0 {
		return // no job takes images that belong to root
	}
	user, err := store.Open(s.root, store.Options{SiteOwner: os.Getuid()})
	check(t, err)
	client := image.NewClient(image.Options{Architecture: "amd64", AuthFile: filepath.Join(t.TempDir(), "none")})
	r, err := image.ParseReference(s.fake.Host + "/lab/app:1")
	check(t, err)
	o, converted, err := client.Ensure(t.Context(), user, r, nil)
	if converted || !o.Site || err != nil {
		t.Errorf("converted: %v, the site's: %v, %v", converted, o.Site, err)
	}
}

// TestStorm: ten thousand webhooks, of which many are doubled, late, forged, huge or no
// JSON, and connections that never end, while images come and go. In the end the store
// has what the registry has; memory does not grow with the number of webhooks; nothing
// that is secret is in the log.
func TestStorm(t *testing.T) {
	const webhooks, senders, projects = 10_000, 8, 4
	seed, soak := campaign.Seed(t), campaign.Times(t)
	s := newSite(t)
	for i := range projects {
		p := fmt.Sprint("p", i)
		s.fake.AddProject(fakeharbor.Project{Name: p, Public: i == 0})
		s.hook(p)
	}
	s.settle()
	for range 100 { // they send a byte, and nothing else
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		check(t, err)
		t.Cleanup(func() { c.Close() })
		_, err = io.WriteString(c, []string{"P", "POST /v1/webhook HTTP/1.1\r\nHost: x\r\nAuthorization: " + secret + "\r\nContent-Length: 100\r\n\r\n{"}[rand.IntN(2)])
		check(t, err)
	}
	before := heap()
	var refused, wrong atomic.Int64
	var all sync.WaitGroup
	huge := bytes.Repeat([]byte(" "), 2<<20)
	for sender := range senders {
		all.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(sender)))
			for range webhooks * soak / senders {
				repo := fmt.Sprintf("p%d/app%d", random.IntN(projects), random.IntN(6))
				body := fmt.Appendf(nil, `{"type":%q,"occur_at":%d,"operator":"x","event_data":{"repository":{"namespace":%q,"repo_full_name":%q}}}`,
					[]string{"PUSH_ARTIFACT", "DELETE_ARTIFACT", "SCANNING_COMPLETED", "WHATEVER"}[random.IntN(4)], random.IntN(2_000_000_000), repo[:2], repo)
				authorization, want := secret, http.StatusNoContent
				switch random.IntN(20) {
				case 0, 1, 2:
					authorization, want = forged, http.StatusUnauthorized
				case 3:
					body, want = body[:random.IntN(len(body))], http.StatusBadRequest
				case 4:
					body = fmt.Appendf(nil, `{"event_data":{"repository":{"repo_full_name":"none%d/x%d"}}}`, random.IntN(50), random.Int())
				case 5:
					body = fmt.Appendf(nil, `{"event_data":{"repository":{"repo_full_name":%q}}}`, []string{"../../etc", "P/x", "画像", ""}[random.IntN(4)])
				case 6:
					if random.IntN(10) == 0 {
						body, want = huge, http.StatusRequestEntityTooLarge
					}
				}
				if got := s.post(authorization, body); got != want {
					if got != 0 || want != http.StatusRequestEntityTooLarge { // the connection may be cut
						t.Errorf("%d instead of %d to %.200q", got, want, body)
						wrong.Add(1)
					}
				}
				if want == http.StatusUnauthorized {
					refused.Add(1)
				}
				if wrong.Load() > 5 {
					return
				}
			}
		})
	}
	tags := map[string]map[string]digest.Digest{}
	random := rand.New(rand.NewPCG(seed, 1000))
	for i := range 120 * soak {
		s.change(random, tags, i)
		if n := s.mirror.Status().ToLook; n > 10_000 {
			t.Errorf("%d targets are remembered", n)
		}
	}
	all.Wait()
	s.settle()
	s.wantSame(tags)
	s.fake.TakeRequests()
	if grown := heap() - before; grown > 48<<20 {
		t.Errorf("the heap has grown by %d MiB", grown>>20)
	}
	s.stop()
	text := s.log.String()
	for _, word := range []string{secret, forged, fakeharbor.AdminPassword} {
		if strings.Contains(text, word) {
			t.Errorf("%q is in the log", word)
		}
	}
	if n := strings.Count(text, "webhooks without the right secret"); n == 0 || n > 30*soak {
		t.Errorf("%d refusals are %d lines of the log", refused.Load(), n)
	}
	t.Logf("%d webhooks, %d refused, heap %d MiB before, %d MiB after", webhooks*soak, refused.Load(), before>>20, heap()>>20)
}

// change pushes or deletes something; Harbor sends webhooks of its own.
func (s *site) change(random *rand.Rand, tags map[string]map[string]digest.Digest, n int) {
	repo := fmt.Sprintf("p%d/app%d", random.IntN(4), random.IntN(6))
	if tags[repo] == nil {
		tags[repo] = map[string]digest.Digest{}
	}
	tag := strconv.Itoa(random.IntN(4))
	if d, ok := tags[repo][tag]; ok && random.IntN(2) == 0 {
		s.fake.DeleteArtifact(repo, tag)
		for other, also := range tags[repo] {
			if also == d {
				delete(tags[repo], other)
			}
		}
		return
	}
	tags[repo][tag] = s.fake.Push(repo, tag, testImage(s, strconv.Itoa(n)))
}

// wantSame compares the names in the store with the registry's, and whether what they
// stand for is there.
func (s *site) wantSame(tags map[string]map[string]digest.Digest) {
	s.Helper()
	got, want := map[string]digest.Digest{}, map[string]digest.Digest{}
	for repo, of := range tags {
		for tag, d := range of {
			want[repo+":"+tag] = d
		}
	}
	for i := range 4 {
		st, err := store.OpenSite(s.root, store.Place{Registry: s.fake.Host, Project: fmt.Sprint("p", i)})
		check(s, err)
		refs, err := st.Refs()
		check(s, err)
		for _, r := range refs {
			if _, err := st.Get(r.Digest); err != nil {
				s.Errorf("%s leads to nothing: %v", r.Name, err)
			}
			if !strings.Contains(r.Name, "@sha256:") {
				got[strings.TrimPrefix(r.Name, s.fake.Host+"/")] = r.Digest
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("names (-want +got):\n%s", diff)
	}
}

func (s *site) post(authorization string, body []byte) int {
	r, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.url+"/v1/webhook", bytes.NewReader(body))
	check(s, err)
	r.Header.Set("Authorization", authorization)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
