package mpi

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/runtime/inject"
)

// Plan is what is done for an MPI program, and why.
type Plan struct {
	Wanted    Mode          `json:"wanted"`
	Mode      Mode          `json:"mode"`      // what is done
	Launchers []string      `json:"launchers"` // that started this process
	Items     []inject.Item `json:"items"`     // what of the host is inside
	Verdict   string        `json:"verdict"`   // in a line
	Because   []string      `json:"because"`   // how it came to that

	ask      Ask
	networks []network // that the host has
}

// Launch is the part of the decision that needs no image. Every rank makes it, so it
// reads no file.
func Launch(a Ask) Plan {
	p := Plan{Wanted: a.Mode, Mode: a.Mode, ask: a}
	found := p.recognise(&a)
	if a.Mode == None { // ranks share a sandbox all the same
		p.Verdict = "nothing is done for MPI"
		p.say("--mpi=none")
		return p
	}
	p.passLauncher(&a, found)
	p.passDevices(a.Root)
	switch a.Mode {
	case PMI:
		p.settle("--mpi=pmi")
	case Auto:
		if len(p.networks) == 0 {
			p.settle("the host has no high-speed network, which the host's MPI could use better")
		}
	}
	return p
}

// settle ends the decision: the image's own MPI runs.
func (p *Plan) settle(why string) {
	p.Mode = PMI
	p.say("%s", why)
	p.Verdict = "the image's own MPI runs"
}

// NeedsImage reports whether the decision is not made yet: it is up to [Plan.Look].
func (p *Plan) NeedsImage() bool { return p.Verdict == "" }

// Depends is what Look depends on beside the image: processes that have the same
// come to the same.
func (p *Plan) Depends() []string {
	depends := []string{string(p.Wanted)}
	if p.NeedsImage() {
		for _, name := range hostVariables {
			depends = append(depends, p.ask.variable(name))
		}
		depends = append(depends, p.ask.Hosts...)
	}
	return depends
}

// Make is the whole decision, as `jrun explain` shows it. A plan is returned also
// with an error: its Verdict then says what is in the way.
func Make(a Ask, image fs.FS, imageEnv []string) (Plan, error) {
	p := Launch(a)
	if !p.NeedsImage() {
		return p, nil
	}
	return p, p.Look(image, imageEnv)
}

// Look makes the decision that Launch has left open. imageEnv is the image's ENV. The
// error is a *fault.Error: what was asked for cannot be done.
func (p *Plan) Look(image fs.FS, imageEnv []string) error {
	s, err := newSwap(&p.ask, image, imageEnv)
	if err != nil {
		return err
	}
	mode := p.Wanted
	if mode == Auto {
		if mode = p.choose(s); mode == PMI {
			return nil
		}
	}
	items, err := s.take(mode, p)
	if err == nil {
		p.Mode = mode
		p.Items = append(p.Items, items...)
		return nil
	}
	var refused *refusal
	if !errors.As(err, &refused) {
		return err // the image or the host cannot be read
	}
	if p.Wanted == Auto {
		p.say("%s of the host cannot take its place: %s", mode.words(), refused.why)
		p.settle("what was built for it runs best; 'jrun run --mpi=fabric' would try the host's network libraries only")
		return nil
	}
	p.Verdict = fmt.Sprintf("refused: %s", refused.why)
	return fault.Newf(fault.Because("%v", refused.why), refused.next, "the host's %s cannot be used in this image", mode.words())
}

// words is what a mode puts in the place of the image's.
func (m Mode) words() fault.Text {
	switch m {
	case MPICH:
		return fault.Say("MPICH (or Intel MPI, MVAPICH, Cray MPICH)")
	case OpenMPI:
		return fault.Say("Open MPI")
	case ABI:
		return fault.Say("MPI library with the ABI of MPI 5")
	}
	return fault.Say("network libraries")
}

// choose is Auto's decision on a machine with a high-speed network: PMI, or the
// family of the image's MPI.
func (p *Plan) choose(s *swap) Mode {
	var deaf []string
	for _, n := range p.networks {
		lacks := s.image.lacks(n)
		if lacks == "" {
			p.say("the host has %s, and the image has what its MPI needs for it", n.name)
			continue
		}
		p.say("the host has %s, and the image has no %s", n.name, lacks)
		deaf = append(deaf, n.name)
	}
	if len(deaf) == 0 {
		p.settle("nothing needs to be swapped")
		return PMI
	}
	found := s.image.families()
	if len(found) > 1 {
		if m := s.byLauncher(p.Launchers); m != "" {
			p.say("the image has several MPIs; the launcher is of the family of %s", m.words())
			return m
		}
		p.settle("the image has several MPIs: say which with --mpi=openmpi or --mpi=mpich")
		return PMI
	}
	if len(found) == 0 {
		p.settle("the image has no MPI library that could be swapped")
		return PMI
	}
	return found[0]
}

// byLauncher is the family of a launcher, if it has one that the image has, too.
func (s *swap) byLauncher(names []string) Mode {
	for _, name := range names {
		switch {
		case strings.HasPrefix(name, "Open MPI"):
			return OpenMPI
		case strings.HasPrefix(name, "Hydra"), strings.HasPrefix(name, "PALS"):
			return MPICH
		}
	}
	return ""
}

func (p *Plan) say(format string, args ...any) {
	p.Because = append(p.Because, fmt.Sprintf(format, args...))
}

// String is the explanation, as people read it.
func (p *Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "MPI: %s (--mpi=%s", p.Verdict, p.Mode)
	if p.Wanted != p.Mode {
		fmt.Fprintf(&b, ", chosen by %s", p.Wanted)
	}
	b.WriteString(")\n")
	for _, line := range p.Because {
		fmt.Fprintf(&b, "  because %s\n", line)
	}
	for _, item := range p.Items {
		for line := range strings.Lines(item.String()) {
			fmt.Fprintf(&b, "  %s\n", strings.TrimRight(line, "\n"))
		}
	}
	return b.String()
}
