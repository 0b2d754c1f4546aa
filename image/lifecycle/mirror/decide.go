package mirror

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

// Artifact is what the registry has in a repository, as far as it matters here.
type Artifact struct {
	Digest    digest.Digest
	Image     bool // and no chart, signature, SBOM, …
	Index     bool // of images for several platforms
	Tags      []string
	Pushed    time.Time
	SizeBytes int64 // as transferred
}

// Held is what the store has of a project.
type Held struct {
	Objects map[digest.Digest]time.Time // and when they were made
	Names   []store.Ref
	Aliases []store.Alias
	Pins    map[digest.Digest]bool // cited: never removed
}

// Wanted says what of a repository is to be converted.
type Wanted struct {
	Any       bool             // by its name
	Platforms []store.Platform // of the site's machines
	MaxBytes  int64            // of an image in the registry; 0 for any
}

// Kind says what a step does.
type Kind string

// Kinds of steps, in the order in which they are done.
const (
	Name   Kind = "name"   // let Ref stand for an object
	Forget Kind = "forget" // a name that the registry does not have any more
	Retire Kind = "retire" // an object that nothing leads to any more
)

// Step is one thing to do in the store. Each can be repeated.
type Step struct {
	Kind   Kind
	Ref    store.Ref     // of Name; of Forget its Name alone
	Digest digest.Digest // of Retire
}

// Conversion is an image to be made ready.
type Conversion struct {
	Target   Target
	Artifact Artifact
	Platform store.Platform
}

// Decision is the difference between the registry and the store.
type Decision struct {
	Steps   []Step
	Missing []Conversion // those pushed last come first
}

// Decide compares one repository, whose artifacts are all that the registry has of it,
// with what the store has of the project. base is the repository's name with the
// registry's. Times of names are now. It is a function of its arguments alone.
func Decide(t Target, base string, artifacts []Artifact, held Held, wanted Wanted, now time.Time) Decision {
	var d Decision
	names := map[string]store.Ref{} // that there should be
	for _, a := range artifacts {
		instance := held.instances(a, wanted.Platforms)
		for _, p := range wanted.Platforms {
			if _, ok := instance[p]; !ok && wanted.Any && a.wanted(wanted.MaxBytes) {
				d.Missing = append(d.Missing, Conversion{Target: t, Artifact: a, Platform: p})
			}
		}
		first, ok := held.first(a, wanted.Platforms, instance)
		if !ok || !a.Image {
			continue
		}
		ref := store.Ref{Digest: first, Resolved: a.Digest, Time: now}
		for _, tag := range a.Tags {
			ref.Name = base + ":" + tag
			names[ref.Name] = ref
		}
		ref.Name = base + "@" + a.Digest.String()
		names[ref.Name] = ref
	}
	slices.SortStableFunc(d.Missing, func(a, b Conversion) int { return b.Artifact.Pushed.Compare(a.Artifact.Pushed) })

	var after []store.Ref // names of the project, when the steps are done
	var before []store.Ref
	for _, ref := range held.Names {
		if !isOf(ref.Name, base) {
			after = append(after, ref)
			continue
		}
		before = append(before, ref)
		want, ok := names[ref.Name]
		if !ok {
			d.Steps = append(d.Steps, Step{Kind: Forget, Ref: store.Ref{Name: ref.Name}})
		}
		if ok && want.Digest == ref.Digest && want.Resolved == ref.Resolved {
			after = append(after, ref)
			delete(names, ref.Name)
		}
	}
	for _, ref := range names {
		after = append(after, ref)
		d.Steps = append(d.Steps, Step{Kind: Name, Ref: ref})
	}
	released := held.reached(before)
	for object := range held.reached(after) {
		delete(released, object)
	}
	d.Steps = append(d.Steps, held.retire(released)...)
	sortSteps(d.Steps)
	return d
}

// Orphans are the steps that retire what no name of the project leads to, and that was
// made before the time made: a conversion that is just ending has no name yet.
func Orphans(held Held, made time.Time) []Step {
	reached := held.reached(held.Names)
	orphans := map[digest.Digest]bool{}
	for object, at := range held.Objects {
		if !reached[object] && at.Before(made) {
			orphans[object] = true
		}
	}
	steps := held.retire(orphans)
	sortSteps(steps)
	return steps
}

// wanted reports whether an artifact is one that jobs may ask for.
func (a Artifact) wanted(maxBytes int64) bool {
	return a.Image && len(a.Tags) > 0 && (maxBytes == 0 || a.SizeBytes <= maxBytes)
}

// instances are the objects that there are of an artifact, by platform.
func (h Held) instances(a Artifact, platforms []store.Platform) map[store.Platform]digest.Digest {
	found := map[store.Platform]digest.Digest{}
	for _, p := range platforms {
		d := a.Digest
		if a.Index {
			i := slices.IndexFunc(h.Aliases, func(alias store.Alias) bool { return alias.Index == a.Digest && alias.Is(p) })
			if i < 0 {
				continue
			}
			d = h.Aliases[i].Instance
		}
		if _, ok := h.Objects[d]; ok {
			found[p] = d // an image that is no index is for one platform, and then for all that ask
		}
	}
	return found
}

// first is the object that names of an artifact stand for: that of the site's first
// platform, or any.
func (h Held) first(a Artifact, platforms []store.Platform, instance map[store.Platform]digest.Digest) (digest.Digest, bool) {
	for _, p := range platforms {
		if d, ok := instance[p]; ok {
			return d, true
		}
	}
	for _, alias := range h.Aliases { // for a platform that the site had once
		if _, ok := h.Objects[alias.Instance]; ok && alias.Index == a.Digest {
			return alias.Instance, true
		}
	}
	_, ok := h.Objects[a.Digest]
	return a.Digest, ok
}

// reached are the objects that names lead to: also those of an index for other
// platforms.
func (h Held) reached(names []store.Ref) map[digest.Digest]bool {
	reached, indexes := map[digest.Digest]bool{}, map[digest.Digest]bool{}
	for _, ref := range names {
		reached[ref.Digest], indexes[ref.Resolved] = true, true
	}
	for _, alias := range h.Aliases {
		if indexes[alias.Index] {
			reached[alias.Instance] = true
		}
	}
	return reached
}

// retire makes steps for those objects that there are and that nobody has cited.
func (h Held) retire(objects map[digest.Digest]bool) []Step {
	var steps []Step
	for d := range objects {
		if _, ok := h.Objects[d]; ok && !h.Pins[d] {
			steps = append(steps, Step{Kind: Retire, Digest: d})
		}
	}
	return steps
}

// isOf reports whether a name is of the repository: a tag or a digest of it.
func isOf(name, base string) bool {
	rest, ok := strings.CutPrefix(name, base)
	return ok && rest != "" && (rest[0] == ':' || rest[0] == '@')
}

// sortSteps brings steps into the order in which they are done: names are there before
// others go, and go before what they stood for.
func sortSteps(steps []Step) {
	rank := map[Kind]int{Name: 0, Forget: 1, Retire: 2}
	slices.SortFunc(steps, func(a, b Step) int {
		return cmp.Or(rank[a.Kind]-rank[b.Kind], strings.Compare(a.Ref.Name, b.Ref.Name), strings.Compare(string(a.Digest), string(b.Digest)))
	})
}
