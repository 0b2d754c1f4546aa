package main

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/spf13/pflag"
)

// globalOptions are the flags that every command has.
type globalOptions struct {
	store     string
	tlsVerify bool
	quiet     bool
	verbose   bool
}

func (g *globalOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&g.store, "store", "", "`directory` of converted images (default $JRUN_STORE, jrun.toml, or ~/.local/share/jrun)")
	flags.BoolVar(&g.tlsVerify, "tls-verify", true, "check the registry's certificate; =false also allows plain http")
	flags.BoolVarP(&g.quiet, "quiet", "q", false, "show no progress")
	flags.BoolVarP(&g.verbose, "verbose", "v", false, "say more about what is done")
}

// session is what commands work with once flags and files are read.
type session struct {
	config config
	store  *store.Store
	client *image.Client
	report *progress
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
	st, err := store.Open(dir)
	if err != nil {
		return nil, err
	}
	options := image.Options{
		SkipTLSVerify:   !g.tlsVerify,
		DefaultRegistry: c.DefaultRegistry,
		UserAgent:       "jrun/" + version(),
		Converter:       "jrun " + version(),
	}
	if g.verbose {
		options.Log = os.Stderr // every request that is made
	}
	client := image.NewClient(options)
	return &session{config: c, store: st, client: client, report: newProgress(os.Stderr, g.quiet, g.verbose)}, nil
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
	ref, err := image.ParseReference(name)
	if err != nil {
		return store.Object{}, err
	}
	s.report.begin(ref.Familiar())
	boundMemory()
	object, fetched, err := s.client.Ensure(ctx, s.store, ref, s.report.event)
	s.report.end(object, fetched, err)
	return object, err
}
