package stage

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/flow/fakeengine"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
	"github.com/jrun-hpc/jrun/vmtemplate/web"
	"github.com/jrun-hpc/jrun/vmtemplate/web/bench"
	"github.com/jrun-hpc/jrun/vmtemplate/web/desk"
	"github.com/jrun-hpc/jrun/vmtemplate/web/guard"
)

// Stage is a site for a browser.
type Stage struct {
	Engine *fakeengine.Engine
	Guard  *guard.Guard
	URL    string

	dir     string // where job scripts are written
	mu      sync.Mutex
	handler http.Handler
	end     func()            // of the server that runs
	files   map[string][]byte // of the workspace, by path
	members []bench.Member
	down    bool   // the registry is, for images
	full    bool   // the disk is
	program string // has the terminal in the shell's place
	front   *httptest.Server
	wire    *wire
}

// engine is the fake one with a shell that says more than an echo.
type engine struct {
	*fakeengine.Engine
	stage *Stage
}

// Shell implements flow.Workspaces.
func (e engine) Shell(ctx context.Context, name, prompt string, c flow.Console) error {
	return e.Engine.Shell(ctx, name, prompt, &shell{Console: c, stage: e.stage})
}

// Open begins, with e as the engine. Scripts are written to dir. The owner is taro, whose
// password is himitsu.
func Open(e *fakeengine.Engine, dir, sessions string) (*Stage, error) {
	for i, scan := range []*flow.Scan{{Severity: "None"}, {Severity: "Low", Total: 3}, nil, {Severity: "High", Total: 12, Fixable: 9}} {
		if i < len(e.Catalogue) {
			e.Catalogue[i].Scan = scan
		}
	}
	s := &Stage{Engine: e, dir: dir,
		files:   map[string][]byte{"/root/main.py": []byte("print(1)\n"), "/root/results/energy.dat": make([]byte, 4200), "/etc/hostname": []byte("vm\n")},
		members: []bench.Member{{ID: 1, Name: "taro", Role: message.Of("bench.role.admin"), Own: true}, {ID: 2, Name: "hanako", Role: message.Of("bench.role.guest")}},
	}
	g, err := guard.New(guard.Options{Owner: "taro", Login: e.Login, Sessions: sessions, Now: time.Now})
	if err != nil {
		return nil, err
	}
	s.Guard = g
	s.Restart()
	s.front = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		h := s.handler
		s.mu.Unlock()
		h.ServeHTTP(w, r)
	}))
	s.wire = &wire{Listener: s.front.Listener, open: map[net.Conn]bool{}}
	s.front.Listener = s.wire
	s.front.Start()
	s.URL = s.front.URL
	return s, nil
}

// Restart ends the server's process, as it were, and begins another: sessions stay, the
// conversation and the shell do not.
func (s *Stage) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != nil {
		s.end()
	}
	printer, _ := message.For("en")
	d := desk.New(time.Now)
	server := web.New(web.Options{Desk: d, Guard: s.Guard, Bench: (*workbench)(s), Images: (*shelf)(s), Printer: printer, About: web.About{Registry: s.Engine.Host(), Password: s.Guard.TakesPasswords(), Version: "1.0"}})
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = server.Converse(ctx, func() *flow.Session { // it ends with ctx
			return &flow.Session{Face: d, Workspaces: engine{s.Engine, s}, Registry: s.Engine, Uploader: s.Engine, Site: site.Config{Registry: s.Engine.Host()}, Printer: server.Printer, Dir: s.dir, Now: s.Engine.Clock.Now}
		})
	}()
	s.end = func() {
		cancel()
		server.Close()
		<-over
	}
	s.handler = server.Handler()
}

// Close ends all.
func (s *Stage) Close() {
	s.mu.Lock()
	s.end()
	s.mu.Unlock()
	s.front.CloseClientConnections()
	s.front.Close()
}
