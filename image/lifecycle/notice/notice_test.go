package notice_test

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/notice"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

func check(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// hanako has mail.
var hanako = people.Person{ID: "20260001", Name: "山田 花子", Mail: "hanako@example.ac.jp", Language: "ja"}

// open makes a Post of the [mail] section, in a directory of its own.
func open(t *testing.T, section string) (*notice.Post, string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "jadm.toml")
	check(t, os.WriteFile(file, []byte("[harbor]\nurl = \"https://harbor.example.ac.jp\"\nuser = \"admin\"\npassword_file = \"p\"\n[mail]\n"+section), 0o600))
	s, err := settings.Load(file)
	check(t, err)
	return reopen(t, s, dir), dir
}

func reopen(t *testing.T, s *settings.Settings, dir string) *notice.Post {
	t.Helper()
	post, err := notice.Open(notice.Options{
		Mail: s.Mail, Language: "en", Registry: "harbor.example.ac.jp", State: state.Open(filepath.Join(dir, "state")), Audit: audit.Open(filepath.Join(dir, "audit.jsonl"), "test"),
		Now: func() time.Time { return time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC) },
	})
	check(t, err)
	return post
}

// parsed is a message as a mail program reads it.
type parsed struct{ From, To, Subject, Body, ID, Date string }

func parse(t *testing.T, content string) parsed {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(content))
	check(t, err)
	body := m.Body
	if m.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
		body = quotedprintable.NewReader(body)
	}
	b, err := io.ReadAll(body)
	check(t, err)
	words := new(mime.WordDecoder)
	decoded := func(name string) string {
		s, err := words.DecodeHeader(m.Header.Get(name))
		check(t, err)
		return s
	}
	return parsed{decoded("From"), decoded("To"), decoded("Subject"), strings.ReplaceAll(string(b), "\r\n", "\n"), m.Header.Get("Message-ID"), m.Header.Get("Date")}
}

// TestSMTP is about the ways to a mail server: with StartTLS and a password, with TLS
// from the beginning, and without where it is this machine.
func TestSMTP(t *testing.T) {
	https := httptest.NewTLSServer(nil) // for its certificate
	defer https.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	check(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: https.Certificate().Raw}), 0o600))
	config := &tls.Config{Certificates: https.TLS.Certificates} //nolint:gosec // of a test
	for name, tt := range map[string]struct {
		server *mailServer
		scheme string
		extra  string
		tls    bool
	}{
		"StartTLS": {startMail(t, config, false), "smtp", "ca_file = \"" + ca + "\"\n", true},
		"TLS":      {startMail(t, config, true), "smtps", "ca_file = \"" + ca + "\"\n", true},
		"loopback": {startMail(t, nil, false), "smtp", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			section := "from = \"計算機室 <room@example.ac.jp>\"\nsmtp = \"" + tt.scheme + "://" + tt.server.address + "\"\n" + tt.extra
			if tt.tls {
				tt.server.set(func(m *mailServer) { m.password = "s3cret-of-mail" })
				section += "user = \"jadm\"\npassword_file = \"password\"\n"
			}
			post, dir := open(t, section)
			check(t, os.WriteFile(filepath.Join(dir, "password"), []byte("s3cret-of-mail\n"), 0o600))
			sent, err := post.Send(t.Context(), notice.Letter{To: hanako, Kind: "test", Key: "test/1"})
			if err != nil || !sent {
				t.Fatalf("sent %v, %v", sent, err)
			}
			got := tt.server.letters()
			if len(got) != 1 || got[0].from != "room@example.ac.jp" || got[0].to != hanako.Mail || got[0].tls != tt.tls {
				t.Fatalf("the server has %+v", got)
			}
			m := parse(t, got[0].content)
			want := parsed{`"計算機室" <room@example.ac.jp>`, `"山田 花子" <hanako@example.ac.jp>`, "harbor.example.ac.jp からのテストメールです", m.Body, m.ID, "Sun, 29 Nov 2026 12:00:00 +0000"}
			m.From, m.To = unquoted(m.From), unquoted(m.To)
			want.From, want.To = unquoted(want.From), unquoted(want.To)
			if diff := cmp.Diff(want, m); diff != "" || !strings.Contains(m.Body, "正しく動いています") {
				t.Errorf("it is (-want +got):\n%s\n%s", diff, m.Body)
			}
			if strings.ContainsFunc(got[0].content, func(r rune) bool { return r > 127 }) {
				t.Error("it is not ASCII")
			}
			if !tt.tls {
				return
			}
			check(t, os.WriteFile(filepath.Join(dir, "password"), []byte("wrong-secret\n"), 0o600))
			_, err = post.Send(t.Context(), notice.Letter{To: hanako, Kind: "test", Key: "test/2"})
			if err == nil || errors.Is(err, notice.ErrRefused) || strings.Contains(err.Error(), "wrong-secret") {
				t.Errorf("with a wrong password: %v", err)
			}
		})
	}
	t.Run("somebody else's certificate", func(t *testing.T) {
		server := startMail(t, config, false)
		other, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
		if err != nil {
			t.Skip(err)
		}
		file := filepath.Join(t.TempDir(), "other.pem")
		check(t, os.WriteFile(file, other, 0o600))
		post, _ := open(t, "from = \"a@b.example\"\nsmtp = \"smtp://"+server.address+"\"\nca_file = \""+file+"\"\n")
		if _, err := post.Send(t.Context(), notice.Letter{To: hanako, Kind: "test", Key: "x"}); err == nil || len(server.letters()) > 0 {
			t.Errorf("it was sent: %v", err)
		}
	})
	t.Run("no TLS where it must be", func(t *testing.T) {
		server := startMail(t, nil, false)
		post, _ := open(t, "from = \"a@b.example\"\nsmtp = \"smtp://"+server.address+"\"\nca_file = \""+ca+"\"\n")
		if _, err := post.Send(t.Context(), notice.Letter{To: hanako, Kind: "test", Key: "x"}); err == nil || len(server.letters()) > 0 {
			t.Errorf("it was sent: %v", err)
		}
	})
}

func unquoted(s string) string { return strings.ReplaceAll(s, `"`, "") }

// TestOnce: a letter of a key is sent once, whoever sends it, and again after an
// accident, with the same Message-ID.
func TestOnce(t *testing.T) {
	server := startMail(t, nil, false)
	post, dir := open(t, "from = \"a@b.example\"\nsmtp = \"smtp://"+server.address+"\"\ntimeout = \"5s\"\n")
	letter := notice.Letter{To: hanako, Kind: "test", Key: "once/../1"}
	server.set(func(m *mailServer) { m.hangUp = true })
	if sent, err := post.Send(t.Context(), letter); err == nil || sent || errors.Is(err, notice.ErrRefused) {
		t.Errorf("when the connection broke: %v, %v", sent, err)
	}
	server.set(func(m *mailServer) { m.hangUp = false })
	var all sync.WaitGroup
	var mu sync.Mutex
	count := 0
	for range 8 {
		all.Go(func() {
			sent, err := post.Send(t.Context(), letter)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if sent {
				count++
			}
		})
	}
	all.Wait()
	got := server.letters()
	if count != 1 || len(got) != 2 || got[0].content != got[1].content {
		t.Errorf("it was sent %d times, and the server has\n%+v", count, got)
	}
	when, err := post.Sent(letter.Key)
	if err != nil || when.IsZero() {
		t.Errorf("it was sent %v, %v", when, err)
	}
	if when, err := post.Sent("another"); err != nil || !when.IsZero() {
		t.Errorf("another was sent %v, %v", when, err)
	}
	log, err := os.ReadFile(filepath.Join(dir, "audit.jsonl"))
	check(t, err)
	if n := strings.Count(string(log), `"letter.send"`); n != 4 {
		t.Errorf("the audit log has %d entries:\n%s", n, log)
	}
}

func TestRefused(t *testing.T) {
	server := startMail(t, nil, false)
	post, _ := open(t, "from = \"a@b.example\"\nsmtp = \"smtp://"+server.address+"\"\n")
	send := func(p people.Person) error {
		_, err := post.Send(t.Context(), notice.Letter{To: p, Kind: "test", Key: "refused"})
		var f *fault.Error
		if err == nil || !errors.As(err, &f) || f.Next == "" {
			t.Errorf("it says %v", err)
		}
		return err
	}
	server.set(func(m *mailServer) {
		m.refuse = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later"}
	})
	if err := send(hanako); errors.Is(err, notice.ErrRefused) {
		t.Error("for today is not for good")
	}
	server.set(func(m *mailServer) {
		m.refuse = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "nobody\x1b[31m"}
	})
	if err := send(hanako); !errors.Is(err, notice.ErrRefused) {
		t.Errorf("for good: %v", err)
	}
	if err := send(people.Person{ID: "x"}); !errors.Is(err, notice.ErrNoAddress) {
		t.Errorf("without an address: %v", err)
	}
	for _, address := range []string{"x", "a@b.example\r\nBcc: c@d.example", "a@b.example, c@d.example", "<>"} {
		if err := send(people.Person{ID: "x", Mail: address}); !errors.Is(err, notice.ErrNoAddress) {
			t.Errorf("to %q: %v", address, err)
		}
	}
}

// TestLongKey: a letter about people with long names goes out, and once.
func TestLongKey(t *testing.T) {
	post, dir := open(t, "directory = \"letters\"\n")
	key := "leaving/" + strings.Repeat("山田", 30) + "/20261129T120000.000Z/2027-03-31/colleague/" + strings.Repeat("花", 20)
	for i, want := range []bool{true, false} {
		if sent, err := post.Send(t.Context(), notice.Letter{To: hanako, Kind: "test", Key: key}); err != nil || sent != want {
			t.Errorf("time %d: %v, %v", i, sent, err)
		}
	}
	if sent, err := post.Send(t.Context(), notice.Letter{To: hanako, Kind: "test", Key: key + "2"}); err != nil || !sent {
		t.Errorf("another one: %v, %v", sent, err)
	}
	if at, err := post.Sent(key); err != nil || at.IsZero() {
		t.Errorf("it was sent %v, %v", at, err)
	}
	if letters, err := os.ReadDir(filepath.Join(dir, "letters")); err != nil || len(letters) != 2 {
		t.Errorf("%d letters, %v", len(letters), err)
	}
}
