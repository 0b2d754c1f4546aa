package starter

import (
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// description is a DESCRIPTION file of R: Debian's control format (R's manual "Writing R
// Extensions", 1.1.1, and read.dcf). There is one record in it.
type description struct {
	fields map[string]field
}

// field is a value and the line on which it begins.
type field struct {
	text string
	line int
}

// rPackage is a package and the version that is wanted.
type rPackage struct {
	name     string
	operator string // empty for any
	version  string
}

var fieldName = form(`^([A-Za-z][A-Za-z0-9/@._-]*):(.*)$`)

// parseDescription reads the fields. A line that begins with a space goes on with the
// field before it.
func parseDescription(name string, text []byte) (*description, error) {
	d := &description{fields: map[string]field{}}
	current, number := "", 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimRight(line, " \t\r\n")
		switch m := fieldName().FindStringSubmatch(line); {
		case line == "" || strings.HasPrefix(line, "#"):
		case line[0] == ' ' || line[0] == '\t':
			if current == "" {
				return nil, wrong(name, number, message.Of("starter.r.continued"))
			}
			f := d.fields[current]
			f.text += "\n" + strings.TrimSpace(line)
			d.fields[current] = f
		case m == nil:
			return nil, wrong(name, number, message.Of("starter.r.field", line))
		default:
			current = m[1]
			if _, twice := d.fields[current]; twice {
				return nil, wrong(name, number, message.Of("starter.r.twice", current))
			}
			d.fields[current] = field{strings.TrimSpace(m[2]), number}
		}
	}
	return d, nil
}

var rDependency = form(`^([A-Za-z][A-Za-z0-9.]*[A-Za-z0-9]|[A-Za-z])\s*(?:\(\s*(>=|<=|==|!=|>|<)\s*([0-9][0-9.-]*)\s*\))?$`)

// dependencies reads a field with a list of packages.
func (d *description) dependencies(name, of string) ([]rPackage, error) {
	f := d.fields[of]
	var list []rPackage
	for _, item := range splitCounting(f.text) {
		if item.text == "" {
			continue
		}
		m := rDependency().FindStringSubmatch(item.text)
		if m == nil {
			return nil, wrong(name, f.line+item.line, message.Of("starter.r.dependency", item.text, of))
		}
		list = append(list, rPackage{m[1], m[2], m[3]})
	}
	return list, nil
}

// splitCounting parts a list at commas, and says on which line of it each item is.
func splitCounting(text string) []field {
	var items []field
	line := 0
	for item := range strings.SplitSeq(text, ",") {
		trimmed := strings.TrimLeft(item, " \t\n")
		items = append(items, field{strings.Join(strings.Fields(item), " "), line + strings.Count(item[:len(item)-len(trimmed)], "\n")})
		line += strings.Count(item, "\n")
	}
	return items
}

// ofR are packages that come with R.
var ofR = []string{"R", "base", "compiler", "datasets", "graphics", "grDevices", "grid", "methods", "parallel", "splines", "stats", "stats4", "tcltk", "tools", "utils"}

// wanted are the packages to install, each once, and the versions of R that are wanted.
func (d *description) wanted(name string) (packages, r []rPackage, err error) {
	for _, of := range []string{"Depends", "Imports", "LinkingTo"} {
		list, err := d.dependencies(name, of)
		if err != nil {
			return nil, nil, err
		}
		for _, p := range list {
			switch {
			case p.name == "R":
				r = append(r, p)
			case slices.Contains(ofR, p.name):
			case !slices.ContainsFunc(packages, func(q rPackage) bool { return q == p }):
				packages = append(packages, p)
			}
		}
	}
	return packages, r, nil
}

// satisfied reports whether a version of R is one that is wanted.
func satisfied(version string, wanted []rPackage) bool {
	for _, w := range wanted {
		have, want := numbers(version), numbers(strings.ReplaceAll(w.version, "-", "."))
		order := slices.Compare(have, want)
		// A tag 4.3 stands for the newest 4.3.x.
		if len(have) < len(want) && slices.Equal(have, want[:len(have)]) {
			order = 1
		}
		ok := map[string]bool{">=": order >= 0, "<=": order <= 0, "==": order == 0, "!=": order != 0, ">": order > 0, "<": order < 0, "": true}[w.operator]
		if !ok {
			return false
		}
	}
	return true
}
