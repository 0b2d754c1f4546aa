package service

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/lifecycle/mirror"
)

// quietMirror does nothing but remember what it was told.
type quietMirror struct {
	mu     sync.Mutex
	marked []mirror.Target
	status mirror.Status
	failed int
}

func (m *quietMirror) Run(ctx context.Context) error { <-ctx.Done(); return nil }
func (m *quietMirror) MarkAll()                      {}
func (m *quietMirror) Status() mirror.Status         { return m.status }

func (m *quietMirror) Retry(*mirror.Target) (int, error) { return m.failed, nil }

func (m *quietMirror) Mark(t mirror.Target) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.marked = append(m.marked, t)
	return true
}

func newQuiet(t *testing.T, change func(*Options)) (*Service, *quietMirror) {
	t.Helper()
	m := &quietMirror{}
	o := Options{Mirror: m, State: t.TempDir(), Listen: "127.0.0.1:0", WebhookSecret: "s3cret"}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	check(t, err)
	return s, m
}

func check(t testing.TB, err error) {
	if err != nil {
		t.Helper()
		t.Fatal(err)
	}
}

func TestWebhooks(t *testing.T) {
	const push = `{"type":"PUSH_ARTIFACT","event_data":{"resources":[{"tag":"1"}],"repository":{"name":"app","namespace":"lab","repo_full_name":"lab/team/app","repo_type":"private"}}}`
	for name, tt := range map[string]struct {
		secret, body string
		status       int
		marked       []mirror.Target
	}{
		"a push":       {"s3cret", push, 204, []mirror.Target{{Project: "lab", Repository: "team/app"}}},
		"cloud events": {"s3cret", `{"specversion":"1.0","type":"harbor.artifact.pushed","data":{"repository":{"repo_full_name":"lab/app"}}}`, 204, []mirror.Target{{Project: "lab", Repository: "app"}}},
		"a retention":  {"s3cret", `{"type":"TAG_RETENTION","event_data":{"retention":{"project_name":"lab"}}}`, 204, []mirror.Target{{Project: "lab"}}},
		"a quota":      {"s3cret", `{"type":"QUOTA_EXCEED","event_data":{"repository":{"namespace":"lab"},"custom_attributes":{}}}`, 204, []mirror.Target{{Project: "lab"}}},
		"of nothing":   {"s3cret", `{"type":"REPLICATION","event_data":{"replication":{}}}`, 204, nil},
		"impossible":   {"s3cret", `{"event_data":{"repository":{"repo_full_name":"../../etc/passwd"}}}`, 204, nil},
		"no secret":    {"", push, 401, nil},
		"wrong secret": {"s3cres", push, 401, nil},
		"longer":       {"s3crets", push, 401, nil},
		"no JSON":      {"s3cret", push[:20], 400, nil},
		"other JSON":   {"s3cret", `[1]`, 400, nil},
		"huge":         {"s3cret", strings.Repeat(" ", mostBody+1), 413, nil},
		"just right":   {"s3cret", push + strings.Repeat(" ", mostBody-len(push)), 204, []mirror.Target{{Project: "lab", Repository: "team/app"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s, m := newQuiet(t, nil)
			r := httptest.NewRequest(http.MethodPost, "/v1/webhook", strings.NewReader(tt.body))
			if tt.secret != "" {
				r.Header.Set("Authorization", tt.secret)
			}
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			if w.Code != tt.status {
				t.Errorf("it is %d: %s", w.Code, w.Body)
			}
			if diff := cmp.Diff(tt.marked, m.marked); diff != "" {
				t.Errorf("marked (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParseEvent(f *testing.F) {
	for _, seed := range []string{
		`{"type":"PUSH_ARTIFACT","event_data":{"repository":{"namespace":"p","repo_full_name":"p/app"}}}`,
		`{"data":{"repository":{"repo_full_name":"p/app"}}}`, `{"event_data":{"retention":{"project_name":"p"}}}`, `{"event_data":null}`, `{`, `0`, `{"event_data":{"repository":{"repo_full_name":"../x"}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		about, ok, err := parseEvent(body)
		if ok != (about.Project != "") || ok && err != nil || strings.Contains(about.String(), "..") && strings.Contains("/"+about.String()+"/", "/../") {
			t.Errorf("%q is about %q, %v, %v", body, about, ok, err)
		}
	})
}

func TestHealth(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	start := now
	s, m := newQuiet(t, func(o *Options) {
		o.PollEvery = 10 * time.Minute
		o.Now = func() time.Time { return now }
		o.Tasks = []Task{{Name: "sweep", Every: time.Hour, Run: func(context.Context) error { return errors.New("no") }}}
	})
	want := func(status int, text string) {
		t.Helper()
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/healthz", nil))
		if diff := cmp.Diff(text, w.Body.String()); diff != "" || w.Code != status {
			t.Errorf("%d (-want +got):\n%s", w.Code, diff)
		}
	}
	want(200, "ok\n")
	now = start.Add(31 * time.Minute)
	want(503, "the store was last compared with the registry 31m0s ago\n")
	m.status.Rounds.Complete = now
	m.status.Troubles = []mirror.Trouble{{Where: "registry", Since: now.Add(-4 * time.Minute), Error: "https://admin:x@harbor"}}
	want(200, "ok\n")
	m.status.Troubles[0].Since = now.Add(-6 * time.Minute)
	m.status.Troubles = append(m.status.Troubles, mirror.Trouble{Where: "rights of lab-secret", Since: now.Add(-time.Hour)})
	s.tasks[0].set(func(r *TaskReport) { r.Failed = 3 })
	want(503, "trouble with the registry for 6m0s\ntrouble with the rights for 1h0m0s\nthe task sweep has failed 3 times in a row\n")
}

func TestMetricsAreForWhoHasTheToken(t *testing.T) {
	s, m := newQuiet(t, func(o *Options) { o.MetricsToken = "prometheus" })
	m.status = mirror.Status{
		ToConvert: 7, Failures: []mirror.Failure{{Reason: mirror.Broken}}, Troubles: []mirror.Trouble{{Where: "rights of a"}, {Where: "rights of b"}},
		StoreBytes: &mirror.StoreBytes{Free: 5},
	}
	s.o.Metrics.Conversion(mirror.Outcome{Result: mirror.Converted, SizeBytes: 11, Took: time.Second})
	get := func(token string) (int, string) {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	if status, _ := get("x"); status != 401 {
		t.Errorf("with a wrong token it is %d", status)
	}
	status, text := get("prometheus")
	for _, line := range []string{`jadm_waiting_conversions 7`, `jadm_failures{reason="broken"} 1`, `jadm_trouble{where="rights"} 1`, `jadm_store_free_bytes 5`, `jadm_conversions_total{result="converted"} 1`, `jadm_converted_bytes_total 11`, `jadm_webhooks_total{outcome="refused"} 0`} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%d: %s is missing in\n%s", status, line, text)
		}
	}
}

func TestTasks(t *testing.T) {
	ran := make(chan struct{}, 100)
	s, _ := newQuiet(t, func(o *Options) {
		o.Tasks = []Task{
			{Name: "panics", Every: time.Millisecond, Run: func(context.Context) error { panic("at the disco") }},
			{Name: "works", Every: time.Millisecond, Run: func(context.Context) error { ran <- struct{}{}; return nil }},
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	for range 5 {
		<-ran
	}
	for s.tasks[0].failedInARow() < taskFailures {
		time.Sleep(time.Millisecond)
	}
	if report := s.tasks[0].get(); !strings.Contains(report.Error, "at the disco") {
		t.Errorf("the report is %+v", report)
	}
	cancel()
	check(t, <-done)
}

// TestSocket: whoever has the account sees what is done; a second service of the same
// state is refused; what a killed one has left is no hindrance.
func TestSocket(t *testing.T) {
	s, m := newQuiet(t, nil)
	m.status.ToConvert, m.failed = 3, 2
	socket := SocketIn(s.o.State)
	if _, err := Ask(t.Context(), socket); err == nil || !strings.Contains(err.Error(), "cannot be asked") {
		t.Errorf("when nobody serves: %v", err)
	}
	check(t, os.MkdirAll(strings.TrimSuffix(socket, "/socket"), 0o755))
	check(t, os.WriteFile(socket, nil, 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	var r Report
	for {
		var err error
		if r, err = Ask(t.Context(), socket); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if r.ToConvert != 3 {
		t.Errorf("the report is %+v", r)
	}
	if n, err := AskRetry(t.Context(), socket, "lab/app"); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := AskRetry(t.Context(), socket, "../x"); err == nil || !strings.Contains(err.Error(), "no such name") {
		t.Errorf("an impossible name: %v", err)
	}
	for path, mode := range map[string]os.FileMode{socket: 0o600, strings.TrimSuffix(socket, "/socket"): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	second, err := New(Options{Mirror: &quietMirror{}, State: s.o.State, Listen: "127.0.0.1:0", WebhookSecret: "x"})
	check(t, err)
	if err := second.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "runs already") {
		t.Errorf("the second: %v", err)
	}
	cancel()
	check(t, <-done)
}

func TestRefusals(t *testing.T) {
	if _, err := New(Options{Mirror: &quietMirror{}}); err == nil {
		t.Error("without a secret it would serve")
	}
	s, _ := newQuiet(t, func(o *Options) { o.Listen = "0.0.0.0:0" })
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "without TLS") {
		t.Errorf("for everybody, in the clear: %v", err)
	}
}

func TestLogsRarely(t *testing.T) {
	r, now := newRarely(time.Minute), time.Unix(0, 0)
	var told []int
	for range 150 {
		if n, ok := r.tell(now); ok {
			told = append(told, n)
		}
		now = now.Add(time.Second)
	}
	if diff := cmp.Diff([]int{1, 60, 60}, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNewLog(t *testing.T) {
	var b strings.Builder
	NewLog(&b, slog.LevelInfo).Info("x", "y", 1)
	if !strings.HasPrefix(b.String(), "{") {
		t.Errorf("to a file it writes %q", b.String())
	}
}
