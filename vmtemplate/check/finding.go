package check

import "github.com/jrun-hpc/jrun/vmtemplate/message"

// Severity is how much a finding matters.
type Severity string

// The severities, the worst first.
const (
	Blocks  Severity = "blocks"  // jobs of this image cannot start
	Warns   Severity = "warns"   // something in it will not work, or not as elsewhere
	Advises Severity = "advises" // it works, and could be better
)

// rank orders severities.
func (s Severity) rank() int {
	switch s {
	case Blocks:
		return 0
	case Warns:
		return 1
	}
	return 2
}

// mostPaths bounds how many paths a finding shows.
const mostPaths = 8

// Finding is one thing that a person should know before the image is used.
type Finding struct {
	ID       string // stable, for programs: "no-shell"
	Severity Severity
	What     message.Text
	Paths    []string // absolute, inside; mostPaths at most
	More     int      // paths that are not shown
	Next     []message.Text
}

// paths collects the paths of a finding, and counts those beyond its bound.
type paths struct {
	shown []string
	more  int
}

func (p *paths) add(name string) {
	if len(p.shown) < mostPaths {
		p.shown = append(p.shown, "/"+name)
		return
	}
	p.more++
}

func (p *paths) empty() bool { return len(p.shown) == 0 }

// count is the number of all paths.
func (p *paths) count() int { return len(p.shown) + p.more }

// at gives a finding its paths.
func (f Finding) at(p paths) Finding {
	f.Paths, f.More = p.shown, p.more
	return f
}

func finding(id string, severity Severity, what message.Text, next ...message.Text) Finding {
	return Finding{ID: id, Severity: severity, What: what, Next: next}
}
