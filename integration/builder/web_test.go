//go:build e2e

package builder

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
)

// webPatience is how long a page waits for something.
const webPatience = 40 * time.Second

// served is a jbuild web that runs, and a page that is logged in there.
type served struct {
	s       *session
	cmd     *exec.Cmd
	address string // without the slash at the end
	link    string
	browser *http.Client
	proof   string
	desk    *websocket.Conn
	shell   int64
}

// serve starts jbuild web as a user.
func (s *session) serve() *served {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := s.command(ctx, lab.jbuild, "--json", "web", "--listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	w := &served{s: s, cmd: cmd}
	s.t.Cleanup(func() {
		cancel()
		if cmd.ProcessState == nil {
			_ = cmd.Wait()
		}
		if s.t.Failed() {
			s.t.Logf("jbuild web: %v %s", cmd.ProcessState, errs.String())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.t.Fatalf("jbuild web: %v\n%s", err, errs.String())
	}
	var said struct{ Address, Link string }
	if err := json.Unmarshal([]byte(line), &said); err != nil {
		s.t.Fatalf("%s: %v", line, err)
	}
	w.address, w.link = strings.TrimSuffix(said.Address, "/"), said.Link
	jar, _ := cookiejar.New(nil)
	w.browser = &http.Client{Jar: jar}
	return w
}

// hasRunDir gives the user what a login makes on a VM.
func (s *session) hasRunDir() {
	s.t.Helper()
	dir := filepath.Join(s.home, "run")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, s.user.UID, s.user.GID)); err != nil {
		s.t.Fatal(err)
	}
	s.env = append(s.env, "XDG_RUNTIME_DIR="+dir)
}

// end ends it in the way of a service manager.
func (w *served) end() {
	w.s.t.Helper()
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		w.s.t.Fatal(err)
	}
	if err := w.cmd.Wait(); err != nil {
		w.s.t.Errorf("after SIGTERM: %v", err)
	}
}

// ask makes a request as the page does. The answer must have the status.
func (w *served) ask(method, path string, query url.Values, body io.Reader, want int) []byte {
	w.s.t.Helper()
	r, err := http.NewRequestWithContext(w.s.t.Context(), method, w.address+path+"?"+query.Encode(), body)
	if err != nil {
		w.s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", w.address)
	r.Header.Set("X-Jbuild-Session", w.proof)
	answer, err := w.browser.Do(r)
	if err != nil {
		w.s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != want {
		w.s.t.Fatalf("%s %s %v: %d, not %d: %.500s %v", method, path, query, answer.StatusCode, want, text, err)
	}
	return text
}

// get reads an answer of JSON.
func get[T any](w *served, path string, query url.Values) (out T) {
	w.s.t.Helper()
	text := w.ask(http.MethodGet, path, query, nil, http.StatusOK)
	if err := json.Unmarshal(text, &out); err != nil {
		w.s.t.Fatalf("%s: %s: %v", path, text, err)
	}
	return out
}

// logIn opens a session of the page.
func (w *served) logIn(with map[string]string) {
	w.s.t.Helper()
	body, _ := json.Marshal(with)
	var got struct{ Session string }
	if err := json.Unmarshal(w.ask(http.MethodPost, "/api/login", nil, bytes.NewReader(body), http.StatusOK), &got); err != nil || got.Session == "" {
		w.s.t.Fatalf("logging in: %v", err)
	}
	w.proof = got.Session
	w.desk = w.socket("/api/desk")
}

func (w *served) socket(path string) *websocket.Conn {
	w.s.t.Helper()
	c, _, err := websocket.Dial(w.s.t.Context(), w.address+path, &websocket.DialOptions{
		HTTPClient: w.browser, HTTPHeader: http.Header{"Origin": {w.address}}, Subprotocols: []string{"jbuild", "session." + w.proof},
	})
	if err != nil {
		w.s.t.Fatal(err)
	}
	c.SetReadLimit(1 << 24)
	return c
}

// told is what the desk says that this test looks at.
type told struct {
	Entries  []struct{ ID, Title, Text, Code string }
	Question *struct {
		N                int64
		ID, Default, Tag string
	}
	Shell *int64
}

// until reads what the desk says until it is as wanted.
func (w *served) until(what string, wanted func(told) bool) told {
	w.s.t.Helper()
	ctx, cancel := context.WithTimeout(w.s.t.Context(), webPatience)
	defer cancel()
	for {
		var u told
		if err := wsjson.Read(ctx, w.desk, &u); err != nil {
			w.s.t.Fatalf("waiting for %s: %v", what, err)
		}
		for _, e := range u.Entries {
			if e.ID == "failure" {
				w.s.t.Fatalf("waiting for %s: %s", what, e.Title)
			}
		}
		if u.Shell != nil {
			w.shell = *u.Shell
		}
		if wanted(u) {
			return u
		}
	}
}

// answer answers the question with an id; "" with what is proposed.
func (w *served) answer(id, value string) {
	w.s.t.Helper()
	q := w.until("question "+id, func(u told) bool { return u.Question != nil && u.Question.ID == id }).Question
	if value == "" {
		value = q.Default
	}
	if err := wsjson.Write(w.s.t.Context(), w.desk, map[string]any{"do": "answer", "id": 1, "n": q.N, "value": value}); err != nil {
		w.s.t.Fatal(err)
	}
}

// typist is the page's terminal.
type typist struct {
	w    *served
	c    *websocket.Conn
	mu   sync.Mutex
	text strings.Builder
}

func (w *served) terminal() *typist {
	w.s.t.Helper()
	if w.shell == 0 {
		w.until("the shell", func(u told) bool { return u.Shell != nil && *u.Shell != 0 })
	}
	k := &typist{w: w, c: w.socket(fmt.Sprintf("/api/screen?page=test&shell=%d&columns=100&rows=30", w.shell))}
	go func() {
		for {
			_, b, err := k.c.Read(context.Background())
			if err != nil || len(b) < 8 {
				return
			}
			seen := binary.BigEndian.Uint64(b) &^ (1 << 63)
			_ = wsjson.Write(context.Background(), k.c, map[string]uint64{"seen": seen})
			k.mu.Lock()
			k.text.Write(b[8:])
			k.mu.Unlock()
		}
	}()
	return k
}

func (k *typist) sees(what string) {
	k.w.s.t.Helper()
	for end := time.Now().Add(webPatience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		k.mu.Lock()
		text := k.text.String()
		k.mu.Unlock()
		if strings.Contains(text, what) {
			return
		}
	}
	k.w.s.t.Fatalf("the terminal does not show %q:\n%s", what, k.text.String())
}

// line types a line, and waits until it is done.
func (k *typist) line(text string) {
	k.w.s.t.Helper()
	mark := fmt.Sprintf("done%d", time.Now().UnixNano())
	if err := k.c.Write(k.w.s.t.Context(), websocket.MessageBinary, []byte(text+"; echo do''ne"+mark[4:]+"\n")); err != nil {
		k.w.s.t.Fatal(err)
	}
	k.sees(mark)
}

func at(p string) url.Values { return url.Values{"path": {p}} }

// TestWeb: the whole way on a page, from the registry's password to a job script, with
// files in and out while the shell runs.
func TestWeb(t *testing.T) {
	eachUser(t, func(t *testing.T, s *session) {
		c := startCampus(t)
		c.RemoveMember(c.user, c.user)
		c.AddMember(c.user, c.user, fakeharbor.ProjectAdmin)
		c.AddUser(fakeharbor.User{Name: "hanako", Password: "himitsu-8"})
		s.settle(fmt.Sprintf("registry = %q\nbase_projects = ['shared']\n[web]\nowner = %q\n", c.Host, c.user))
		s.hasRunDir()
		w := s.serve()
		w.ask(http.MethodGet, "/api/bench/files", at("/"), nil, http.StatusUnauthorized)
		w.logIn(map[string]string{"user": c.user, "password": c.password})
		w.ask(http.MethodGet, "/api/bench/files", at("/"), nil, http.StatusConflict) // no shell yet
		w.answer("what", "new")                                                      // nobody asks for the password again
		w.answer("base", c.Host+"/shared/debian")
		w.answer("base-tag", "")
		w.answer("workspace", "solver")
		k := w.terminal()
		k.line(lab.packages.Use())
		w.takesFiles(k)
		w.findsPackages(k)
		s.run("shell", "solver").fails("solver") // it is in use
		w.end()                                  // with the shell

		recipe := s.run("recipe", "solver").ok()
		recipe.says("apt-get install -y jviewer", "data.bin")
		w = s.serve()
		w.logIn(map[string]string{"invitation": w.link[strings.LastIndexByte(w.link, '=')+1:]})
		w.answer("what", "continue")
		w.answer("which", "solver")
		w.until("the shell", func(u told) bool { return u.Shell != nil && *u.Shell != 0 })
		k = w.terminal()
		k.line("cmp /root/data.bin /root/data.bin")
		if err := k.c.Write(t.Context(), websocket.MessageBinary, []byte("exit\n")); err != nil {
			t.Fatal(err)
		}
		w.answer("next", "upload")
		w.answer("image", "")
		w.answer("tag", "1")
		w.answer("kind", "none")
		w.sharesImages(c)
		w.end()
	})
}

// takesFiles brings files in and out.
func (w *served) takesFiles(k *typist) {
	t := w.s.t
	t.Helper()
	data := bytes.Repeat([]byte("jrun"), 1<<20)
	w.ask(http.MethodPut, "/api/bench/file", at("/root/data.bin"), bytes.NewReader(data), http.StatusNoContent)
	w.ask(http.MethodPut, "/api/bench/file", at("/root/data.bin"), strings.NewReader("x"), http.StatusConflict)
	w.ask(http.MethodPut, "/api/bench/file", at("/proc/x"), strings.NewReader("x"), http.StatusConflict)
	w.ask(http.MethodPut, "/api/bench/file", at("/no/such/place"), strings.NewReader("x"), http.StatusNotFound)
	k.line("stat -c 'is %u:%g %a %s' /root/data.bin")
	k.sees("is 0:0 644 4194304")
	if got := w.ask(http.MethodGet, "/api/bench/file", at("/root/data.bin"), nil, http.StatusOK); !bytes.Equal(got, data) {
		t.Errorf("%d bytes came back", len(got))
	}
	w.ask(http.MethodPut, "/api/bench/file", url.Values{"path": {"/root/data.bin"}, "overwrite": {"yes"}}, strings.NewReader("short"), http.StatusNoContent)
	k.line("mkdir -p /root/out/sub; echo one >/root/out/sub/a; ln -s /etc/shadow /root/out/l; mkfifo /root/out/p; ln -s / /root/out/up; ln -s ../../../../../../etc/passwd /root/passwd")
	names := tarNames(t, w.ask(http.MethodGet, "/api/bench/file", at("/root/out"), nil, http.StatusOK))
	if want := []string{"out/", "out/l", "out/sub/", "out/sub/a", "out/up"}; !slices.Equal(names, want) {
		t.Errorf("the directory has %q, not %q", names, want)
	}
	// A link leads where it leads inside.
	if got := w.ask(http.MethodGet, "/api/bench/file", at("/root/passwd"), nil, http.StatusOK); strings.Contains(string(got), w.s.user.Name) {
		t.Errorf("this is the machine's: %s", got)
	}
	for _, odd := range []string{"/root/out/p", "/root/../../../../../../root/out/p"} {
		w.ask(http.MethodGet, "/api/bench/file", at(odd), nil, http.StatusConflict)
	}
	for _, odd := range []string{"", "root", "/a\x00b"} {
		w.ask(http.MethodGet, "/api/bench/file", at(odd), nil, http.StatusBadRequest)
	}
	type listing struct {
		Path    string
		Entries []struct{ Name, Kind string }
	}
	l := get[listing](w, "/api/bench/files", at("/root/out/up/root/out"))
	var kinds []string
	for _, e := range l.Entries {
		kinds = append(kinds, e.Name+" "+e.Kind)
	}
	if want := []string{"l link", "p other", "sub directory", "up link"}; !slices.Equal(kinds, want) {
		t.Errorf("the list has %q", kinds)
	}
}

func tarNames(t *testing.T, packed []byte) []string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
}

// findsPackages looks for a package, installs it, and looks at what has changed.
func (w *served) findsPackages(k *typist) {
	t := w.s.t
	t.Helper()
	type found struct {
		Packages []struct{ Manager, Name, Version, Summary, Command, Installed string }
		Prepare  string
	}
	words := url.Values{"words": {"jviewer"}}
	f := get[found](w, "/api/bench/search", words)
	if len(f.Packages) == 0 || f.Packages[0].Name != "jviewer" || f.Packages[0].Version == "" || f.Packages[0].Installed != "" {
		t.Fatalf("the search found %+v", f)
	}
	k.line(f.Packages[0].Command)
	if f = get[found](w, "/api/bench/search", words); f.Packages[0].Installed == "" {
		t.Errorf("what is installed is not: %+v", f)
	}
	w.ask(http.MethodGet, "/api/bench/search", url.Values{"words": {"--version"}}, nil, http.StatusBadRequest)
	type changes struct {
		Summary  string
		Files    int
		Packages []struct{ Manager, Name, Is string }
	}
	c := get[changes](w, "/api/bench/changes", nil)
	if c.Summary == "" || c.Files == 0 || !slices.ContainsFunc(c.Packages, func(p struct{ Manager, Name, Is string }) bool { return p.Name == "jviewer" && p.Manager == "apt" }) {
		t.Errorf("the changes are %+v", c)
	}
	r := get[struct{ Text string }](w, "/api/bench/recipe", nil)
	if !strings.Contains(r.Text, "apt-get install -y jviewer") || !strings.Contains(r.Text, "data.bin") {
		t.Errorf("while the shell runs the recipe is\n%s", r.Text)
	}
}

// sharesImages looks at the images, shares them, makes a job script, and deletes one.
func (w *served) sharesImages(c *campus) {
	t := w.s.t
	t.Helper()
	w.until("the end", func(u told) bool { return u.Question != nil && u.Question.ID == "what" })
	type shelf struct {
		Project string
		Harbor  bool
		Quota   *struct{ Used, Limit int64 }
		Images  []struct {
			Repository, Name string
			Tags             []struct{ Name, Reference string }
		}
		Members []struct {
			ID   int64
			Name string
			Own  bool
		}
	}
	list := get[shelf](w, "/api/images", nil)
	if list.Project != c.user || !list.Harbor || list.Quota == nil || list.Quota.Used == 0 || len(list.Images) != 1 || len(list.Images[0].Tags) != 1 || len(list.Members) != 2 || !list.Members[1].Own {
		t.Fatalf("the images are %+v", list)
	}
	w.ask(http.MethodPost, "/api/members", nil, strings.NewReader(`{"user":"nobody","role":"guest"}`), http.StatusNotFound)
	w.ask(http.MethodPost, "/api/members", nil, strings.NewReader(`{"user":"hanako","role":"guest"}`), http.StatusNoContent)
	w.ask(http.MethodPost, "/api/members", nil, strings.NewReader(`{"user":"hanako","role":"guest"}`), http.StatusConflict)
	w.ask(http.MethodPost, "/api/members", nil, strings.NewReader(`{"user":"hanako","role":"admin"}`), http.StatusBadRequest)
	w.ask(http.MethodDelete, "/api/members", url.Values{"id": {fmt.Sprint(list.Members[1].ID)}}, nil, http.StatusBadRequest) // oneself
	w.ask(http.MethodDelete, "/api/members", url.Values{"id": {"99999"}}, nil, http.StatusNotFound)
	for _, other := range []string{c.Host + "/shared/debian", c.Host + "/taro/../shared/debian", "taro/solver", ""} {
		w.ask(http.MethodDelete, "/api/images/tag", url.Values{"repository": {other}, "tag": {"12"}}, nil, http.StatusBadRequest)
	}
	w.ask(http.MethodDelete, "/api/images/tag", url.Values{"repository": {list.Images[0].Repository}, "tag": {"none"}}, nil, http.StatusNotFound)
	c.Tag("taro/solver", "1", "final-1") // a rule of the project protects it
	w.ask(http.MethodDelete, "/api/images/tag", url.Values{"repository": {list.Images[0].Repository}, "tag": {"final-1"}}, nil, http.StatusConflict)
	reference := list.Images[0].Tags[0].Reference
	script := w.ask(http.MethodPost, "/api/script", nil, strings.NewReader(fmt.Sprintf(`{"image":%q,"kind":"mpi","nodes":2,"ranks":4,"cpus":8,"memory":16,"hours":1,"minutes":30,"command":"./a | cat"}`, reference)), http.StatusOK)
	for _, want := range []string{"container_image=" + reference, "select=2:ncpus=8:mpiprocs=4:mem=16gb", "walltime=01:30:00", "sh -c './a | cat'"} {
		if !strings.Contains(string(script), want) {
			t.Errorf("the script lacks %q: %s", want, script)
		}
	}
	w.ask(http.MethodDelete, "/api/images/tag", url.Values{"repository": {list.Images[0].Repository}, "tag": {list.Images[0].Tags[0].Name}}, nil, http.StatusNoContent)
	if list = get[shelf](w, "/api/images", nil); len(list.Images) != 1 || len(list.Images[0].Tags) != 1 || list.Images[0].Tags[0].Name != "final-1" || len(list.Members) != 3 {
		t.Errorf("after that they are %+v", list)
	}
}
