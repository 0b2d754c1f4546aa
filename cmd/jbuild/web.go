package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/guide"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/rootless"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
	"github.com/jrun-hpc/jrun/vmtemplate/web"
	"github.com/jrun-hpc/jrun/vmtemplate/web/desk"
	"github.com/jrun-hpc/jrun/vmtemplate/web/guard"
	"github.com/spf13/cobra"
	"golang.org/x/net/netutil"
	"golang.org/x/term"
)

// webOptions are the flags of jbuild web.
type webOptions struct {
	listen, cert, key string
	hosts             []string
	open, link        bool
}

func (p *program) newWebCommand() *cobra.Command {
	var o webOptions
	cmd := &cobra.Command{
		Use:     p.Say("web.use"),
		Short:   p.Say("web.short"),
		Long:    p.Say("web.long"),
		Example: p.Say("web.examples"),
		Args:    p.args(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.runWeb(cmd, &o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "", p.Say("web.listen"))
	f.BoolVar(&o.open, "open", false, p.Say("web.open"))
	f.BoolVar(&o.link, "link", false, p.Say("web.link"))
	f.StringArrayVar(&o.hosts, "host", nil, p.Say("web.host"))
	f.StringVar(&o.cert, "cert", "", p.Say("web.cert"))
	f.StringVar(&o.key, "key", "", p.Say("web.key"))
	return cmd
}

// fill takes from jbuild.toml what no flag says.
func (o *webOptions) fill(at site.Web) {
	if o.listen == "" {
		o.listen = at.Listen
	}
	if o.cert == "" && o.key == "" {
		o.cert, o.key = at.Cert, at.Key
	}
	o.hosts = append(o.hosts, at.Hosts...)
}

func (p *program) runWeb(cmd *cobra.Command, o *webOptions) error {
	config, err := p.config()
	if err != nil {
		return err
	}
	o.fill(config.Web)
	control, err := controlOf(config.DataDir(getenv))
	if err != nil {
		return err
	}
	if !rootless.Entered() {
		switch link, err := control.ask(cmd.Context()); {
		case o.link:
			if link, err = control.wake(cmd.Context(), link, err, o.listen); err != nil {
				return message.Fail(message.Of("web.none"), nil, message.Of("web.none.next"))
			}
			return p.sayLink(cmd.OutOrStdout(), link, message.Of("web.here"))
		case err == nil:
			return p.alreadyThere(cmd.Context(), cmd.OutOrStdout(), link, o.open)
		case o.open: // the browser must not run as root of a namespace
			go p.openWhenThere(cmd.Context(), control)
		}
	}
	st, err := p.open()
	if err != nil {
		return err
	}
	defer st.Close()
	if st.config.Registry == "" {
		if st.config.Registry, err = p.registryFor(cmd.Context()); err != nil {
			return err
		}
	}
	release, err := control.hold()
	if errors.Is(err, errHeld) {
		link, err := control.ask(cmd.Context())
		if err != nil {
			return err
		}
		return p.alreadyThere(cmd.Context(), cmd.OutOrStdout(), link, false)
	}
	if err != nil {
		return err
	}
	defer release()
	return p.serveWeb(cmd, o, st, control)
}

// registryFor asks for the registry where nobody has settled one.
func (p *program) registryFor(ctx context.Context) (string, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return "", message.Fail(message.Of("workshop.which-registry"), nil, message.Of("workshop.no-registry.config"))
	}
	face, err := p.face()
	if err != nil {
		return "", err
	}
	defer func() { _ = face.Close() }()
	registry, err := askRegistry(ctx, face)
	return registry, reported(err)
}

// What a server of ours waits for.
const (
	headerWithin = 10 * time.Second
	idleAfter    = 2 * time.Minute // of a connection
	endWithin    = 3 * time.Second
	// exitAfter is how long a server that a service manager has started stays without
	// a page and without work: the next page starts it again.
	exitAfter = 30 * time.Minute
)

// serveWeb serves the page until the context ends, or nobody needs it any more.
func (p *program) serveWeb(cmd *cobra.Command, o *webOptions, st *opened, control control) error {
	at, err := o.listeners(cmd.Context())
	if err != nil {
		return err
	}
	defer at.close()
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	engine := &guide.Engine{Shop: p.workshop(st)}
	face := desk.New(time.Now)
	var server *web.Server
	keeper, err := guard.New(guard.Options{
		Hosts: at.names(o.hosts), Secure: at.secure, Owner: st.config.Web.Owner, Sessions: at.remembered(control), Now: time.Now,
		Login: func(ctx context.Context, user, password string) error {
			err := engine.Login(ctx, user, password)
			if err == nil {
				server.LoggedIn()
			}
			return err
		},
	})
	if err != nil {
		return err
	}
	server = web.New(web.Options{
		Desk: face, Guard: keeper, Bench: &guide.Bench{Engine: engine}, Images: &guide.Shelf{Engine: engine}, Job: st.config.Job, Printer: p.Printer,
		About: web.About{Registry: st.config.Registry, Password: keeper.TakesPasswords(), Version: buildVersion},
	})
	link := func() link { return link{Address: at.address(o.hosts), Invitation: keeper.Invite()} }
	stop, err := control.serve(link)
	if err != nil {
		return err
	}
	defer stop()
	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	if at.activated {
		go func() {
			if server.Idle(ctx, exitAfter) == nil {
				cancel(nil)
			}
		}()
	}
	if at.activated || getenv("JOURNAL_STREAM") != "" { // others may read logs
		fmt.Fprintln(cmd.OutOrStdout(), p.Say("web.serves", at.address(o.hosts)))
	} else if err := p.sayLink(cmd.OutOrStdout(), link(), message.Of("web.ready")); err != nil {
		return err
	}
	talked := make(chan struct{})
	go func() {
		defer close(talked)
		cancel(server.Converse(ctx, func() *flow.Session {
			return &flow.Session{Face: face, Workspaces: engine, Registry: engine, Uploader: engine, Site: st.config, Printer: server.Printer, Dir: dir}
		}))
	}()
	served := at.serve(server.Handler(), cancel)
	<-ctx.Done()
	// A second signal does not break off what ends now: service managers send one to
	// every process.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM, syscall.SIGHUP)
	server.Close()
	<-talked
	served()
	wait, enough := context.WithTimeout(context.Background(), endWithin)
	defer enough()
	server.Wait(wait)
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// serve serves on all addresses; the function that it returns ends that. What goes
// wrong is given to failed.
func (at *listening) serve(handler http.Handler, failed func(error)) (end func()) {
	s := &http.Server{Handler: handler, ConnState: new(crowd).changed, ReadHeaderTimeout: headerWithin, IdleTimeout: idleAfter, ErrorLog: log.New(io.Discard, "", 0), TLSConfig: at.tls}
	for _, l := range at.listeners {
		go func() {
			l := netutil.LimitListener(l, mostConnections)
			serve := s.Serve
			if at.secure {
				serve = func(l net.Listener) error { return s.ServeTLS(l, "", "") }
			}
			if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed(fmt.Errorf("serving the page: %w", err))
			}
		}()
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), endWithin)
		defer cancel()
		if s.Shutdown(ctx) != nil {
			_ = s.Close()
		}
	}
}

// sayLink prints a link that lets its holder in, below what is to be said of it.
func (p *program) sayLink(out io.Writer, l link, head message.Text) error {
	if p.json {
		return json.NewEncoder(out).Encode(map[string]string{"address": l.Address, "link": l.String()})
	}
	_, err := fmt.Fprintf(out, "%s\n\n  %s\n\n", p.Text(head), l)
	return err
}

// alreadyThere says where the server is that runs already.
func (p *program) alreadyThere(ctx context.Context, out io.Writer, l link, open bool) error {
	if !open {
		return p.sayLink(out, l, message.Of("web.already", l.Address))
	}
	if _, err := fmt.Fprintln(out, p.Say("web.already", l.Address)); err != nil {
		return err
	}
	return openBrowser(ctx, l)
}

// link is an address with an invitation.
type link struct{ Address, Invitation string }

func (l link) String() string { return l.Address + "#invitation=" + l.Invitation }

// runPath is a file of the server, which a reboot forgets.
func (c control) runPath(ending string) string { return filepath.Join(c.dir, c.name+ending) }
