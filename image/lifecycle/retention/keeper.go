package retention

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/image/lifecycle/usage"
	"github.com/opencontainers/go-digest"
)

// Keeper applies rules to projects.
type Keeper struct {
	Registry Registry
	Book     usage.Book
	Reports  usage.Reports // read again before something is removed; nil where there is no store
	// Objects are those of a project in the store; nil where there is no store. It may
	// return nil for a project that has none.
	Objects func(project string) (Objects, error)
	Dir     state.Dir
	Acts    audit.Recorder

	Safety
	UndeleteFor time.Duration
	IgnorePulls bool // a pull time in Harbor is no use
}

// Plan is what becomes of a project.
type Plan struct {
	Project  string           `json:"project"`
	Verdicts []Verdict        `json:"verdicts"`          // by repository, the newest first
	Delete   []Item           `json:"delete"`            // removed long enough ago to go for good
	Objects  []ObjectVerdict  `json:"objects,omitempty"` // of the store
	held     map[string]held  // what was removed earlier, by key
	waiting  map[string]since // artifacts that nothing keeps, by key
}

// Removes reports whether anything goes.
func (p Plan) Removes() bool {
	return len(p.Delete) > 0 || slices.ContainsFunc(p.Verdicts, func(v Verdict) bool { return !v.Keep }) ||
		slices.ContainsFunc(p.Objects, func(v ObjectVerdict) bool { return !v.Keep })
}

// ObjectVerdict is what becomes of an object of the store.
type ObjectVerdict struct {
	Digest    digest.Digest `json:"digest"`
	SizeBytes int64         `json:"sizeBytes"`
	Keep      bool          `json:"keep"`
	Why       string        `json:"why"`
}

// Plan decides, and changes nothing.
func (k Keeper) Plan(ctx context.Context, project string, r Rules, now time.Time) (Plan, error) {
	if err := r.Check(); err != nil {
		return Plan{}, err
	}
	doc, err := k.load(project)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Project: project, Verdicts: []Verdict{}, Delete: []Item{}, held: doc.Held, waiting: doc.Waiting}
	objects, err := k.objects(project)
	if err != nil {
		return p, err
	}
	var list []Object
	if objects != nil {
		if list, err = objects.List(); err != nil {
			return p, fmt.Errorf("listing the objects of %s: %w", project, err)
		}
	}
	known, err := k.known(project, list)
	if err != nil {
		return p, err
	}
	all, err := k.inventory(ctx, project, known)
	if err != nil {
		return p, err
	}
	for _, repository := range slices.Sorted(maps.Keys(all)) {
		p.Verdicts = append(p.Verdicts, Decide(all[repository], r, k.Safety, now)...)
	}
	for _, v := range p.Verdicts {
		if first, waits := p.waiting[key(v.Item)]; v.Tag == "" && !v.Keep && waits && now.Sub(first.Since) >= k.UndeleteFor {
			p.Delete = append(p.Delete, v.Item)
		}
	}
	p.Objects = decideObjects(list, p.Verdicts, known, r, k.Safety, now)
	return p, nil
}

func (k Keeper) objects(project string) (Objects, error) {
	if k.Objects == nil {
		return nil, nil
	}
	objects, err := k.Objects(project)
	if err != nil {
		return nil, fmt.Errorf("opening the store for %s: %w", project, err)
	}
	return objects, nil
}

// decideObjects lets those go of which the registry has nothing that stays.
func decideObjects(list []Object, verdicts []Verdict, now known, r Rules, s Safety, at time.Time) []ObjectVerdict {
	kept := map[digest.Digest]string{}
	for _, v := range verdicts {
		if v.Keep {
			for _, d := range append([]digest.Digest{v.Digest}, v.Children...) {
				kept[d] = v.Name()
			}
		}
	}
	var all []ObjectVerdict
	for _, o := range list {
		v := ObjectVerdict{Digest: o.Digest, SizeBytes: o.SizeBytes, Keep: true}
		name := cmp.Or(kept[o.Digest], kept[o.Index])
		cited := slices.IndexFunc(now.pins, func(p usage.Pin) bool { return p.Is(o.Digest) || o.Index != "" && p.Is(o.Index) })
		switch {
		case cited >= 0:
			v.Why = "cited: " + now.pins[cited].Reason
		case o.Users > 0:
			v.Why = "a job is using it"
		case r.IsEmpty():
			v.Why = "no rule removes anything here"
		case name != "":
			v.Why = "of " + name
		case at.Sub(o.Used) < max(s.Grace, r.UsedWithin):
			v.Why = "made or used " + ago(o.Used, at)
		default:
			v.Keep, v.Why = false, "the registry has no image of it that stays"
		}
		all = append(all, v)
	}
	return all
}

// Result is what Apply has done.
type Result struct {
	Untagged  []Item          `json:"untagged"`  // tags that were taken away
	Deleted   []Item          `json:"deleted"`   // artifacts that are gone for good
	Discarded []digest.Digest `json:"discarded"` // objects that can be had back
	Purged    int             `json:"purged"`    // objects that are gone for good
	Spared    []string        `json:"spared"`    // what was to go, and why it has not
}

// Run plans and applies.
func (k Keeper) Run(ctx context.Context, project string, r Rules, now time.Time) (Plan, Result, error) {
	p, err := k.Plan(ctx, project, r, now)
	if err != nil {
		return p, Result{}, err
	}
	result, err := k.Apply(ctx, p, r, now)
	return p, result, err
}

// mostSkew is by how much this machine's clock and Harbor's may differ.
const mostSkew = time.Hour

// ErrClock is wrapped by errors about clocks that differ.
var ErrClock = errors.New("this machine's clock and Harbor's differ")

// Apply does what a plan says, looking again at each thing before. It may be interrupted
// at any moment: the next plan goes on.
func (k Keeper) Apply(ctx context.Context, p Plan, r Rules, now time.Time) (Result, error) {
	result := Result{Untagged: []Item{}, Deleted: []Item{}, Discarded: []digest.Digest{}, Spared: []string{}}
	theirs, err := k.Registry.Clock(ctx)
	if err != nil {
		return result, err
	}
	if skew := theirs.Sub(now); skew.Abs() > mostSkew {
		return result, fault.Newf(fmt.Errorf("%w by %s", ErrClock, skew.Round(time.Second)), "set the clock of both by NTP, and run it again: jadm retain",
			"nothing was removed from %s", p.Project)
	}
	unlock, err := k.Dir.Lock(kind)
	if err != nil {
		return result, err
	}
	defer unlock()
	run := application{Keeper: k, ctx: ctx, project: p.Project, rules: r, now: now, result: &result, spared: map[digest.Digest]bool{}}
	if err := run.listen(); err != nil {
		return result, err
	}
	if run.doc, err = k.load(p.Project); err != nil {
		return result, err
	}
	if run.objects, err = k.objects(p.Project); err != nil {
		return result, err
	}
	for _, step := range []func(Plan) error{run.pin, run.untag, run.wait, run.delete, run.discard, run.purge} {
		if err := step(p); err != nil {
			return result, err
		}
	}
	return result, nil
}
