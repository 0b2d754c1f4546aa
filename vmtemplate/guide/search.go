package guide

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/inventory"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/web/bench"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
)

// What a search may take.
const (
	searchWithin = 30 * time.Second
	mostAnswer   = 4 << 20 // bytes that a program may say
	mostFound    = 40      // packages
	mostWords    = 100     // bytes
)

// searchWords are what package managers can be asked without meaning an option or a
// pattern of theirs.
var searchWords = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+._-]*$`)

// Search implements bench.Bench. It looks only at what the workspace has: its lists of
// packages are fetched by who works in it.
func (b *Bench) Search(ctx context.Context, text string) (found bench.Found, err error) {
	words := strings.Fields(text)
	bad := func(word string) bool { return !searchWords.MatchString(word) }
	if len(words) == 0 || len(text) > mostWords || slices.ContainsFunc(words, bad) {
		return found, errors.Join(bench.ErrRequest, message.Fail(message.Of("bench.words"), nil))
	}
	ctx, cancel := context.WithTimeout(ctx, searchWithin)
	defer cancel()
	err = b.Engine.inShell(func(w *workspace.Workspace) error {
		root, err := w.Root()
		if err != nil {
			return err
		}
		there, err := inventory.Read(root)
		if err != nil {
			return err
		}
		s := searcher{w: w, words: words, there: there}
		for _, look := range []func(context.Context) error{s.apt, s.dnf, s.pip, s.conda} {
			if err := look(ctx); err != nil {
				return err
			}
		}
		found = s.found
		return nil
	})
	return found, err
}

// searcher asks one package manager after the other.
type searcher struct {
	w     *workspace.Workspace
	words []string
	there inventory.Inventory
	found bench.Found
}

// has reports whether there is something at one of the paths, which may be patterns.
func (s *searcher) has(names ...string) bool {
	for _, name := range names {
		dir, pattern := path.Split(name)
		entries, _, err := s.w.List(dir)
		if err != nil {
			continue
		}
		if slices.ContainsFunc(entries, func(e workspace.Entry) bool {
			fits, _ := path.Match(pattern, e.Name)
			return fits
		}) {
			return true
		}
	}
	return false
}

// ask runs a program inside and returns what it says; nothing if it fails.
func (s *searcher) ask(ctx context.Context, args ...string) (string, error) {
	said, out, err := os.Pipe()
	if err != nil {
		return "", fmt.Errorf("making a pipe: %w", err)
	}
	defer said.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var text bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		if n, _ := io.Copy(&text, io.LimitReader(said, mostAnswer)); n == mostAnswer {
			cancel()
		}
	}()
	status, err := s.w.Run(ctx, workspace.Session{Args: args, Dir: "/", Env: []string{"LC_ALL=C.UTF-8"}, Stdout: out, Look: true})
	out.Close()
	<-read
	if err != nil {
		return "", err
	}
	if status != 0 {
		return "", nil
	}
	return text.String(), nil
}

func (s *searcher) apt(ctx context.Context) error {
	if !s.has("/usr/bin/apt-cache") {
		return nil
	}
	if !s.has("/var/lib/apt/lists/*_Packages*") {
		s.found.Prepare = "apt-get update"
		return nil
	}
	text, err := s.ask(ctx, append([]string{"apt-cache", "search", "--"}, s.words...)...)
	if err != nil {
		return err
	}
	names := s.best(parseAptSearch(text))
	if len(names) == 0 {
		return nil
	}
	if text, err = s.ask(ctx, append([]string{"apt-cache", "--no-all-versions", "show", "--"}, names...)...); err != nil {
		return err
	}
	known := parseControl(text)
	for _, name := range names {
		if p, ok := known[name]; ok {
			s.add(bench.Package{Manager: "apt", Name: name, Version: p.Version, Summary: p.Summary, Command: "apt-get install -y " + name}, inventory.Dpkg)
		}
	}
	return nil
}

// parseAptSearch reads lines NAME - DESCRIPTION.
func parseAptSearch(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		if name, _, ok := strings.Cut(line, " - "); ok && searchWords.MatchString(name) {
			names = append(names, name)
		}
	}
	return names
}

// parseControl reads the packages of deb822(5).
func parseControl(text string) map[string]bench.Package {
	all := map[string]bench.Package{}
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		var p bench.Package
		for line := range strings.Lines(paragraph) {
			field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			switch field {
			case "Package":
				p.Name = value
			case "Version":
				p.Version = value
			case "Description", "Description-en":
				p.Summary = message.Plain(value)
			}
		}
		if _, known := all[p.Name]; p.Name != "" && !known {
			all[p.Name] = p
		}
	}
	return all
}

// dnf knows the names of packages only; what its lists say of them takes longer than
// somebody waits.
func (s *searcher) dnf(ctx context.Context) error {
	if !s.has("/usr/bin/dnf") {
		return nil
	}
	if !s.has("/var/cache/dnf/*.solv", "/var/cache/libdnf5/*-*") {
		s.found.Prepare = "dnf makecache"
		return nil
	}
	args := []string{"dnf", "-C", "-q", "repoquery", "--latest-limit=1", "--qf", `%{name}\t%{version}-%{release}\t%{summary}\n`}
	for _, word := range s.words {
		args = append(args, "*"+word+"*")
	}
	text, err := s.ask(ctx, args...)
	if err != nil {
		return err
	}
	known := parseTabs(text)
	var names []string
	for name := range known {
		if !slices.ContainsFunc(s.words, func(word string) bool { return !strings.Contains(strings.ToLower(name), strings.ToLower(word)) }) {
			names = append(names, name)
		}
	}
	for _, name := range s.best(names) {
		p := known[name]
		s.add(bench.Package{Manager: "dnf", Name: name, Version: p.Version, Summary: p.Summary, Command: "dnf install -y " + name}, inventory.RPM)
	}
	return nil
}

// parseTabs reads lines NAME, VERSION, SUMMARY.
func parseTabs(text string) map[string]bench.Package {
	all := map[string]bench.Package{}
	for line := range strings.Lines(text) {
		field := strings.SplitN(strings.TrimSpace(line), "\t", 3)
		if len(field) == 3 && searchWords.MatchString(field[0]) {
			all[field[0]] = bench.Package{Name: field[0], Version: field[1], Summary: message.Plain(field[2])}
		}
	}
	return all
}

// pip has no search: PyPI took it away. What is one word may be a name there.
func (s *searcher) pip(context.Context) error {
	if len(s.words) != 1 || !s.has("/usr/bin/pip3", "/usr/bin/pip", "/usr/local/bin/pip3", "/usr/local/bin/pip", "/opt/conda/bin/pip") {
		return nil
	}
	command := "pip install "
	if s.has("/usr/bin/pip3") && !s.has("/usr/local/bin/pip*", "/opt/conda/bin/pip") && s.managed() {
		command = "pip install --break-system-packages " // PEP 668: an image is no system that this breaks
	}
	name := strings.ToLower(s.words[0])
	s.add(bench.Package{Manager: "pip", Name: name, Summary: message.Of("bench.pip"), Command: command + name}, inventory.Pip)
	return nil
}

// managed reports whether the distribution keeps pip from its Python (PEP 668).
func (s *searcher) managed() bool {
	entries, _, err := s.w.List("/usr/lib")
	return err == nil && slices.ContainsFunc(entries, func(e workspace.Entry) bool {
		return strings.HasPrefix(e.Name, "python3") && s.has("/usr/lib/"+e.Name+"/EXTERNALLY-MANAGED")
	})
}

func (s *searcher) conda(context.Context) error {
	if len(s.words) != 1 || !s.has("/opt/conda/bin/conda", "/opt/miniconda3/bin/conda", "/opt/miniforge3/bin/conda", "/root/miniconda3/bin/conda", "/root/miniforge3/bin/conda") {
		return nil
	}
	name := strings.ToLower(s.words[0])
	s.add(bench.Package{Manager: "conda", Name: name, Summary: message.Of("bench.conda"), Command: "conda install -y " + name}, inventory.Conda)
	return nil
}

// add adds a package, and what is there of it.
func (s *searcher) add(p bench.Package, manager inventory.Manager) {
	for _, is := range s.there {
		if is.Manager == manager && strings.EqualFold(is.Name, p.Name) {
			p.Installed = is.Version
		}
	}
	s.found.Packages = append(s.found.Packages, p)
}

// best orders names: the very one first, then those that begin with what is looked
// for,
// then those that have it, then the others.
func (s *searcher) best(names []string) []string {
	whole := strings.ToLower(strings.Join(s.words, "-"))
	rank := func(name string) int {
		name = strings.ToLower(name)
		switch {
		case name == whole:
			return 0
		case name == "python3-"+whole || name == "r-cran-"+whole:
			return 1
		case strings.HasPrefix(name, whole):
			return 2
		case strings.Contains(name, whole):
			return 3
		}
		return 4
	}
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	names = slices.Compact(names)
	return names[:min(len(names), mostFound)]
}
