package desired

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/BurntSushi/toml"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
)

// File is desired.toml. docs/desired.toml.md explains the keys.
type File struct {
	Retention *Keep               `toml:"retention"` // of projects that say nothing else
	Webhooks  map[string]*Webhook `toml:"webhook"`   // of all projects that say nothing else, by name
	Shared    map[string]*Project `toml:"shared"`    // projects for everybody, by name
	Labs      map[string]*Project `toml:"lab"`       // projects of groups, by name
	People    *Template           `toml:"people"`    // a project for each person; nil for none
	Persons   map[string]*Rules   `toml:"person"`    // what differs from People, by ID
}

// Project is a shared one or a lab's.
type Project struct {
	Rules
	Members
	Robots map[string]*Robot `toml:"robot"` // by name
	// Exclusive says that nobody and nothing belongs in the project but what is in the
	// file; --prune then removes what others have added.
	Exclusive bool `toml:"exclusive"`
}

// Template is the project that each person gets. It is called as the person.
type Template struct {
	Rules
	Members                   // besides the person
	Role    string            `toml:"role"` // of the person; project admin
	Robots  map[string]*Robot `toml:"robot"`
	Groups  []string          `toml:"groups"` // only for people of these; empty for all
	Except  []string          `toml:"except"` // IDs of who gets no project
}

// mostFile is more than any file has, in bytes.
const mostFile = 16 << 20

// Load reads a file, and the secrets of its webhooks. Errors are faults that name the
// line where that is possible.
func Load(file string) (*File, error) {
	r, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.Newf(err, "make one: jadm init\nor name it in jadm.toml: desired = \"FILE\"", "there is no file of what is desired, %s", file)
	}
	if err != nil {
		return nil, fault.Newf(err, "see that jadm's account may read it: ls -l "+file, "cannot read %s", file)
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, mostFile))
	if err != nil {
		return nil, fault.Newf(err, "see that it is a file: ls -l "+file, "cannot read %s", file)
	}
	f, err := parse(string(text))
	if err != nil {
		return nil, fault.Newf(err, "correct the line; docs/desired.toml.md lists the keys", "cannot use %s", file)
	}
	for _, name := range sortedKeys(f.Webhooks) {
		if err := f.Webhooks[name].readSecret(filepath.Dir(file)); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// parse reads and checks a file's text.
func parse(text string) (*File, error) {
	f := &File{}
	known, err := toml.Decode(text, f)
	var where toml.ParseError
	if errors.As(err, &where) {
		return nil, fmt.Errorf("line %d: %s", where.Position.Line, parserWords(where))
	}
	if err != nil {
		return nil, err
	}
	if unknown := known.Undecoded(); len(unknown) > 0 {
		return nil, at(text, unknown[0], fmt.Errorf("it does not know the key %q", unknown[0].String()))
	}
	c := &checker{text: text, known: known}
	c.file(f)
	return f, c.err
}

// parserWords is what the parser says, without the line, which is said before.
func parserWords(e toml.ParseError) string {
	if e.LastKey == "" {
		return e.Message
	}
	return fmt.Sprintf("%s (after the key %q)", e.Message, e.LastKey)
}

// readSecret reads what the receiver knows Harbor by.
func (w *Webhook) readSecret(dir string) error {
	if w.SecretFile == "" {
		return nil
	}
	file := w.SecretFile
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	secret, err := settings.ReadSecret(file)
	w.secret = secret
	return err
}

// Keep is the rule for the tags of a project; ok is false when there is none, and all
// tags stay. person is the ID of whose project it is, empty for others.
func (f *File) Keep(project, person string) (keep Keep, ok bool) {
	var own *Keep
	switch {
	case f.Shared[project] != nil:
		own = f.Shared[project].Retention
	case f.Labs[project] != nil:
		own = f.Labs[project].Retention
	case person != "" && f.People != nil:
		own = f.rulesOf(person).Retention
	default:
		return Keep{}, false
	}
	if own == nil {
		own = f.Retention
	}
	if own == nil {
		return Keep{}, false
	}
	return *own, true
}

// SharedWithEverybody are the shared projects that everybody belongs to, by name.
func (f *File) SharedWithEverybody() []string {
	var names []string
	for name, p := range f.Shared {
		for _, entries := range [][]string{p.Admins, p.Maintainers, p.Developers, p.Guests, p.LimitedGuests} {
			if slices.Contains(entries, everybody) {
				names = append(names, name)
				break
			}
		}
	}
	slices.Sort(names)
	return names
}

// CredentialFiles are the files that robots name for their logins, sorted; {project} and
// {robot} in them are not filled in.
func (f *File) CredentialFiles() []string {
	var files []string
	add := func(robots map[string]*Robot) {
		for _, r := range robots {
			if r.Credential != "" {
				files = append(files, r.Credential)
			}
		}
	}
	for _, projects := range []map[string]*Project{f.Shared, f.Labs} {
		for _, p := range projects {
			add(p.Robots)
		}
	}
	if f.People != nil {
		add(f.People.Robots)
	}
	return sorted(files)
}
