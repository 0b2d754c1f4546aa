package notice_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mailServer is a small SMTP server that keeps what it gets.
type mailServer struct {
	address string // HOST:PORT

	mu       sync.Mutex
	got      []mailGot
	refuse   error  // what it says to a recipient
	password string // of "jadm"; nobody must log in if it is empty
	// hangUp breaks the connection after a letter has been taken, before it says so.
	hangUp bool
}

type mailGot struct {
	from, to, content string
	tls               bool
}

type session struct {
	server *mailServer
	conn   *smtp.Conn
	mail   mailGot
	known  bool
}

func startMail(t *testing.T, config *tls.Config, implicit bool) *mailServer {
	t.Helper()
	m := &mailServer{}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{server: m, conn: c}, nil }))
	server.Domain, server.TLSConfig = "localhost", config
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	if implicit {
		l = tls.NewListener(l, config)
	}
	m.address = l.Addr().String()
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return m
}

func (m *mailServer) letters() []mailGot {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]mailGot(nil), m.got...)
}

func (m *mailServer) set(change func(*mailServer)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.server.mu.Lock()
		defer s.server.mu.Unlock()
		if user != "jadm" || password != s.server.password {
			return smtp.ErrAuthFailed
		}
		s.known = true
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if s.server.password != "" && !s.known {
		return smtp.ErrAuthRequired
	}
	_, encrypted := s.conn.TLSConnectionState()
	s.mail = mailGot{from: from, tls: encrypted}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.mail.to = to
	return s.server.refuse
}

func (s *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.mail.content = string(b)
	s.server.got = append(s.server.got, s.mail)
	if s.server.hangUp {
		_ = s.conn.Close()
		return errors.New("gone")
	}
	return nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }
