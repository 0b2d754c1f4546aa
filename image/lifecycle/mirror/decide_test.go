package mirror

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

func d(name string) digest.Digest { return digest.FromString(name) }

func ref(name, object, resolved string) store.Ref {
	return store.Ref{Name: "reg/" + name, Digest: d(object), Resolved: d(resolved)}
}

func at(name, object string) store.Ref {
	return store.Ref{Name: "reg/" + name + "@" + d(object).String(), Digest: d(object), Resolved: d(object)}
}

func pushed(name string, tags ...string) Artifact {
	return Artifact{Digest: d(name), Image: true, Tags: tags, SizeBytes: 100}
}

func objects(names ...string) map[digest.Digest]time.Time {
	all := map[digest.Digest]time.Time{}
	for _, name := range names {
		all[d(name)] = time.Time{}
	}
	return all
}

func name(r store.Ref) Step            { return Step{Kind: Name, Ref: r} }
func forget(r store.Ref) Step          { return Step{Kind: Forget, Ref: store.Ref{Name: r.Name}} }
func retire(object string) Step        { return Step{Kind: Retire, Digest: d(object)} }
func missing(names ...string) []string { return names }

func TestDecide(t *testing.T) {
	app := Target{"p", "app"}
	all := Wanted{Any: true, Platforms: []store.Platform{amd64}}
	index := Artifact{Digest: d("index"), Image: true, Index: true, Tags: []string{"1"}}
	intel := store.Alias{Index: d("index"), Platform: "linux-amd64", Instance: d("intel")}
	arm := store.Alias{Index: d("index"), Platform: "linux-arm64", Instance: d("arm")}
	for label, tt := range map[string]struct {
		artifacts []Artifact
		held      Held
		wanted    Wanted
		steps     []Step
		missing   []string
	}{
		"nothing": {},
		"pushed":  {artifacts: []Artifact{pushed("a", "1")}, wanted: all, missing: missing("a")},
		"converted, and not named yet": {
			artifacts: []Artifact{pushed("a", "1", "2")}, held: Held{Objects: objects("a"), Names: []store.Ref{at("p/app", "a")}}, wanted: all,
			steps: []Step{name(ref("p/app:1", "a", "a")), name(ref("p/app:2", "a", "a"))},
		},
		"nothing to do": {
			artifacts: []Artifact{pushed("a", "1")}, held: Held{Objects: objects("a"), Names: []store.Ref{at("p/app", "a"), ref("p/app:1", "a", "a")}}, wanted: all,
		},
		"the tag has moved": {
			artifacts: []Artifact{pushed("a"), pushed("b", "1")}, held: Held{Objects: objects("a", "b"), Names: []store.Ref{at("p/app", "a"), ref("p/app:1", "a", "a"), at("p/app", "b")}}, wanted: all,
			steps: []Step{name(ref("p/app:1", "b", "b"))},
		},
		"the tag has moved to what is not there yet": {
			artifacts: []Artifact{pushed("a"), pushed("b", "1")}, held: Held{Objects: objects("a"), Names: []store.Ref{at("p/app", "a"), ref("p/app:1", "a", "a")}}, wanted: all,
			steps: []Step{forget(ref("p/app:1", "a", "a"))}, missing: missing("b"),
		},
		"deleted": {
			held:  Held{Objects: objects("a"), Names: []store.Ref{at("p/app", "a"), ref("p/app:1", "a", "a")}},
			steps: []Step{forget(ref("p/app:1", "a", "a")), forget(at("p/app", "a")), retire("a")}, wanted: all,
		},
		"deleted, and cited": {
			held:  Held{Objects: objects("a"), Names: []store.Ref{at("p/app", "a")}, Pins: map[digest.Digest]bool{d("a"): true}},
			steps: []Step{forget(at("p/app", "a"))}, wanted: all,
		},
		"deleted, and in another repository": {
			held:  Held{Objects: objects("a"), Names: []store.Ref{at("p/app", "a"), at("p/app2", "a"), ref("p/app/sub:1", "a", "a")}},
			steps: []Step{forget(at("p/app", "a"))}, wanted: all,
		},
		"of another repository": {
			held: Held{Objects: objects("a"), Names: []store.Ref{at("p/app2", "a"), ref("p/ap:1", "a", "a")}}, wanted: all,
		},
		"untagged stays, and is not made": {
			artifacts: []Artifact{pushed("a"), pushed("b")}, held: Held{Objects: objects("a"), Names: []store.Ref{at("p/app", "a")}}, wanted: all,
		},
		"no image": {artifacts: []Artifact{{Digest: d("chart"), Tags: []string{"1"}}}, wanted: all},
		"not wanted, and stays while it is there": {
			artifacts: []Artifact{pushed("a", "1"), pushed("b", "2")}, held: Held{Objects: objects("a"), Names: []store.Ref{at("p/app", "a")}}, wanted: Wanted{Platforms: all.Platforms},
			steps: []Step{name(ref("p/app:1", "a", "a"))},
		},
		"too large":  {artifacts: []Artifact{pushed("a", "1")}, wanted: Wanted{Any: true, Platforms: all.Platforms, MaxBytes: 99}},
		"just right": {artifacts: []Artifact{pushed("a", "1")}, wanted: Wanted{Any: true, Platforms: all.Platforms, MaxBytes: 100}, missing: missing("a")},
		"pushed last comes first": {
			artifacts: []Artifact{{Digest: d("old"), Image: true, Tags: []string{"1"}}, {Digest: d("new"), Image: true, Tags: []string{"2"}, Pushed: time.Unix(1, 0)}}, wanted: all,
			missing: missing("new", "old"),
		},
		"an index for two platforms, one is there": {
			artifacts: []Artifact{index}, held: Held{Objects: objects("intel"), Aliases: []store.Alias{intel}, Names: []store.Ref{{Name: "reg/p/app@" + d("index").String(), Digest: d("intel"), Resolved: d("index")}}},
			wanted: Wanted{Any: true, Platforms: []store.Platform{amd64, arm64}},
			steps:  []Step{name(ref("p/app:1", "intel", "index"))}, missing: missing("index"),
		},
		"an index is deleted": {
			held:  Held{Objects: objects("intel", "arm"), Aliases: []store.Alias{intel, arm}, Names: []store.Ref{ref("p/app:1", "intel", "index")}},
			steps: []Step{forget(ref("p/app:1", "intel", "index")), retire("arm"), retire("intel")}, wanted: all,
		},
		"an object that was collected": {
			artifacts: []Artifact{pushed("a", "1")}, held: Held{Names: []store.Ref{at("p/app", "a"), ref("p/app:1", "a", "a")}}, wanted: all,
			steps: []Step{forget(ref("p/app:1", "a", "a")), forget(at("p/app", "a"))}, missing: missing("a"),
		},
	} {
		t.Run(label, func(t *testing.T) {
			got := Decide(app, "reg/p/app", tt.artifacts, tt.held, tt.wanted, time.Time{})
			ignore := cmp.Options{cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b Step) bool { return a.Kind+Kind(a.Digest) < b.Kind+Kind(b.Digest) })}
			if diff := cmp.Diff(tt.steps, got.Steps, ignore); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			var names []string
			for _, m := range got.Missing {
				for _, n := range []string{"a", "b", "old", "new", "index"} {
					if d(n) == m.Artifact.Digest {
						names = append(names, n)
					}
				}
			}
			if diff := cmp.Diff(tt.missing, names, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOrphans(t *testing.T) {
	now := time.Unix(10_000, 0)
	held := Held{
		Objects: map[digest.Digest]time.Time{d("named"): {}, d("old"): now.Add(-time.Hour), d("new"): now, d("cited"): {}, d("arm"): {}},
		Names:   []store.Ref{ref("p/app:1", "named", "index")},
		Aliases: []store.Alias{{Index: d("index"), Platform: "linux-arm64", Instance: d("arm")}},
		Pins:    map[digest.Digest]bool{d("cited"): true},
	}
	if diff := cmp.Diff([]Step{retire("old")}, Orphans(held, now.Add(-time.Minute))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestChoice(t *testing.T) {
	c := Choice{Include: []string{"lab-*", "shared/python*"}, Exclude: []string{"lab-*/tmp", "lab-x"}}
	for name, want := range map[string]bool{
		"lab-tanaka/app": true, "lab-tanaka/a/b": true, "shared/python3": true, "shared/python/3.12": true, "shared/r": false,
		"lab-tanaka/tmp": false, "lab-tanaka/tmp/x": false, "lab-tanaka/tmp2": true, "lab-x/app": false, "other/app": false,
	} {
		target, ok := ParseTarget(name)
		if !ok || c.Wants(target) != want {
			t.Errorf("%s: wanted is %v", name, !want)
		}
	}
	if !(Choice{}).Wants(Target{"p", "a"}) {
		t.Error("without patterns nothing is wanted")
	}
}

func TestParseTarget(t *testing.T) {
	for name, want := range map[string]bool{
		"20260001/app": true, "p": true, "p/a/b_c/d.e-f": true,
		"": false, "/a": false, "p/": true, "..": false, "../x": false, "p/../../x": false, "p//a": false, "P/a": false, "p/\x00": false, "p/a b": false, "p/a:1": false, "p/-": false,
		"p/" + string(make([]byte, 300)): false,
	} {
		if _, ok := ParseTarget(name); ok != want {
			t.Errorf("%q: %v", name, ok)
		}
	}
}
