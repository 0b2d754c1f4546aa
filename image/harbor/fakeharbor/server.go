package fakeharbor

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// Options make a fake of a certain kind. The zero value is the Harbor that
// facts/harbor.md was measured with.
type Options struct {
	// LoginDelay is how long a wrong password takes, and how long the account is
	// then locked: 1.5 s. Tests that meet wrong passwords take less.
	LoginDelay time.Duration
	// DirectoryTimeout is how long a login takes while the directory is
	// Unreachable: 5 s.
	DirectoryTimeout time.Duration
	// HealthLag is how far /health is behind the truth: 12 s. Negative for not
	// at all.
	HealthLag time.Duration
	// AuthMode is ldap_auth; or db_auth, where all users are local; or oidc_auth,
	// where a user's password is the CLI secret.
	AuthMode string
	// NoProjectArtifacts is Harbor before 2.12, which lists artifacts by repository only.
	NoProjectArtifacts bool
	// Distribution3 keeps images with distribution 3, which goes on with an upload
	// that broke off, and not with 2.8, which does not.
	Distribution3 bool
	// Now dates what is made, pushed and pulled; time.Now if nil. Logins and tokens have
	// the true time, as their clients do.
	Now func() time.Time
	// TLS serves HTTPS, with the certificate of httptest.
	TLS bool
}

// The administrator that every fake has. It is a local account, so it can log in
// without the directory.
const (
	AdminUser     = "admin"
	AdminPassword = "Harbor12345"
)

// Server is a running fake.
type Server struct {
	*httptest.Server
	Host string // for references: 127.0.0.1:1234

	o       Options
	backend http.Handler // the storage registry
	api     *http.ServeMux

	mu         sync.Mutex
	requests   []Request
	switches   switches
	users      []*user
	groups     []*group
	projects   []*project
	robots     []*robot
	retentions []*retention
	tokens     map[string]*identity
	locks      map[string]time.Time // by the name as it was sent
	uploads    map[string]*upload
	sessions   map[string]*user // by the cookie
	csrf       []string         // cookies of forms that were given out
	lastID     int64
	deliveries sync.WaitGroup
}

// Request is one that was answered.
type Request struct {
	Method string
	Path   string // as it was sent, without the query
	User   string // of Basic, as claimed; "(token)" for Bearer, "(session)" for a cookie, "" for nobody
	Agent  string // User-Agent
	Bytes  int64  // of the body that have come
	Status int    // 499, as nginx writes it, when the client had gone
	Took   time.Duration
}

func (s *Server) now() time.Time {
	if s.o.Now == nil {
		return time.Now()
	}
	return s.o.Now()
}

// New starts a fake. Close it.
func New(o Options) *Server {
	if o.LoginDelay == 0 {
		o.LoginDelay = 1500 * time.Millisecond
	}
	if o.DirectoryTimeout == 0 {
		o.DirectoryTimeout = 5 * time.Second
	}
	if o.HealthLag == 0 {
		o.HealthLag = 12 * time.Second
	}
	if o.AuthMode == "" {
		o.AuthMode = "ldap_auth"
	}
	s := &Server{o: o, backend: registry.New(registry.Logger(log.New(io.Discard, "", 0))), tokens: map[string]*identity{}, locks: map[string]time.Time{}, uploads: map[string]*upload{}, sessions: map[string]*user{}}
	s.users = []*user{{User: User{Name: AdminUser, Password: AdminPassword, Admin: true, Local: true}, id: s.id(), created: time.Now()}}
	s.api = s.routes()
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // TLS attempts on a plain port
	if o.TLS {
		s.StartTLS()
	} else {
		s.Start()
	}
	s.Host = s.Listener.Addr().String()
	return s
}

// Close ends the fake when all webhooks have been delivered.
func (s *Server) Close() {
	s.Server.Close()
	s.deliveries.Wait()
}

// id is a new id of anything.
func (s *Server) id() int64 {
	s.lastID++
	return s.lastID
}

// Requests are all requests so far, in the order of their answers.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// TakeRequests are those since it was last called.
func (s *Server) TakeRequests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.requests
	s.requests = nil
	return taken
}

// clientGone is what nginx logs in place of a status.
const clientGone = 499

// ServeHTTP is nginx and core: it reads the whole request, finds out who asks
// (which may take its time), decides with the state locked, and answers when it
// is not locked any more.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	body, err := io.ReadAll(r.Body)
	broken := err != nil
	if broken {
		if !isUpload(r) {
			return // the client is gone
		}
		r = withBreak(r)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	rec := httptest.NewRecorder()
	if s.awake(rec, r) {
		who := s.whoever(r)
		s.mu.Lock()
		s.serve(rec, r, who)
		s.mu.Unlock()
	}
	if rec.Code == hangs {
		<-r.Context().Done()
	}
	if broken {
		rec.Code = clientGone
	}
	s.mu.Lock()
	s.requests = append(s.requests, Request{Method: r.Method, Path: r.URL.EscapedPath(), User: claimed(r), Agent: r.UserAgent(), Bytes: int64(len(body)), Status: rec.Code, Took: time.Since(start)})
	s.mu.Unlock()
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	if rec.Code == http.StatusBadGateway && rec.Header().Get("Content-Type") == "" {
		w.Header()["Content-Type"] = nil // Go would guess
	}
	if s.o.Now != nil {
		w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes()) // the client may be gone
}

// awake is false when something before core has answered.
func (s *Server) awake(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	down, delay := s.switches.coreDown, s.switches.delay
	if s.switches.redisDown.on {
		delay = s.o.LoginDelay // measured: 14 s at first, then 0.5 to 1.5 s
		if r.URL.Path == healthPath {
			delay /= 3
		}
	}
	s.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
	}
	if down {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n")
	}
	return !down
}

// claimed is who the request says it is by.
func claimed(r *http.Request) string {
	if name, _, ok := r.BasicAuth(); ok {
		return name
	}
	if r.Header.Get("Authorization") != "" {
		return "(token)"
	}
	if _, err := r.Cookie(sidCookie); err == nil {
		return "(session)"
	}
	return ""
}

// serve goes by the first part of the path; the state is locked.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, who *identity) {
	if s.switches.readOnly && r.Method != http.MethodGet && r.Method != http.MethodHead {
		refuse(w, http.StatusForbidden, "DENIED", "The system is in read only mode. Any modification is prohibited.")
		return
	}
	switch path := r.URL.Path; {
	case path == "/v2" || strings.HasPrefix(path, "/v2/"):
		s.serveV2(w, r, who)
	case isPortal(path):
		s.servePortal(w, r, who)
	case path == "/service/token":
		s.serveToken(w, r, who)
	case strings.HasPrefix(path, "/api/v2.0/"):
		s.serveAPI(w, r, who)
	default:
		w.Header().Set("Content-Type", "text/html") // the portal
		_, _ = io.WriteString(w, "<!doctype html><title>Harbor</title>")
	}
}
