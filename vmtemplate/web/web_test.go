package web_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/web"
	"github.com/jrun-hpc/jrun/vmtemplate/web/desk"
	"github.com/jrun-hpc/jrun/vmtemplate/web/guard"
)

// site is a server, and a browser that is logged in there.
type site struct {
	*testing.T
	desk    *desk.Desk
	guard   *guard.Guard
	url     string
	browser *http.Client
	proof   string
}

func newSite(t *testing.T) *site {
	t.Helper()
	printer, _ := message.For("en")
	g, err := guard.New(guard.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{T: t, desk: desk.New(time.Now), guard: g}
	server := web.New(web.Options{Desk: s.desk, Guard: g, Printer: printer, About: web.About{Registry: "harbor.example.ac.jp"}})
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

const http200 = http.StatusOK

// do makes a request as the page does, and reads what is answered.
func (s *site) do(method, path string, body any, want int, out any) {
	s.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		s.Fatal(err)
	}
	r, err := http.NewRequestWithContext(s.Context(), method, s.url+path, bytes.NewReader(b))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", s.url)
	r.Header.Set("X-Jbuild-Session", s.proof)
	answer, err := s.browser.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != want {
		s.Fatalf("%s %s: %d %s, %v", method, path, answer.StatusCode, text, err)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			s.Fatalf("%s: %v", text, err)
		}
	}
}

func (s *site) post(path string, body any, want int, out any) {
	s.Helper()
	s.do(http.MethodPost, path, body, want, out)
}

// socket opens a WebSocket as the page does.
func (s *site) socket(path string) *websocket.Conn {
	s.Helper()
	c, _, err := websocket.Dial(s.Context(), s.url+path, &websocket.DialOptions{
		HTTPClient: s.browser, HTTPHeader: http.Header{"Origin": {s.url}},
		Subprotocols: []string{guard.Protocol, "session." + s.proof}, CompressionMode: websocket.CompressionContextTakeover,
	})
	if err != nil {
		s.Fatal(err)
	}
	c.SetReadLimit(1 << 22)
	s.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// part is what the tests look at of an update.
type part struct {
	Entries  []struct{ Kind, ID, Title, Value string }
	Question *struct {
		N           int64
		ID, Default string
		Rows        []struct {
			Key   string
			Cells []string
		}
	}
	Work             *struct{ Title, DoneText string }
	Shell            *int64
	Reply            int64
	Error, Note, Bad string
}

// until reads updates until one is as wanted.
func (s *site) until(c *websocket.Conn, wanted func(part) bool) part {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 20*time.Second)
	defer cancel()
	for {
		var p part
		if err := wsjson.Read(ctx, c, &p); err != nil {
			s.Fatal(err)
		}
		if wanted(p) {
			return p
		}
	}
}

func (s *site) say(c *websocket.Conn, request map[string]any) {
	s.Helper()
	if err := wsjson.Write(s.Context(), c, request); err != nil {
		s.Fatal(err)
	}
}

// TestTwoTabs: both see the question, the first that answers wins, both see the answer.
func TestTwoTabs(t *testing.T) {
	s := newSite(t)
	one, other := s.socket("/api/desk"), s.socket("/api/desk?lang=ja")
	done := make(chan string, 1)
	go func() {
		key, _ := s.desk.Choose(t.Context(), flow.Choice{
			Asked: flow.Asked{ID: "what", Title: message.Of("flow.what"), Label: message.Of("flow.what.label")},
			Rows:  []flow.Row{{Key: "new", Cells: []message.Text{message.Of("flow.what.new")}}, {Key: "quit", Cells: []message.Text{message.Of("flow.what.quit")}}},
		})
		done <- key
	}()
	asked := func(p part) bool { return p.Question != nil }
	q, ja := s.until(one, asked), s.until(other, asked)
	if q.Question.ID != "what" || q.Question.Rows[0].Cells[0] == ja.Question.Rows[0].Cells[0] {
		t.Errorf("they ask %+v and %+v", q.Question, ja.Question)
	}
	s.say(one, map[string]any{"do": "answer", "id": 1, "n": q.Question.N, "value": "nothing of the list"})
	if p := s.until(one, func(p part) bool { return p.Reply == 1 }); p.Error != "refused" {
		t.Errorf("a wrong answer: %+v", p)
	}
	s.say(one, map[string]any{"do": "answer", "id": 2, "n": q.Question.N, "value": "quit"})
	if key := <-done; key != "quit" {
		t.Errorf("the session got %q", key)
	}
	s.say(other, map[string]any{"do": "answer", "id": 3, "n": ja.Question.N, "value": "new"})
	if p := s.until(other, func(p part) bool { return p.Reply == 3 }); p.Error != "gone" {
		t.Errorf("the second answer: %+v", p)
	}
	third := s.socket("/api/desk") // a reload
	p := s.until(third, func(part) bool { return true })
	if len(p.Entries) != 1 || p.Entries[0].Kind != "answer" || p.Question != nil {
		t.Errorf("a page that has just come sees %+v", p)
	}
}

// TestLanguage: the language can be changed in the middle.
func TestLanguage(t *testing.T) {
	s := newSite(t)
	s.desk.Tell(flow.Notice{ID: "welcome", Title: message.Of("flow.welcome")})
	c := s.socket("/api/desk?lang=en")
	en := s.until(c, func(p part) bool { return len(p.Entries) == 1 })
	s.say(c, map[string]any{"do": "lang", "value": "ja"})
	ja := s.until(c, func(p part) bool { return len(p.Entries) == 1 })
	if en.Entries[0].Title == ja.Entries[0].Title || !strings.Contains(ja.Entries[0].Title, "ようこそ") {
		t.Errorf("it says %q and %q", en.Entries[0].Title, ja.Entries[0].Title)
	}
}

func TestCheckAndWork(t *testing.T) {
	s := newSite(t)
	c := s.socket("/api/desk")
	go func() {
		_, _ = s.desk.Ask(t.Context(), flow.Question{Asked: flow.Asked{ID: "tag"}, Check: func(_ context.Context, typed string) flow.Verdict {
			if typed == "" {
				return flow.Verdict{Bad: message.Of("flow.needed")}
			}
			return flow.Verdict{Note: message.Plain("it is new")}
		}})
		_ = s.desk.Work(t.Context(), message.Plain("uploading"), func(ctx context.Context, report func(flow.Progress)) error {
			report(flow.Progress{Done: 1_000_000, All: 2_000_000})
			<-ctx.Done()
			return ctx.Err()
		})
		s.desk.Tell(flow.Notice{ID: "over"})
	}()
	q := s.until(c, func(p part) bool { return p.Question != nil })
	s.say(c, map[string]any{"do": "check", "id": 1, "n": q.Question.N, "value": "2"})
	if p := s.until(c, func(p part) bool { return p.Reply == 1 }); p.Note != "it is new" {
		t.Errorf("the verdict is %+v", p)
	}
	s.say(c, map[string]any{"do": "answer", "id": 2, "n": q.Question.N, "value": ""})
	if p := s.until(c, func(p part) bool { return p.Reply == 2 }); p.Error != "refused" || p.Bad == "" {
		t.Errorf("a bad answer: %+v", p)
	}
	s.say(c, map[string]any{"do": "answer", "id": 3, "n": q.Question.N, "value": "2"})
	p := s.until(c, func(p part) bool { return p.Work != nil && p.Work.DoneText != "" })
	if p.Work.DoneText != "1.0 MB of 2.0 MB" {
		t.Errorf("the work is %+v", p.Work)
	}
	s.say(c, map[string]any{"do": "stop", "id": 4, "n": s.desk.Snapshot().Work.Number})
	s.until(c, func(p part) bool { return len(p.Entries) == 1 && p.Entries[0].ID == "over" })
}

// TestLogOut: who has logged out hears nothing more, and can say nothing, over a socket that
// was open; another browser stays.
func TestLogOut(t *testing.T) {
	s := newSite(t)
	c := s.socket("/api/desk")
	s.until(c, func(part) bool { return true })
	mine := s.proof
	jar, _ := cookiejar.New(nil)
	other, own := &http.Client{Jar: jar}, s.browser
	s.browser = other
	var answer struct{ Session string }
	s.post("/api/login", map[string]string{"invitation": s.guard.Invite()}, http200, &answer)
	s.proof = answer.Session
	stays := s.socket("/api/desk")
	s.until(stays, func(part) bool { return true })
	s.browser, s.proof = own, mine
	s.post("/api/logout", nil, http.StatusNoContent, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, b, err := c.Read(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("the socket is open: %q, %v", b, err)
	}
	s.desk.Tell(flow.Notice{ID: "later", Title: message.Of("flow.bye")})
	s.until(stays, func(p part) bool { return len(p.Entries) == 1 })
}

// TestSlowCheck: who answers while the registry takes its time can go back.
func TestSlowCheck(t *testing.T) {
	s := newSite(t)
	c := s.socket("/api/desk")
	result := make(chan error, 1)
	asked := make(chan struct{}, 2)
	go func() {
		_, err := s.desk.Ask(t.Context(), flow.Question{Asked: flow.Asked{ID: "image"}, Check: func(ctx context.Context, _ string) flow.Verdict {
			asked <- struct{}{}
			<-ctx.Done()
			return flow.Verdict{}
		}})
		result <- err
	}()
	q := s.until(c, func(p part) bool { return p.Question != nil })
	s.say(c, map[string]any{"do": "answer", "id": 1, "n": q.Question.N, "value": "taro/cfd"})
	<-asked
	s.say(c, map[string]any{"do": "back", "id": 2, "n": q.Question.N})
	select {
	case err := <-result:
		if !errors.Is(err, flow.ErrBack) {
			t.Errorf("the session got %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it still asks the registry")
	}
	if p := s.until(c, func(p part) bool { return p.Reply == 1 }); p.Error != "gone" {
		t.Errorf("the answer of before: %+v", p)
	}
}

// TestUnread: a page hears that a program has not read what was typed.
func TestUnread(t *testing.T) {
	s := newSite(t)
	go func() {
		_ = s.desk.Shell(t.Context(), func(ctx context.Context, _ flow.Console) error {
			<-ctx.Done()
			return nil
		})
	}()
	for s.desk.Snapshot().Shell == 0 {
		<-s.desk.Changed()
	}
	c := s.socket("/api/screen?page=p&shell=" + itoa(s.desk.Snapshot().Shell))
	go func() {
		piece := bytes.Repeat([]byte("x"), 1<<15)
		for range 200 {
			if c.Write(t.Context(), websocket.MessageBinary, piece) != nil {
				return
			}
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		kind, b, err := c.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if kind == websocket.MessageText {
			if got := strings.TrimSpace(string(b)); got != `{"refused":true}` {
				t.Errorf("it says %s", got)
			}
			return
		}
	}
}

// TestTerminal: ten megabytes arrive whole and in order, with a connection lost on the
// way; what is typed arrives, and sizes.
func TestTerminal(t *testing.T) {
	s := newSite(t)
	want := bytes.Repeat([]byte("0123456789abcde\n"), 10<<20/16)
	typed, size := make(chan string, 1), make(chan int, 1)
	go func() {
		_ = s.desk.Shell(t.Context(), func(_ context.Context, c flow.Console) error {
			b := make([]byte, 100)
			n, _ := c.Read(b)
			<-c.Resized()
			columns, _ := c.Size()
			typed <- string(b[:n])
			size <- columns
			_, err := c.Write(want)
			return err
		})
	}()
	desk := s.socket("/api/desk")
	shell := *s.until(desk, func(p part) bool { return p.Shell != nil && *p.Shell != 0 }).Shell
	address := func(from int64) string {
		return "/api/screen?page=p&shell=" + json.Number(itoa(shell)).String() + "&from=" + itoa(from)
	}
	screen := s.socket(address(0))
	if err := screen.Write(t.Context(), websocket.MessageBinary, []byte("ls\r")); err != nil {
		t.Fatal(err)
	}
	if err := wsjson.Write(t.Context(), screen, map[string]int{"columns": 132, "rows": 40}); err != nil {
		t.Fatal(err)
	}
	if got := <-typed; got != "ls\r" {
		t.Errorf("the program read %q", got)
	}
	if got := <-size; got != 132 {
		t.Errorf("the screen is %d wide", got)
	}
	var got bytes.Buffer
	var end int64
	lost := false
	for {
		_, b, err := screen.Read(t.Context())
		var closed websocket.CloseError
		if errors.As(err, &closed) && closed.Code == 4000 {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		head := binary.BigEndian.Uint64(b)
		if head>>63 == 1 {
			got.Reset()
		}
		end = int64(head &^ (1 << 63))
		got.Write(b[8:])
		if err := wsjson.Write(t.Context(), screen, map[string]int64{"seen": end}); err != nil {
			t.Fatal(err)
		}
		if !lost && got.Len() > 3<<20 {
			lost = true
			_ = screen.CloseNow()
			screen = s.socket(address(end))
		}
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%d bytes came of %d", got.Len(), len(want))
	}
	s.until(desk, func(p part) bool { return p.Shell != nil && *p.Shell == 0 })
}

func itoa(n int64) string { b, _ := json.Marshal(n); return string(b) }

// TestStrangers get nothing of what needs a session.
func TestStrangers(t *testing.T) {
	s := newSite(t)
	stranger := &http.Client{}
	for _, path := range []string{"/api/desk", "/api/screen", "/api/session", "/api/logout"} {
		method := http.MethodGet
		if path == "/api/logout" {
			method = http.MethodPost
		}
		r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := stranger.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
	s.do(http.MethodGet, "/api/session", nil, http.StatusNoContent, nil)
	s.post("/api/logout", nil, http.StatusNoContent, nil)
	s.do(http.MethodGet, "/api/session", nil, http.StatusUnauthorized, nil)
	var f struct{ Error string }
	s.post("/api/login", map[string]string{"invitation": "x"}, http.StatusForbidden, &f)
	if f.Error != "invitation" {
		t.Errorf("an old link: %+v", f)
	}
	s.post("/api/login", map[string]string{"user": "u001", "password": "x"}, http.StatusForbidden, &f)
	if f.Error != "owner" {
		t.Errorf("a password where none is taken: %+v", f)
	}
}

// TestBadge: what a scanner says of an image stands beside it.
func TestBadge(t *testing.T) {
	s := newSite(t)
	c := s.socket("/api/desk?lang=ja")
	go func() {
		_, _ = s.desk.Choose(t.Context(), flow.Choice{
			Asked: flow.Asked{ID: "base", Title: message.Of("flow.base")},
			Rows:  []flow.Row{{Key: "x", Cells: []message.Text{message.Plain("x")}, Badge: flow.Badge{Text: message.Of("flow.scan", 3, "High", 1), Kind: flow.Warning}}},
		})
	}()
	for {
		var p struct {
			Question *struct {
				Rows []struct{ Badge, Tone string }
			}
		}
		if err := wsjson.Read(t.Context(), c, &p); err != nil {
			t.Fatal(err)
		}
		if p.Question == nil {
			continue
		}
		if got := p.Question.Rows[0]; got.Tone != "warning" || !strings.Contains(got.Badge, "High") {
			t.Errorf("the badge is %+v", got)
		}
		return
	}
}
