package gpu

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/hostlib"
	"golang.org/x/sys/unix"
)

// Machine is the host that is looked at. Tests make one of a tree of files.
type Machine struct {
	Root     string   // "/"; paths in an Injection are without it
	Env      []string // as os.Environ
	Groups   []int    // of the user, for CDI's additionalGids
	SpecDirs []string // of CDI specifications, of which later ones win; nil: the usual ones

	// MayOpen says whether the job may open a device: EPERM comes from its cgroup,
	// EACCES from the node's mode.
	MayOpen func(device string) error

	libraries *hostlib.Host // see Libraries
}

// DefaultSpecDirs are where CDI specifications are, in the order of CDI's SPEC.md.
var DefaultSpecDirs = []string{"/etc/cdi", "/var/run/cdi"}

// ThisMachine is the one on which the program runs.
func ThisMachine(specDirs []string) *Machine {
	groups, _ := os.Getgroups() // without them only a verdict is lost
	return &Machine{
		Root: "/", Env: os.Environ(), Groups: append(groups, os.Getgid()), SpecDirs: specDirs,
		MayOpen: func(device string) error { return unix.Access(device, unix.R_OK|unix.W_OK) },
	}
}

func (m *Machine) path(name string) string { return filepath.Join(m.Root, name) }

func (m *Machine) exists(name string) bool {
	_, err := os.Stat(m.path(name))
	return err == nil
}

func (m *Machine) isDir(name string) bool {
	info, err := os.Stat(m.path(name))
	return err == nil && info.IsDir()
}

// read returns a small file's text, or nothing.
func (m *Machine) read(name string) string {
	f, err := os.Open(m.path(name))
	if err != nil {
		return ""
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// list returns the names in a directory that match a pattern of path.Match, sorted,
// numbers by value.
func (m *Machine) list(dir, pattern string) []string {
	entries, err := os.ReadDir(m.path(dir))
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if ok, err := filepath.Match(pattern, e.Name()); ok && err == nil {
			names = append(names, e.Name())
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return len(a) - len(b) })
	return names
}

// variable looks up one of the environment.
func variable(env []string, name string) (string, bool) {
	for _, pair := range slices.Backward(env) {
		if n, value, ok := strings.Cut(pair, "="); ok && n == name {
			return value, true
		}
	}
	return "", false
}

// has reports whether the environment has a variable, perhaps an empty one.
func (m *Machine) has(name string) bool {
	_, ok := variable(m.Env, name)
	return ok
}

// Libraries are those of the machine, read when they are first needed.
func (m *Machine) Libraries() (*hostlib.Host, error) {
	if m.libraries != nil {
		return m.libraries, nil
	}
	h, err := hostlib.NewHost(m.Root)
	m.libraries = h
	return h, err
}

// forbidden explains why a device may not be opened; empty if it may.
func (m *Machine) forbidden(device string) string {
	err := m.MayOpen(device)
	switch {
	case err == nil:
		return ""
	case errors.Is(err, unix.EPERM):
		return "the job's cgroup does not let it open this device"
	case errors.Is(err, fs.ErrPermission):
		return "the device's mode does not let this user open it"
	}
	return err.Error()
}
