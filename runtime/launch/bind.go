package launch

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/runtime/sandbox"
)

// ParseBind reads src[:dst[:ro|rw]], as in --bind. Source is made absolute and
// must exist; a fault says so otherwise.
func ParseBind(text string) (sandbox.Bind, error) {
	const syntax = "write -B SOURCE[:DESTINATION[:ro]], for example -B /data:/data:ro"
	fields := strings.Split(text, ":")
	if fields[0] == "" || len(fields) > 3 {
		return sandbox.Bind{}, fault.Newf(fault.Because("it is not SOURCE[:DESTINATION[:ro]]"), syntax, "cannot understand the bind %q", text)
	}
	source, err := filepath.Abs(fields[0])
	if err != nil {
		return sandbox.Bind{}, fmt.Errorf("finding the current directory: %w", err)
	}
	b := sandbox.Bind{Source: source, Destination: source}
	if len(fields) > 1 && fields[1] != "" {
		b.Destination = path.Clean(fields[1])
	}
	if len(fields) > 2 {
		switch fields[2] {
		case "ro":
			b.ReadOnly = true
		case "rw", "":
		default:
			return sandbox.Bind{}, fault.Newf(fault.Because("%q is neither ro nor rw", fields[2]), syntax, "cannot understand the bind %q", text)
		}
	}
	if !path.IsAbs(b.Destination) {
		return sandbox.Bind{}, fault.Newf(fault.Because("the destination %q does not start with /", fields[1]), syntax, "cannot understand the bind %q", text)
	}
	if b.Destination == "/" {
		return sandbox.Bind{}, fault.Newf(fault.Because("it would cover the whole image"), syntax, "cannot bind %s to /", source)
	}
	for _, system := range []string{"/proc", "/sys", "/dev"} {
		if b.Destination == system {
			return sandbox.Bind{}, fault.Newf(fault.Because("jrun provides that directory itself"), "bind to another destination, or to something below it",
				"cannot bind %s to %s", source, system)
		}
	}
	info, err := os.Stat(source)
	if err != nil {
		return sandbox.Bind{}, fault.Newf(err, "check the spelling, or create it first", "cannot show %s inside the image", source)
	}
	b.Dir = info.IsDir()
	return b, nil
}

// BindSource returns the absolute source of a bind, whether it exists or not.
func BindSource(text string) (string, error) {
	source, _, _ := strings.Cut(text, ":")
	if source == "" {
		return "", errors.New("a bind begins with its source")
	}
	return filepath.Abs(source)
}

// binds lists what the job sees of the host, in the order of mounting: parents
// before what lies in them, the user's after the defaults.
func (o *Options) binds(home, cwd string) ([]sandbox.Bind, error) {
	var list []sandbox.Bind
	add := func(b sandbox.Bind) {
		for i := range list {
			if list[i].Destination == b.Destination {
				list[i] = b
				return
			}
		}
		list = append(list, b)
	}
	for _, b := range o.defaultBinds(home, cwd) {
		add(b)
	}
	wanted := map[string]bool{}
	for _, text := range o.Binds {
		b, err := ParseBind(text)
		if err != nil {
			return nil, err
		}
		add(b)
		wanted[b.Destination] = true
	}
	sortByDepth(list)
	var mountable []sandbox.Bind
	for _, b := range list {
		err := checkMountPoint(mountable, b)
		if err != nil && wanted[b.Destination] {
			return nil, err
		}
		if err == nil { // a default that the user's binds cover is not missed
			mountable = append(mountable, b)
		}
	}
	return mountable, nil
}

// defaultBinds leaves out what the host lacks.
func (o *Options) defaultBinds(home, cwd string) []sandbox.Bind {
	var list []sandbox.Bind
	show := func(source, destination string) {
		if info, err := os.Stat(source); err == nil {
			list = append(list, sandbox.Bind{Source: source, Destination: destination, Dir: info.IsDir()})
		}
	}
	for _, dir := range []string{"/tmp", "/var/tmp"} {
		show(dir, dir)
	}
	for _, file := range []string{"/etc/resolv.conf", "/etc/hosts", "/etc/localtime"} {
		show(file, file)
	}
	if !o.NoHome && home != "/" && !systemPath(home) {
		show(home, home)
	}
	if tmpdir := os.Getenv("TMPDIR"); path.IsAbs(tmpdir) && !systemPath(tmpdir) && !covered(list, path.Clean(tmpdir)) {
		show(tmpdir, path.Clean(tmpdir))
	}
	if !systemPath(cwd) && !covered(list, cwd) && (!o.NoHome || !within(cwd, home)) {
		show(cwd, cwd)
	}
	for _, name := range o.Show {
		if !covered(list, name) {
			show(name, name)
		}
	}
	return list
}

// emptyDirs is the home that takes the place of the hidden one: programs expect
// to find it and to write there.
func (o *Options) emptyDirs(home string) []string {
	if !o.NoHome || home == "/" || systemPath(home) {
		return nil
	}
	return []string{home}
}

// systemPaths are directories that belong to the image; the host's must not
// cover them only because somebody stands there.
var systemPaths = []string{"/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/run", "/sbin", "/sys", "/usr", "/var"}

func systemPath(name string) bool {
	if name == "/" || name == "/opt" || name == "/home" {
		return true
	}
	if name != "/var" && name != "/run" && (within(name, "/var") || within(name, "/run")) {
		// Spool and scratch directories are the user's, others are not.
		return !ownedByCaller(name)
	}
	for _, dir := range systemPaths {
		if within(name, dir) {
			return true
		}
	}
	return false
}

func within(name, dir string) bool {
	return name == dir || strings.HasPrefix(name, dir+"/")
}

// covered reports whether a directory of list shows name already.
func covered(list []sandbox.Bind, name string) bool {
	for _, b := range list {
		if b.Dir && b.Source == b.Destination && within(name, b.Destination) {
			return true
		}
	}
	return false
}

// checkMountPoint refuses a bind inside one of those mounted before it whose
// source lacks the mount point: it would have to be created among the user's
// own files.
func checkMountPoint(before []sandbox.Bind, b sandbox.Bind) error {
	outer, found := sandbox.Bind{}, false
	for _, o := range before { // the deepest comes last
		if o.Dir && o.Destination != b.Destination && within(b.Destination, o.Destination) {
			outer, found = o, true
		}
	}
	if !found {
		return nil
	}
	place := filepath.Join(outer.Source, strings.TrimPrefix(b.Destination, outer.Destination))
	info, err := os.Stat(place)
	if err == nil && info.IsDir() != b.Dir {
		err = fmt.Errorf("%s is a file on one side and a directory on the other", place)
	}
	if err != nil {
		return fault.Newf(err, fault.Say("create %s first, or choose another destination with -B %s:DESTINATION", place, b.Source),
			"cannot show %s at %s: that place lies in %s, which comes from the host", b.Source, b.Destination, outer.Destination)
	}
	return nil
}
