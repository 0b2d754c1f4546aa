package launch

import (
	"errors"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/runtime/gpu"
	"github.com/jrun-hpc/jrun/runtime/identity"
	"github.com/jrun-hpc/jrun/runtime/inject"
	"github.com/jrun-hpc/jrun/runtime/mpi"
)

// Explanation is what [Run] would do, without doing it.
type Explanation struct {
	Image    string        `json:"image"`
	Digest   string        `json:"digest,omitempty"`
	Command  []string      `json:"command"`   // empty: a shell
	Dir      string        `json:"directory"` // in which it starts
	Items    []inject.Item `json:"items"`     // what of the host, of the image's configuration and of the flags is inside
	Verdicts []Verdict     `json:"verdicts"`  // what was decided
	Fits     bool          `json:"fits"`      // nothing is refused
}

// Verdict is a decision, and why.
type Verdict struct {
	About   string `json:"about"`
	Outcome string `json:"outcome"` // granted, noted, ignored or refused
	Why     string `json:"why"`
	Next    string `json:"next,omitempty"` // what to do about it
}

const refusedOutcome = string(gpu.Refused)

// Explain says what Run would do on this machine. The error is about what cannot even
// be looked at, such as a bind whose source is missing.
func Explain(o Options) (Explanation, error) {
	defer o.Image.Close()
	args, own, err := o.command()
	if err != nil && !noCommand(err) {
		return Explanation{}, err
	}
	p, err := o.prepare(own)
	if err != nil {
		return Explanation{}, err
	}
	e := Explanation{Image: o.Name, Digest: o.Digest, Command: append([]string{}, args...), Dir: p.dir, Fits: true}
	e.Items = slices.Concat(o.bindItems(&p), p.programs.items, o.variableItems())
	if err := o.explainFromHost(&e, &p); err != nil {
		return Explanation{}, err
	}
	return e, nil
}

// noCommand says whether an image is explained without anything that runs in it.
func noCommand(err error) bool { return errors.Is(err, errNoCommand) }

// explainFromHost adds what GPUs and MPI need, and whether the image takes it.
func (o *Options) explainFromHost(e *Explanation, p *prepared) error {
	files, err := o.files(o.Image)
	if err != nil {
		return err
	}
	forGPUs, err := o.injection(files)
	e.refuse("GPU", err)
	for _, v := range forGPUs.Verdicts {
		e.judge(v.Subject, string(v.Outcome), v.Reason, v.Next)
	}
	_ = p.mount(forGPUs.Items) // told below
	forMPI, err := o.swapMPI(&p.mpi, files)
	e.refuse("MPI", err)
	e.refuse("MPI", p.mount(forMPI))
	for _, item := range slices.Concat(forGPUs.Items, p.mpi.Items) {
		if p.mounts(item) {
			e.Items = append(e.Items, item)
		} else {
			e.judge(item.Inside, string(gpu.Noted), "the host's "+item.Host+" is not shown: you show something else there, or around it", "")
		}
	}
	places, err := mpi.SitePlaces("/", o.MPIHosts)
	if err != nil {
		return err
	}
	for _, place := range places {
		if problem := place.Problem(); problem != "" {
			e.judge(place.Dir, string(gpu.Noted), "[mpi] host in jrun.toml names it: "+problem, "")
		}
	}
	if e.Fits || p.mpi.Verdict != "" {
		e.judge("MPI", string(gpu.Noted), strings.Join(slices.Concat([]string{p.mpi.Verdict}, p.mpi.Because), "; because "), "")
	}
	return nil
}

func (e *Explanation) judge(about, outcome, why, next string) {
	e.Verdicts = append(e.Verdicts, Verdict{About: about, Outcome: outcome, Why: why, Next: next})
	e.Fits = e.Fits && outcome != refusedOutcome
}

// refuse records an error for which Run would not start.
func (e *Explanation) refuse(about string, err error) {
	if err == nil {
		return
	}
	var f *fault.Error
	next := ""
	if errors.As(err, &f) {
		next = f.Next
	}
	e.judge(about, refusedOutcome, err.Error(), next)
}

// bindItems say why what is shown of the host is there.
func (o *Options) bindItems(p *prepared) []inject.Item {
	var items []inject.Item
	for _, b := range p.shown {
		item := inject.Item{Kind: inject.File, Host: b.Source, Inside: b.Destination, Writable: !b.ReadOnly, Why: "the host's", Rule: "always shown"}
		if b.Dir {
			item.Kind = inject.Directory
		}
		switch b.Destination {
		case p.home:
			item.Why = "your home"
		case p.cwd:
			item.Why = "the current directory"
		case path.Clean(os.Getenv("TMPDIR")):
			item.Why = "$TMPDIR"
		}
		if slices.Contains(o.Show, b.Destination) {
			item.Why, item.Rule = "of the batch system or its job", "jobs of the batch system"
		}
		for i, text := range o.Binds {
			if own, err := ParseBind(text); err != nil || own.Destination != b.Destination {
				continue
			}
			item.Why, item.Rule = "asked for", "--bind "+text
			if i < o.SiteBinds {
				item.Rule = "binds in jrun.toml: " + text
			}
		}
		items = append(items, item)
	}
	return items
}

// variableItems say which variables the image, the user and jrun set, and which of
// the host's are left out.
func (o *Options) variableItems() []inject.Item {
	var items []inject.Item
	add := func(pairs []string, why, rule string) {
		for _, pair := range pairs {
			if name, value, ok := strings.Cut(pair, "="); ok {
				items = append(items, inject.Item{Kind: inject.Variable, Inside: name, Value: value, Why: why, Rule: rule})
			}
		}
	}
	add(o.Config.Env, "the image sets it", "ENV of the image, over the host's")
	add(o.names(), "says in which image a program is", "always set")
	add(o.set, "asked for", "--env or --env-file, over the image's")
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		switch {
		case identity.IsHostOnly(name):
			items = append(items, inject.Item{Kind: inject.Unset, Inside: name, Value: value, Why: "it leads programs to software of the host", Rule: "never passed on"})
		case o.CleanEnv && !identity.IsKept(name):
			items = append(items, inject.Item{Kind: inject.Unset, Inside: name, Value: value, Why: "only the image's environment was asked for", Rule: "--clean-env"})
		}
	}
	return items
}
