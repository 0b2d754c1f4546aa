package provenance

import (
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// Difference is something that is not as it was when a record was written.
type Difference struct {
	What string `json:"what"`
	Then string `json:"then"`
	Now  string `json:"now"`

	// What is done about it when the run is reproduced; empty for nothing.
	Remedy string `json:"remedy,omitempty"`
}

// Surroundings are what a run is compared with.
type Surroundings struct {
	Machine   Machine
	Host      []string // the environment, as os.Environ
	SiteBinds []string
	Exists    func(path string) bool
}

// Differences lists what of r is different now, the machine first.
func (r Record) Differences(now Surroundings) []Difference {
	list := []Difference{}
	add := func(what, then, current string) {
		if then != current {
			list = append(list, Difference{What: what, Then: orNone(then), Now: orNone(current)})
		}
	}
	add("jrun", r.Machine.Jrun, now.Machine.Jrun)
	add("kernel", r.Machine.Kernel, now.Machine.Kernel)
	add("architecture", r.Machine.Architecture, now.Machine.Architecture)
	add("operating system", r.Machine.OS, now.Machine.OS)
	add("GPU driver", strings.Join(r.Machine.GPUDrivers, ", "), strings.Join(now.Machine.GPUDrivers, ", "))
	if f := r.Image.File; f != nil {
		if same, there := f.Unchanged(); there && !same {
			add("file "+f.Path, "written "+f.Modified.Format(time.RFC3339), "written to since; jrun verify tells whether it is sound")
		}
	}
	list = append(list, r.missingInjections(now)...)
	if !now.Exists(r.Command.Directory) {
		list = append(list, Difference{What: "directory", Then: r.Command.Directory, Now: "not there", Remedy: "the current one is used"})
	}
	for _, bind := range r.Options.Binds {
		if source, _, _ := strings.Cut(bind, ":"); !now.Exists(source) {
			add("bind "+bind, "shown", "its source is not there")
		}
	}
	for _, bind := range r.Options.SiteBinds {
		if !slices.Contains(now.SiteBinds, bind) {
			add("bind "+bind+" of jrun.toml", "shown", "not shown")
		}
	}
	for _, bind := range now.SiteBinds {
		if !slices.Contains(r.Options.SiteBinds, bind) {
			add("bind "+bind+" of jrun.toml", "not shown", "shown")
		}
	}
	return append(list, r.differentVariables(now.Host)...)
}

// missingInjections names what was put in from the host and is not there now, directory
// by directory: a driver that was updated has many files. The names of libraries hold
// their versions.
func (r Record) missingInjections(now Surroundings) []Difference {
	var list []Difference
	for _, i := range r.Injected {
		if !i.isFile() || now.Exists(i.Source) {
			continue
		}
		what, name := "put in from "+path.Dir(i.Source), path.Base(i.Source)
		if at := slices.IndexFunc(list, func(d Difference) bool { return d.What == what }); at >= 0 {
			list[at].Then += ", " + name
			continue
		}
		list = append(list, Difference{What: what, Then: name, Now: "not there"})
	}
	return list
}

// differentVariables compares the watched variables with the host's.
func (r Record) differentVariables(host []string) []Difference {
	var list []Difference
	current := map[string]Variable{}
	for _, v := range Variables(host, nil, nil, r.Options.CleanEnv) {
		current[v.Name] = v
	}
	for _, v := range r.Environment {
		here, ok := current[v.Name]
		delete(current, v.Name)
		if v.From == FromHost && !v.Secret && (!ok || here.Value != v.Value) {
			list = append(list, Difference{What: v.Name, Then: v.Value, Now: valueOf(here, ok), Remedy: remedy(v.Name, "set as it was")})
		}
	}
	for _, v := range current {
		list = append(list, Difference{What: v.Name, Then: "not set", Now: valueOf(v, true), Remedy: remedy(v.Name, "taken away")})
	}
	slices.SortFunc(list, func(a, b Difference) int { return strings.Compare(a.What, b.What) })
	return list
}

// remedy is what Settings does about a variable.
func remedy(name, usual string) string {
	if assigned(name) {
		return "left as it is: each job is given its own"
	}
	return usual
}

func valueOf(v Variable, set bool) string {
	switch {
	case !set:
		return "not set"
	case v.Secret:
		return "(a secret)"
	}
	return v.Value
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// Setting is what must be done to the host's environment so that a program sees
// the watched variables as they were.
type Setting struct {
	Name  string
	Value string
	Unset bool
}

// Settings lists what to change in host, sorted by name. What the batch system
// assigns to each job stays as it is.
func (r Record) Settings(host []string) []Setting {
	var list []Setting
	current := map[string]bool{}
	for _, v := range Variables(host, nil, nil, r.Options.CleanEnv) {
		current[v.Name] = !assigned(v.Name)
	}
	for _, v := range r.Environment {
		delete(current, v.Name)
		if v.From == FromHost && !v.Secret && !assigned(v.Name) {
			list = append(list, Setting{Name: v.Name, Value: v.Value})
		}
	}
	for name, ours := range current {
		if ours {
			list = append(list, Setting{Name: name, Unset: true})
		}
	}
	slices.SortFunc(list, func(a, b Setting) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// MissingSecrets lists the variables whose values are not in the record, and not
// in host either.
func (r Record) MissingSecrets(host []string) []string {
	var missing []string
	for _, v := range r.Environment {
		isSet := slices.ContainsFunc(host, func(pair string) bool { return strings.HasPrefix(pair, v.Name+"=") })
		if v.Secret && v.From != FromImage && !isSet {
			missing = append(missing, v.Name)
		}
	}
	return missing
}

// Exists reports whether there is something at path.
func Exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Unchanged reports whether the file is as it was, as far as its size and time
// tell, and whether it is there at all.
func (f File) Unchanged() (same, there bool) {
	info, err := os.Stat(f.Path)
	if err != nil {
		return false, false
	}
	return info.Size() == f.SizeBytes && info.ModTime().Equal(f.Modified), true
}
