package bundle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/printable"
)

// Problem is what is wrong with a file.
type Problem struct {
	File string `json:"file"` // within the bundle
	Why  string `json:"why"`
}

// DamageError is what Verify finds.
type DamageError struct {
	Problems []Problem // sorted by file; at most mostProblems
	More     int       // beyond that
}

const (
	mostProblems = 100
	mostInError  = 5
)

func (d *DamageError) Error() string {
	var lines []string
	for _, p := range d.Problems[:min(len(d.Problems), mostInError)] {
		lines = append(lines, p.File+": "+p.Why)
	}
	if more := len(d.Problems) - mostInError + d.More; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "; ")
}

// findings collects problems, from several goroutines.
type findings struct {
	lock  sync.Mutex
	all   []Problem
	known map[Problem]bool
	more  int
}

func (f *findings) add(file, format string, args ...any) {
	f.lock.Lock()
	defer f.lock.Unlock()
	p := Problem{File: printable.Line(short(file)), Why: printable.Line(short(fmt.Sprintf(format, args...)))}
	switch {
	case f.known[p]:
	case len(f.all) >= mostProblems:
		f.more++
	default:
		if f.known == nil {
			f.known = map[Problem]bool{}
		}
		f.known[p] = true
		f.all = append(f.all, p)
	}
}

// err is a fault that wraps a *DamageError, or nil when nothing was found.
func (f *findings) err(dir string) error {
	if len(f.all) == 0 {
		return nil
	}
	slices.SortFunc(f.all, func(a, b Problem) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Why, b.Why)) })
	return fault.Newf(&DamageError{Problems: f.all, More: f.more}, "take another copy of it, or make it again while the registry has the images: jadm bundle make", "the bundle %s is damaged", dir)
}
