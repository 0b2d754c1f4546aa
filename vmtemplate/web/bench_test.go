package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/web"
	"github.com/jrun-hpc/jrun/vmtemplate/web/bench"
	"github.com/jrun-hpc/jrun/vmtemplate/web/desk"
	"github.com/jrun-hpc/jrun/vmtemplate/web/guard"
)

// fakeBench answers with what it has, or with err.
type fakeBench struct {
	err    error
	paths  []string
	put    string
	bytes  int64
	over   bool
	cut    bool // a file ends in the middle
	folder string
	busy   string
}

func (f *fakeBench) List(_ context.Context, path string) (bench.Listing, error) {
	f.paths = append(f.paths, path)
	return bench.Listing{Path: path, Entries: []bench.Entry{{Name: "a<b>", Kind: bench.Regular, Bytes: 7}}}, f.err
}

func (f *fakeBench) Open(_ context.Context, path string) (bench.File, error) {
	f.paths = append(f.paths, path)
	return fakeFile{f.cut}, f.err
}

func (f *fakeBench) Put(_ context.Context, path string, content io.Reader, bytes int64, overwrite bool) error {
	f.paths, f.bytes, f.over = append(f.paths, path), bytes, overwrite
	if f.err != nil {
		return f.err
	}
	all, err := io.ReadAll(content)
	f.put = string(all)
	return err
}

// MakeFolder notes which.
func (f *fakeBench) MakeFolder(_ context.Context, path string) error {
	f.folder = path
	return f.err
}

func (f *fakeBench) Busy(context.Context) (string, error) { return f.busy, f.err }

func (f *fakeBench) HangUp(context.Context) error {
	f.busy = ""
	return f.err
}

func (f *fakeBench) Changes(context.Context) (flow.Changes, error) {
	return flow.Changes{Packages: []flow.Package{{Manager: "apt", Name: "gcc", Is: "12"}}, Files: 3, Bytes: 4, Left: []flow.Left{{Why: "cache", Files: 2}}}, f.err
}

func (f *fakeBench) Recipe(context.Context) (string, error) { return "FROM x\n", f.err }

func (f *fakeBench) Search(context.Context, string) (bench.Found, error) {
	return bench.Found{Prepare: "apt-get update"}, f.err
}

type fakeFile struct{ cut bool }

func (f fakeFile) Name() string { return "naïve \"x\".txt" }
func (f fakeFile) Bytes() int64 { return 10 }
func (f fakeFile) Close() error { return nil }
func (f fakeFile) Send(_ context.Context, out io.Writer) error {
	if f.cut {
		_, _ = io.WriteString(out, "01234")
		return errors.New("the disk is broken")
	}
	_, err := io.WriteString(out, "0123456789")
	return err
}

type fakeImages struct{ err error }

func (f *fakeImages) Images(context.Context) (bench.Shelf, error) {
	return bench.Shelf{Project: "taro", Harbor: true, Images: []bench.Image{{Repository: "h/taro/x", Name: "x", Tags: []bench.Tag{{Name: "1", Scan: &bench.Scan{Status: "Success", Severity: "High", Total: 3}}}}}, Members: []bench.Member{{ID: 3, Name: "taro", Role: message.Of("bench.role.admin"), Own: true}}}, f.err
}
func (f *fakeImages) DeleteTag(context.Context, string, string) error     { return f.err }
func (f *fakeImages) AddMember(context.Context, string, bench.Role) error { return f.err }
func (f *fakeImages) RemoveMember(context.Context, int64) error           { return f.err }

// benchSite is a site with a bench.
func benchSite(t *testing.T, b *fakeBench, i *fakeImages) *site {
	t.Helper()
	printer, _ := message.For("en")
	g, err := guard.New(guard.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	d := desk.New(time.Now)
	return serveSite(t, web.New(web.Options{Desk: d, Guard: g, Printer: printer, Bench: b, Images: i}), d, g)
}

// serveSite serves, and logs a browser in.
func serveSite(t *testing.T, server *web.Server, d *desk.Desk, g *guard.Guard) *site {
	t.Helper()
	s := &site{T: t, desk: d, guard: g}
	http := httptest.NewServer(server.Handler())
	t.Cleanup(http.Close)
	t.Cleanup(server.Close)
	jar, _ := cookiejar.New(nil)
	s.url, s.browser = http.URL, http.Client()
	s.browser.Jar = jar
	var answer struct{ Session string }
	s.post("/api/login", map[string]string{"invitation": g.Invite()}, http200, &answer)
	s.proof = answer.Session
	return s
}

// all are the requests that need a session.
var all = []struct{ method, path, body string }{
	{"GET", "/api/bench/files?path=/root", ""}, {"GET", "/api/bench/file?path=/root/x", ""}, {"PUT", "/api/bench/file?path=/root/x", "x"},
	{"POST", "/api/bench/folder", `{"path":"/root/y"}`}, {"POST", "/api/bench/finish", `{}`},
	{"GET", "/api/bench/changes", ""}, {"GET", "/api/bench/recipe", ""}, {"GET", "/api/bench/search?words=x", ""},
	{"GET", "/api/images", ""}, {"DELETE", "/api/images/tag?repository=h/taro/x&tag=1", ""},
	{"POST", "/api/members", `{"user":"a","role":"guest"}`}, {"DELETE", "/api/members?id=3", ""},
}

// raw makes a request with or without the session.
func (s *site) raw(method, path, body, proof, origin string) (*http.Response, string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", origin)
	r.Header.Set("X-Jbuild-Session", proof)
	answer, err := s.browser.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body) // may be cut
	return answer, string(text)
}

// TestFolder: a page makes one, and hears why it cannot.
func TestFolder(t *testing.T) {
	b := &fakeBench{}
	s := benchSite(t, b, &fakeImages{})
	s.post("/api/bench/folder", map[string]string{"path": "/root/y"}, http.StatusNoContent, nil)
	if b.folder != "/root/y" {
		t.Errorf("the folder is %q", b.folder)
	}
	b.err = bench.ErrExists
	var f struct{ Error string }
	s.post("/api/bench/folder", map[string]string{"path": "/root/y"}, http.StatusConflict, &f)
	if f.Error != "exists" {
		t.Errorf("a file in its place: %+v", f)
	}
}

// TestFinish: what leaves a shell is typed into the shell alone.
func TestFinish(t *testing.T) {
	b := &fakeBench{busy: "nano\x1b[2J"}
	s := benchSite(t, b, &fakeImages{})
	typed := make(chan string, 1)
	go func() {
		_ = s.desk.Shell(t.Context(), func(_ context.Context, c flow.Console) error {
			buf := make([]byte, 100)
			n, err := c.Read(buf)
			typed <- string(buf[:n])
			return err
		})
	}()
	for s.desk.Snapshot().Shell == 0 {
		<-s.desk.Changed()
	}
	var f struct{ Error, Text string }
	s.post("/api/bench/finish", map[string]any{}, http.StatusConflict, &f)
	if f.Error != "program" || !strings.Contains(f.Text, "nano") || strings.Contains(f.Text, "\x1b") {
		t.Errorf("an editor has the terminal: %+v", f)
	}
	select {
	case text := <-typed:
		t.Errorf("the editor got %q", text)
	default:
	}
	s.post("/api/bench/finish", map[string]any{"anyway": true}, http.StatusNoContent, nil)
	if text := <-typed; text != "\x03\nexit\n" || b.busy != "" {
		t.Errorf("the shell got %q, and %q runs", text, b.busy)
	}
}

// TestBenchIsGuarded: none of it without the session's two halves, nor from another page.
func TestBenchIsGuarded(t *testing.T) {
	b := &fakeBench{}
	s := benchSite(t, b, &fakeImages{})
	for _, q := range append(all, struct{ method, path, body string }{"POST", "/api/script", "{}"}) {
		if a, _ := s.raw(q.method, q.path, q.body, "", s.url); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s %s without a proof: %d", q.method, q.path, a.StatusCode)
		}
		if q.method == "GET" {
			continue
		}
		if a, _ := s.raw(q.method, q.path, q.body, s.proof, "http://evil.example"); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s %s of another page: %d", q.method, q.path, a.StatusCode)
		}
	}
	if len(b.paths) > 0 {
		t.Errorf("it was asked for %q", b.paths)
	}
}

// TestBenchFailures: every error has a kind and words in both languages.
func TestBenchFailures(t *testing.T) {
	b, i := &fakeBench{}, &fakeImages{}
	s := benchSite(t, b, i)
	for _, test := range []struct {
		err    error
		kind   string
		status int
	}{
		{bench.ErrNoShell, "no-shell", 409},
		{errors.Join(bench.ErrExists, message.Fail(message.Of("bench.exists", "/x"), nil)), "exists", 409},
		{errors.Join(bench.ErrMissing, message.Fail(message.Of("bench.missing", "/x"), nil)), "missing", 404},
		{errors.Join(bench.ErrNoRoom, message.Fail(message.Of("bench.no-room", "/x"), nil, message.Of("bench.no-room.next"))), "no-room", 507},
		{errors.Join(flow.ErrImmutable, message.Fail(message.Of("bench.immutable", "x:1"), nil)), "immutable", 409},
		{errors.Join(bench.ErrUnsupported, message.Fail(message.Of("bench.unsupported", "h"), nil)), "unsupported", 501},
		{flow.ErrNoLogin, "no-login", 409},
		{errors.New("broken"), "failed", 500},
	} {
		b.err, i.err = test.err, test.err
		for _, q := range all {
			var texts []string
			for _, lang := range message.Languages {
				separator := "?"
				if strings.Contains(q.path, "?") {
					separator = "&"
				}
				a, body := s.raw(q.method, q.path+separator+"lang="+lang, q.body, s.proof, s.url)
				var f struct{ Error, Text string }
				if err := json.Unmarshal([]byte(body), &f); err != nil || a.StatusCode != test.status || f.Error != test.kind || f.Text == "" {
					t.Errorf("%s %s, %v: %d %s %v", q.method, q.path, test.err, a.StatusCode, body, err)
				}
				texts = append(texts, f.Text)
			}
			if test.kind != "failed" && texts[0] == texts[1] {
				t.Errorf("%s in Japanese: %s", test.kind, texts[1])
			}
		}
	}
}

// TestTransfer: a file goes in and out as it is, and a part is never taken for the whole.
func TestTransfer(t *testing.T) {
	b := &fakeBench{}
	s := benchSite(t, b, &fakeImages{})
	a, body := s.raw("GET", "/api/bench/file?path=/root/a%2Fb", "", s.proof, s.url)
	if body != "0123456789" || a.ContentLength != 10 || a.Header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment;") || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%q with %v", body, a.Header)
	}
	if a, body = s.raw("HEAD", "/api/bench/file?path=/x", "", s.proof, s.url); a.StatusCode != http200 || body != "" {
		t.Errorf("HEAD: %d %q", a.StatusCode, body)
	}
	b.cut = true
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/api/bench/file?path=/x", nil)
	r.Header.Set("X-Jbuild-Session", s.proof)
	if answer, err := s.browser.Do(r); err == nil {
		if _, err = io.ReadAll(answer.Body); err == nil {
			t.Error("half a file looks like a whole one")
		}
		answer.Body.Close()
	}
	if a, _ = s.raw("PUT", "/api/bench/file?path=/root/x&overwrite=yes", "content", s.proof, s.url); a.StatusCode != http.StatusNoContent || b.put != "content" || b.bytes != 7 || !b.over {
		t.Errorf("%d, %+v", a.StatusCode, b)
	}
	if want := "/root/a/b"; b.paths[0] != want {
		t.Errorf("the path is %q, not %q", b.paths[0], want)
	}
}

// TestWhatPagesGet: names and shapes that the page's scripts use.
func TestWhatPagesGet(t *testing.T) {
	s := benchSite(t, &fakeBench{}, &fakeImages{})
	for path, want := range map[string]string{
		"/api/bench/files?path=/root": `{"path":"/root","entries":[{"name":"a\u003cb\u003e","kind":"file","bytes":7,"modified":"0001-01-01T00:00:00Z"}]}`,
		"/api/bench/changes":          `{"summary":"Packages: 1, files: 3 (4 B)","packages":[{"manager":"apt","name":"gcc","was":"","is":"12"}],"files":3,"bytes":4,"left":[{"why":"downloads that can be fetched again","files":2,"bytes":0}],"suspects":[]}`,
		"/api/bench/recipe":           `{"text":"FROM x\n"}`,
		"/api/bench/search?words=x":   `{"packages":[],"prepare":"apt-get update"}`,
		"/api/images":                 `{"project":"taro","harbor":true,"images":[{"repository":"h/taro/x","name":"x","description":"","tags":[{"name":"1","reference":"","bytes":0,"pushed":null,"pulled":null,"immutable":false,"scan":{"status":"Success","severity":"High","total":3,"fixable":0}}]}],"members":[{"id":3,"name":"taro","role":"owner","own":true}],"shares":false}`,
	} {
		_, body := s.raw("GET", path+"", "", s.proof, s.url)
		if diff := cmp.Diff(want, strings.TrimSpace(body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

// TestScript: a script that works, and nothing that becomes another line of #PBS.
func TestScript(t *testing.T) {
	s := benchSite(t, &fakeBench{}, &fakeImages{})
	var got struct{ Text, File string }
	s.post("/api/script", map[string]any{"image": "h.example.jp/taro/cfd:1", "kind": "gpu", "gpus": 2, "cpus": 8, "memory": 32, "nodes": 7, "ranks": 9, "hours": 100, "minutes": 5, "queue": "gpu", "mail": "a@b.jp", "command": "python3 'my file.py'"}, http200, &got)
	for _, want := range []string{"select=1:ncpus=8:ngpus=2:mem=32gb\n", "walltime=100:05:00\n", "#PBS -q gpu\n", "#PBS -M a@b.jp\n", "container_image=h.example.jp/taro/cfd:1\n", "\npython3 'my file.py'\n"} {
		if !strings.Contains(got.Text, want) {
			t.Errorf("there is no %q in\n%s", want, got.Text)
		}
	}
	if got.File != "cfd.sh" {
		t.Errorf("the file is %q", got.File)
	}
	for _, field := range []string{"image", "queue", "mail", "command", "name", "select"} {
		for _, bad := range []string{"x\n#PBS -q root", "x\r#PBS -q root", "x; reboot\n", "x\x00"} {
			if field == "command" && strings.HasSuffix(bad, "\n") {
				continue // a line of a shell, inside
			}
			in := map[string]any{"image": "h.example.jp/taro/cfd:1", "kind": "serial"}
			in[field] = bad
			var f struct{ Error, Text string }
			s.post("/api/script", in, http.StatusBadRequest, &f)
			if f.Error != "request" || f.Text == "" {
				t.Errorf("%s %q: %+v", field, bad, f)
			}
		}
	}
	for _, n := range []int{-1, 1 << 40} {
		s.post("/api/script", map[string]any{"image": "h.example.jp/taro/cfd:1", "cpus": n}, http.StatusBadRequest, nil)
	}
}
