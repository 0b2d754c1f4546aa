package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/quantity"
	"github.com/jrun-hpc/jrun/runtime/mpi"
)

// siteConfig is read before the user's own file, which wins where it is not about
// what the site allows.
const siteConfig = "/etc/jrun/jrun.toml"

// config is jrun.toml. docs/jrun.toml.md explains the keys.
type config struct {
	Store             string        `toml:"store"`              // directory of converted images; ~ and $VAR are expanded
	SiteOwner         string        `toml:"site_owner"`         // account that publishes images for everybody: a name or a uid
	DefaultRegistry   string        `toml:"default_registry"`   // for names without a registry
	AllowedRegistries []string      `toml:"allowed_registries"` // HOST or HOST/PROJECT; all if there are none
	OfflineGrace      *quantity.Age `toml:"offline_grace"`      // how long an answer of a registry that cannot be reached counts
	Binds             []string      `toml:"binds"`              // SOURCE[:DESTINATION[:ro]], as --bind; missing sources are left out

	CDIDirs []string `toml:"cdi_dirs"` // of CDI specifications for GPUs; /etc/cdi and /var/run/cdi if there are none

	ShareRecords *bool `toml:"share_records"` // of images of registries, with the service account; true

	NodeCache     string          `toml:"node_cache"`      // directory on the node's own disk for copies of images; empty: none
	NodeCacheSize *quantity.Bytes `toml:"node_cache_size"` // of all copies of one user on a node
	NodeCacheKeep bool            `toml:"node_cache_keep"` // after the job's end, too

	MPI mpiConfig `toml:"mpi"`
	GPU gpuConfig `toml:"gpu"`

	Policy policyConfig `toml:"policy"`
	GC     gcConfig     `toml:"gc"`
	PBS    pbsConfig    `toml:"pbs"`
}

// mpiConfig is about MPI on this site's machines.
type mpiConfig struct {
	Host    []string `toml:"host"`    // directories of the host's MPIs; ~ and $VAR are expanded
	Default string   `toml:"default"` // of --mpi: auto, pmi or none
}

// gpuConfig is about GPUs on this site's machines.
type gpuConfig struct {
	Default string `toml:"default"` // of --gpu: auto, none or all
}

// policyConfig says which images may run.
type policyConfig struct {
	MaxSeverity string `toml:"max_severity"` // none, low, medium, high or critical; empty: no look at the scan
	Action      string `toml:"action"`       // warn or deny (the default)
	NotScanned  string `toml:"not_scanned"`  // allow, warn (the default) or deny
}

// gate is the rule about vulnerabilities; without words it denies what is worse, and
// warns about what was not scanned.
func (p policyConfig) gate() image.SeverityGate {
	g := image.SeverityGate{Max: p.MaxSeverity, Action: image.Action(p.Action), NotScanned: image.Action(p.NotScanned)}
	if g.Action == "" {
		g.Action = image.Deny
	}
	if g.NotScanned == "" {
		g.NotScanned = image.Warn
	}
	return g
}

// pbsConfig is about jobs of PBS that name an image. `jrun pbs install` writes it
// into the hook's own configuration.
type pbsConfig struct {
	Jrun    string    `toml:"jrun"`    // the program on all nodes; /usr/local/bin/jrun
	Options *[]string `toml:"options"` // of jrun run, that jobs may put into JRUN_OPTIONS
	Convert string    `toml:"convert"` // job (the default), or queue: by jrun pbs prefetch
}

// convertInQueue is what Convert says where jrun pbs prefetch converts.
const convertInQueue = "queue"

// options are those that a job may use.
func (p pbsConfig) options() []string {
	if p.Options == nil {
		return defaultPBSOptions
	}
	return *p.Options
}

// defaultPBSOptions change nothing that is not the job's own.
var defaultPBSOptions = []string{"--bind", "--clean-env", "--env", "--gpu", "--mpi", "--no-home", "--no-profile", "--pull", "--quiet", "--root", "--verbose", "--workdir", "--writable-tmpfs"}

// program is jrun's path on the nodes.
func (p pbsConfig) program() string { return firstOf(p.Jrun, "/usr/local/bin/jrun") }

// gcConfig bounds the store.
type gcConfig struct {
	MaxSize     *quantity.Bytes `toml:"max_size"`
	UnusedFor   *quantity.Age   `toml:"unused_for"`
	UndeleteFor *quantity.Age   `toml:"undelete_for"`
	Auto        *bool           `toml:"auto"` // after every conversion; true where there is a limit
}

// loadConfig reads the site's file and then the user's: $JRUN_CONFIG, or
// jrun/jrun.toml under the XDG configuration directory. Neither must exist,
// unless $JRUN_CONFIG names one. Unknown keys are errors, so that a misspelt
// one is not silently without effect.
func loadConfig() (config, error) {
	site, err := readConfig(siteConfig, false)
	if err != nil {
		return config{}, err
	}
	file, named := os.LookupEnv("JRUN_CONFIG")
	if !named {
		if dir, err := os.UserConfigDir(); err == nil {
			file = filepath.Join(dir, "jrun", "jrun.toml")
		}
	}
	if file == "" {
		return site, nil
	}
	own, err := readConfig(file, named)
	if err != nil {
		return config{}, err
	}
	return site.with(own), nil
}

// readConfig reads one file. One that is not there is empty, unless it must be.
func readConfig(file string, must bool) (config, error) {
	var c config
	known, err := toml.DecodeFile(file, &c)
	if errors.Is(err, fs.ErrNotExist) && !must {
		return config{}, nil
	}
	if err != nil {
		return config{}, fault.Newf(err, "correct the file; docs/jrun.toml.md lists the keys", "cannot read the configuration %s", file)
	}
	if unknown := known.Undecoded(); len(unknown) > 0 {
		return config{}, fault.Newf(fault.Because("it does not know the key %q", unknown[0].String()),
			"correct or remove the line; docs/jrun.toml.md lists the keys", "cannot use the configuration %s", file)
	}
	for i, dir := range c.MPI.Host {
		c.MPI.Host[i] = expand(dir)
	}
	if err := c.check(); err != nil {
		return config{}, fault.Newf(err, "correct the line; docs/jrun.toml.md lists the values", "cannot use the configuration %s", file)
	}
	c.Store, c.NodeCache = expand(c.Store), expand(c.NodeCache)
	return c, nil
}

// check refuses words that mean nothing.
func (c config) check() error {
	for key, word := range map[string]struct {
		value string
		known []string
	}{
		"policy.max_severity": {c.Policy.MaxSeverity, severities},
		"policy.action":       {c.Policy.Action, actions[1:]},
		"policy.not_scanned":  {c.Policy.NotScanned, actions},
		// What names a library or a GPU would refuse every image or machine without it.
		"mpi.default": {c.MPI.Default, []string{string(mpi.Auto), string(mpi.PMI), string(mpi.None)}},
		"gpu.default": {c.GPU.Default, []string{"auto", "none", "all"}},
		"pbs.convert": {c.PBS.Convert, []string{"job", convertInQueue}},
	} {
		if word.value != "" && !slices.Contains(word.known, word.value) {
			return fault.Because("%s is %q, not one of %s", key, word.value, strings.Join(word.known, ", "))
		}
	}
	for _, dir := range c.MPI.Host {
		if !filepath.IsAbs(dir) {
			return fault.Because("mpi.host names %q, which does not start with /", dir)
		}
	}
	return nil
}

// The words of the policy, the strictest last (severities: first).
var (
	severities = []string{"none", "low", "medium", "high", "critical"}
	actions    = []string{"allow", "warn", "deny"}
)

// with is the configuration of a user at a site. What the site allows can only be
// narrowed. (That is a guard against mistakes: a user who wants to get around it
// can build a jrun without it.)
func (c config) with(own config) config {
	site := c
	c = own
	c.Store = firstOf(own.Store, site.Store)
	c.DefaultRegistry = firstOf(own.DefaultRegistry, site.DefaultRegistry)
	c.SiteOwner = firstOf(site.SiteOwner, own.SiteOwner)
	if site.ShareRecords != nil && !*site.ShareRecords {
		c.ShareRecords = site.ShareRecords
	}
	if own.Binds == nil {
		c.Binds = site.Binds
	}
	if own.MPI.Host == nil {
		c.MPI.Host = site.MPI.Host
	}
	c.MPI.Default = firstOf(own.MPI.Default, site.MPI.Default)
	c.GPU.Default = firstOf(own.GPU.Default, site.GPU.Default)
	c.AllowedRegistries = narrower(site.AllowedRegistries, own.AllowedRegistries)
	c.OfflineGrace = shorter(site.OfflineGrace, own.OfflineGrace)
	c.Policy.MaxSeverity = stricter(slices.Backward(severities), site.Policy.MaxSeverity, own.Policy.MaxSeverity)
	c.Policy.Action = stricter(slices.All(actions), site.Policy.Action, own.Policy.Action)
	c.Policy.NotScanned = stricter(slices.All(actions), site.Policy.NotScanned, own.Policy.NotScanned)
	c.PBS = site.PBS // what the hook was told
	c.GC.MaxSize = orElse(own.GC.MaxSize, site.GC.MaxSize)
	c.GC.UnusedFor = orElse(own.GC.UnusedFor, site.GC.UnusedFor)
	c.GC.UndeleteFor = orElse(own.GC.UndeleteFor, site.GC.UndeleteFor)
	c.GC.Auto = orElse(own.GC.Auto, site.GC.Auto)
	if own.NodeCache == "" {
		c.NodeCache, c.NodeCacheSize, c.NodeCacheKeep = site.NodeCache, site.NodeCacheSize, site.NodeCacheKeep
	}
	return c
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func orElse[T any](value, other *T) *T {
	if value != nil {
		return value
	}
	return other
}

// shorter is the shorter of two ages, where both are there.
func shorter(a, b *quantity.Age) *quantity.Age {
	if a == nil || b != nil && *b < *a {
		return b
	}
	return a
}

// stricter is the word that comes later in the order, which goes from lax to
// strict.
func stricter(order func(func(int, string) bool), a, b string) string {
	strictest := ""
	for _, word := range order {
		if word == a || word == b {
			strictest = word
		}
	}
	return strictest
}

// narrower is what two lists of prefixes both allow; none allows everything.
func narrower(a, b []string) []string {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	var both []string
	for _, outer := range a {
		for _, inner := range b {
			switch {
			case within(inner, outer):
				both = append(both, inner)
			case within(outer, inner):
				both = append(both, outer)
			}
		}
	}
	if both == nil {
		both = []string{"nothing.invalid"} // no registry can have this name
	}
	return both
}

// within reports whether the prefix inner is part of the prefix outer.
func within(inner, outer string) bool {
	inner, outer = strings.TrimSuffix(inner, "/"), strings.TrimSuffix(outer, "/")
	return inner == outer || strings.HasPrefix(inner, outer+"/")
}

func expand(name string) string {
	name = os.ExpandEnv(name)
	if rest, ok := cutHome(name); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return name
}

func cutHome(name string) (string, bool) {
	if name == "~" {
		return "", true
	}
	if len(name) > 1 && name[:2] == "~/" {
		return name[2:], true
	}
	return "", false
}

// defaultStore is under the XDG data directory.
func defaultStore() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "jrun"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fault.New("cannot find a place for converted images", err, "name one: jrun --store DIR …, or set HOME")
	}
	return filepath.Join(home, ".local", "share", "jrun"), nil
}
