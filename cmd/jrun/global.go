package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/runtime/identity"
	"github.com/spf13/pflag"
)

// globalOptions are the flags that every command has.
type globalOptions struct {
	store     string
	tlsVerify bool
	quiet     bool
	verbose   bool

	pull     pullFlag // of the commands that run something
	authFile string   // of login and logout
}

func (g *globalOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&g.store, "store", "", "`directory` of converted images (default $JRUN_STORE, jrun.toml, or ~/.local/share/jrun)")
	flags.BoolVar(&g.tlsVerify, "tls-verify", true, "check the registry's certificate; =false also allows plain http")
	flags.BoolVarP(&g.quiet, "quiet", "q", false, "show no progress")
	flags.BoolVarP(&g.verbose, "verbose", "v", false, "say more about what is done")
}

// addTaskFlags adds those that a job of PBS may set beside those of jrun run.
func (g *globalOptions) addTaskFlags(flags *pflag.FlagSet) {
	g.addPullFlag(flags)
	flags.BoolVarP(&g.quiet, "quiet", "q", g.quiet, "show no progress")
	flags.BoolVarP(&g.verbose, "verbose", "v", g.verbose, "say more about what is done")
}

// session is what commands work with once flags and files are read.
type session struct {
	config config
	store  *store.Store
	client *image.Client
	report *progress

	clientOptions image.Options // of client
}

func (g *globalOptions) open() (*session, error) {
	c, err := loadConfig()
	if err != nil {
		return nil, err
	}
	dir := g.store
	for _, other := range []string{os.Getenv("JRUN_STORE"), c.Store} {
		if dir == "" {
			dir = other
		}
	}
	if dir == "" {
		if dir, err = defaultStore(); err != nil {
			return nil, err
		}
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fault.New("cannot find the current directory", err, "change to a directory that exists ('cd') and try again")
	}
	owner, err := accountID(c.SiteOwner)
	if err != nil {
		return nil, err
	}
	report := newProgress(os.Stderr, g.quiet, g.verbose)
	st, err := store.Open(dir, store.Options{SiteOwner: owner, Warn: func(err error) { report.warn(fault.TextOf(err)) }})
	if err != nil {
		return nil, err
	}
	options := g.clientOptions(c, report)
	return &session{config: c, store: st, client: image.NewClient(options), report: report, clientOptions: options}, nil
}

// clientOptions say how registries are reached, by the flags and the configuration.
func (g *globalOptions) clientOptions(c config, report *progress) image.Options {
	options := image.Options{
		SkipTLSVerify:     !g.tlsVerify,
		AuthFile:          g.authFile,
		DefaultRegistry:   c.DefaultRegistry,
		AllowedRegistries: c.AllowedRegistries,
		Pull:              image.Pull(g.pull),
		OfflineGrace:      defaultOfflineGrace,
		Job:               currentJob(),
		Severity:          c.Policy.gate(),
		Warn:              report.warn,
		UserAgent:         "jrun/" + version(),
		Converter:         "jrun " + version(),
	}
	if c.OfflineGrace != nil {
		options.OfflineGrace = time.Duration(*c.OfflineGrace)
	}
	if g.verbose {
		options.Log = os.Stderr // every request that is made
	}
	return options
}

// defaultOfflineGrace is how long a registry's answer counts that cannot be
// reached any more, unless jrun.toml says otherwise.
const defaultOfflineGrace = 24 * time.Hour

// accountID is the uid of an account that is named by its name or its uid; 0 for
// none.
func accountID(name string) (int, error) {
	if name == "" {
		return 0, nil
	}
	if uid, err := strconv.Atoi(name); err == nil && uid > 0 {
		return uid, nil
	}
	uid, err := identity.UserID(context.Background(), name)
	if err != nil || uid == 0 {
		if err == nil {
			err = fault.Because("it is root's, which should not be a service's")
		}
		return 0, fault.Newf(err, "write the service account's name or uid: site_owner = \"jrun-svc\"", "cannot use the site_owner %q of the configuration", name)
	}
	return uid, nil
}

// pullFlag is --pull.
type pullFlag image.Pull

// pullWords are the values of --pull, by their image.Pull.
var pullWords = map[image.Pull]string{image.PullAsk: "ask", image.PullAlways: "always", image.PullMissing: "missing", image.PullNever: "never"}

// Set, String and Type make pullFlag a pflag.Value.
func (p *pullFlag) Set(s string) error {
	for pull, word := range pullWords {
		if s == word {
			*p = pullFlag(pull)
			return nil
		}
	}
	return fmt.Errorf("%q is none of ask, always, missing and never", s)
}

func (p *pullFlag) String() string { return pullWords[image.Pull(*p)] }

// Type is the word for it in the help.
func (*pullFlag) Type() string { return "policy" }

func (g *globalOptions) addPullFlag(flags *pflag.FlagSet) {
	flags.Var(&g.pull, "pull", "when to ask the registry: ask (for every job; its last answer counts for a while when it cannot be reached), always (and only a new answer counts), missing (if the image is not there) or never")
}

// memoryLimit is from where on the garbage collector works harder, bytes: only
// images of several hundred thousand files get there, and these would otherwise
// take twice the memory that they need.
const memoryLimit = 200 << 20

// boundMemory keeps a conversion small, unless GOMEMLIMIT says otherwise.
func boundMemory() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(memoryLimit)
	}
}

// ensure returns the image that name stands for now, fetching and converting
// it if the store lacks it.
func (s *session) ensure(ctx context.Context, name string) (store.Object, error) {
	resolved, err := s.resolve(ctx, name)
	if err != nil {
		return store.Object{}, err
	}
	return s.obtain(ctx, resolved)
}

// resolve finds out what name stands for.
func (s *session) resolve(ctx context.Context, name string) (image.Resolved, error) {
	ref, err := image.ParseReference(name)
	if err != nil {
		return image.Resolved{}, err
	}
	s.report.begin(ref.Familiar())
	if ref.Kind() != image.Registry { // obtain reads it, once
		ref, err := s.client.Qualify(ref)
		return image.Resolved{Reference: ref, How: image.FromFile, Time: time.Now()}, err
	}
	for _, file := range s.client.OpenCredentials() {
		s.report.warn(fault.Say("%s holds passwords and can be read by others; close it: chmod 600 %s", file, file))
	}
	s.report.event(image.Event{Phase: image.Resolving})
	resolved, err := s.client.Resolve(ctx, s.store, ref)
	if err != nil {
		s.report.end(store.Object{}, false, err)
	}
	return resolved, err
}

// obtain returns the object of what was resolved.
func (s *session) obtain(ctx context.Context, resolved image.Resolved) (store.Object, error) {
	boundMemory()
	object, fetched, err := s.client.Obtain(ctx, s.store, resolved, s.report.event)
	s.report.end(object, fetched, err)
	if fetched && err == nil {
		s.collectAfterwards(ctx)
	}
	return object, err
}
