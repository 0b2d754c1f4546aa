package service

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/mirror"
	"github.com/jrun-hpc/jrun/printable"
)

// Mirror is what the service tells and asks; *mirror.Mirror is one.
type Mirror interface {
	Run(ctx context.Context) error
	Mark(t mirror.Target) bool
	MarkAll()
	Retry(t *mirror.Target) (int, error)
	Status() mirror.Status
}

var _ Mirror = (*mirror.Mirror)(nil)

// Options of a Service.
type Options struct {
	Mirror  Mirror
	Metrics *Metrics
	Log     *slog.Logger
	State   string // directory; the socket for jadm queue is in it

	Listen          string // host:port; others than loopback want TLSCert
	TLSCert, TLSKey string // files in PEM; read again when they change
	WebhookSecret   string // what Harbor sends as Authorization
	MetricsToken    string // what Prometheus sends as bearer token; empty: /metrics is for everybody

	// PollEvery is how often everything is compared; a service that has not managed to
	// for three times as long is not well.
	PollEvery time.Duration

	Handlers map[string]http.Handler // further routes, by pattern of http.ServeMux
	Tasks    []Task

	Now func() time.Time // time.Now if nil
}

// Bounds of what a stranger can take.
const (
	mostConnections = 512
	mostHeader      = 16 << 10
	headerTimeout   = 5 * time.Second
	readTimeout     = 15 * time.Second
	writeTimeout    = 30 * time.Second
	idleTimeout     = time.Minute
	shutdownTimeout = 5 * time.Second
)

// Service is a jadm serve.
type Service struct {
	o       Options
	tasks   []*runningTask
	started time.Time
	refused *rarely // logs of webhooks without the secret
}

// New makes a service that does not run yet.
func New(o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics()
	}
	if o.WebhookSecret == "" {
		return nil, fault.New("there is no secret for webhooks", errors.New("anybody could send some"),
			"make one: (umask 077; openssl rand -hex 32 > /etc/jadm/webhook.secret)\nand name it in jadm.toml: serve.webhook_secret_file")
	}
	s := &Service{o: o, started: o.Now(), refused: newRarely(10 * time.Second)}
	for _, t := range o.Tasks {
		s.tasks = append(s.tasks, &runningTask{Task: t})
	}
	o.Metrics.watch(o.Mirror, s)
	return s, nil
}

// Run serves until ctx ends. It returns at once, with a fault, when it cannot listen or
// when another serves the same state directory.
func (s *Service) Run(ctx context.Context) error {
	unlock, err := lockAlone(filepath.Join(s.o.State, serveDir))
	if err != nil {
		return err
	}
	defer unlock()
	public, err := s.listen(ctx)
	if err != nil {
		return err
	}
	private, err := listenPrivately(ctx, SocketIn(s.o.State))
	if err != nil {
		_ = public.Close()
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for server, l := range map[*http.Server]net.Listener{s.server(s.Handler()): public, s.server(s.privateHandler()): private} {
		all.Go(func() { s.serve(ctx, cancel, server, l) })
	}
	all.Go(func() {
		if err := s.o.Mirror.Run(ctx); err != nil {
			cancel(err)
		}
	})
	for _, t := range s.tasks {
		all.Go(func() { s.repeat(ctx, t) })
	}
	all.Go(func() { keepAlive(ctx) })
	s.o.Log.Info("serving", "address", public.Addr().String(), "tls", s.o.TLSCert != "")
	notify("READY=1")
	<-ctx.Done()
	notify("STOPPING=1")
	s.o.Log.Info("ending")
	all.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// listen takes the socket that systemd has opened, or opens one.
func (s *Service) listen(ctx context.Context) (net.Listener, error) {
	l, err := activated()
	if l == nil && err == nil {
		l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", s.o.Listen)
	}
	if err != nil {
		return nil, fault.Newf(err, "see who does: ss -ltnp\nor choose another address: serve.listen in jadm.toml", "cannot listen on %s", s.o.Listen)
	}
	address, ok := l.Addr().(*net.TCPAddr)
	if s.o.TLSCert == "" && (!ok || !address.IP.IsLoopback()) {
		_ = l.Close()
		return nil, fault.Newf(errors.New("secrets would be sent in the clear"),
			"name a certificate (serve.tls_cert, serve.tls_key), or listen on 127.0.0.1 behind a proxy", "refusing to listen on %s without TLS", l.Addr())
	}
	l = &limited{Listener: l, slots: make(chan struct{}, mostConnections)}
	if s.o.TLSCert == "" {
		return l, nil
	}
	c, err := loadCertificate(s.o.TLSCert, s.o.TLSKey, s.o.Log)
	if err != nil {
		_ = l.Close()
		return nil, err
	}
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"http/1.1"}}), nil
}

func (s *Service) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, MaxHeaderBytes: mostHeader, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout,
		WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		ErrorLog: log.New(quietly{s.o.Log}, "", 0),
	}
}

func (s *Service) serve(ctx context.Context, fail context.CancelCauseFunc, server *http.Server, l net.Listener) {
	context.AfterFunc(ctx, func() {
		ending, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		if server.Shutdown(ending) != nil {
			_ = server.Close()
		}
	})
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		fail(fmt.Errorf("serving %s: %w", l.Addr(), err))
	}
}

// Handler is everything that is for the network.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+WebhookPath, s.webhook)
	mux.HandleFunc("GET /healthz", s.health)
	mux.Handle("GET /metrics", s.withToken(s.o.Metrics.handler()))
	for pattern, h := range s.o.Handlers {
		mux.Handle(pattern, h)
	}
	return mux
}

// quietly is a log of net/http's for what strangers do wrong: TLS handshakes, …
type quietly struct{ log *slog.Logger }

func (q quietly) Write(b []byte) (int, error) {
	q.log.Debug("http", "said", printable.Text(string(b)))
	return len(b), nil
}

// limited accepts a bounded number of connections at once.
type limited struct {
	net.Listener
	slots chan struct{}
}

// Accept waits for a free place first.
func (l *limited) Accept() (net.Conn, error) {
	l.slots <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &slot{Conn: c, free: sync.OnceFunc(func() { <-l.slots })}, nil
}

type slot struct {
	net.Conn
	free func()
}

func (c *slot) Close() error {
	defer c.free()
	return c.Conn.Close()
}
