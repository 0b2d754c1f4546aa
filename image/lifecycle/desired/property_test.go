package desired

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/integration/campaign"
	"pgregory.net/rapid"
)

var (
	someProjects = []string{"a", "b", "c"}
	somePeople   = []string{"u001", "u002", "20260001", "suzuki"}
	someRoles    = []string{"admins", "maintainers", "developers", "guests", "limited_guests"}
	someRobots   = []string{"ci", "nodes"}
	somePatterns = []string{"v*", "release", "x-*"}
)

// drawFile makes the text of a file.
func drawFile(t *rapid.T, label string) string {
	var b strings.Builder
	hooks := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"jadm", "chat"}), rapid.ID[string]).Draw(t, label+" hooks")
	for _, hook := range hooks {
		fmt.Fprintf(&b, "[webhook.%s]\naddress = \"https://example.org/%d\"\n", hook, rapid.IntRange(0, 1).Draw(t, "address"))
	}
	for _, name := range someProjects {
		if rapid.IntRange(0, 3).Draw(t, label+" has "+name) == 0 {
			continue
		}
		kind := rapid.SampledFrom([]string{"shared", "lab"}).Draw(t, "kind")
		fmt.Fprintf(&b, "[%s.%s]\nexclusive = %v\n", kind, name, rapid.Bool().Draw(t, "exclusive"))
		drawRules(t, &b)
		free := slices.Clone(somePeople)
		for _, role := range someRoles {
			var members []string
			for _, id := range slices.Clone(free) {
				if rapid.IntRange(0, 5).Draw(t, id+" in "+role) == 0 {
					members = append(members, fmt.Sprintf("%q", id))
					free = slices.DeleteFunc(free, func(other string) bool { return other == id })
				}
			}
			if role == "guests" && rapid.Bool().Draw(t, "everybody") {
				members = append(members, `"everybody"`)
			}
			if len(members) > 0 {
				fmt.Fprintf(&b, "%s = [%s]\n", role, strings.Join(members, ", "))
			}
		}
		drawRobots(t, &b)
	}
	if rapid.Bool().Draw(t, label+" people") {
		fmt.Fprintf(&b, "[people]\nrole = %q\n", rapid.SampledFrom([]string{"project admin", "maintainer"}).Draw(t, "role"))
		drawRules(t, &b)
		drawRobots(t, &b)
	}
	return b.String()
}

func drawRules(t *rapid.T, b *strings.Builder) {
	for _, key := range []string{"public", "scan_on_push", "cosign", "notation"} {
		if rapid.Bool().Draw(t, key+" is there") {
			fmt.Fprintf(b, "%s = %v\n", key, rapid.Bool().Draw(t, key))
		}
	}
	if rapid.Bool().Draw(t, "gate") {
		fmt.Fprintf(b, "severity = %q\n", rapid.SampledFrom(severities).Draw(t, "severity"))
	} else if rapid.Bool().Draw(t, "no gate") {
		b.WriteString("prevent_vul = false\n")
	}
	if quota := rapid.SampledFrom([]string{"", "none", "1G", "2G"}).Draw(t, "quota"); quota != "" {
		fmt.Fprintf(b, "quota = %q\n", quota)
	}
	patterns := rapid.SliceOfNDistinct(rapid.SampledFrom(somePatterns), 0, 3, rapid.ID[string]).Draw(t, "patterns")
	fmt.Fprintf(b, "immutable_tags = [%s]\n", quoted(patterns))
	if n := rapid.IntRange(0, 2).Draw(t, "retention"); n > 0 {
		fmt.Fprintf(b, "harbor_retention = {keep_latest = %d, keep_tags = [%s]}\n", n, quoted(patterns))
	}
}

func quoted(list []string) string {
	var all []string
	for _, item := range list {
		all = append(all, strconv.Quote(item))
	}
	return strings.Join(all, ", ")
}

func drawRobots(t *rapid.T, b *strings.Builder) {
	for _, name := range someRobots {
		if rapid.Bool().Draw(t, "robot "+name) {
			rights := rapid.SampledFrom([]string{`"pull"`, `"pull", "push"`, `"pull", "artifact:read"`}).Draw(t, "rights")
			fmt.Fprintf(b, "robot.%s = {rights = [%s], days = %d}\n", name, rights, rapid.SampledFrom([]int{-1, 30, 90}).Draw(t, "days"))
		}
	}
}

// meddle does what administrators and owners do by hand.
func meddle(t *rapid.T, w *world) {
	ctx, c := context.Background(), w.client()
	for i := range rapid.IntRange(1, 12).Draw(t, "acts") {
		name := rapid.SampledFrom(append([]string{"u001", "20260001"}, someProjects...)).Draw(t, "of project")
		p, err := c.Project(ctx, name)
		if err != nil {
			_ = c.CreateProject(ctx, harbor.NewProject{Name: name, Metadata: harbor.Metadata{Severity: "low", PreventVulnerable: "true"}})
			continue
		}
		var members []harbor.Member
		if members, err = harbor.All(c.Members(ctx, name)); err != nil {
			panic(err)
		}
		role := rapid.SampledFrom(roles).Draw(t, "role")
		switch rapid.IntRange(0, 9).Draw(t, "act") {
		case 0, 1:
			_, _ = c.AddUser(ctx, name, rapid.SampledFrom(somePeople).Draw(t, "who"), role) // 409 for a member
		case 2:
			if len(members) > 0 {
				_ = c.UpdateMember(ctx, name, rapid.SampledFrom(members).Draw(t, "whom").ID, role)
			}
		case 3:
			if len(members) > 0 {
				_ = c.RemoveMember(ctx, name, rapid.SampledFrom(members).Draw(t, "whom").ID)
			}
		case 4:
			key := rapid.SampledFrom([]string{"public", "auto_scan", "prevent_vul", "enable_content_trust"}).Draw(t, "key")
			w.fake.SetMetadata(name, key, fmt.Sprint(rapid.Bool().Draw(t, "value")))
		case 5:
			w.fake.SetQuota(name, rapid.SampledFrom([]int64{-1, 1e9, 5e9}).Draw(t, "quota"))
		case 6:
			_, _ = c.CreateRobot(ctx, name, rapid.SampledFrom(someRobots).Draw(t, "robot"), 30, harbor.PullOnly)
		case 7:
			_, _ = c.CreateImmutableRule(ctx, name, harbor.ImmutableTags(rapid.SampledFrom(somePatterns).Draw(t, "pattern")))
		case 8:
			hook := harbor.Webhook{Name: rapid.SampledFrom([]string{"jadm", "theirs"}).Draw(t, "hook"), Enabled: i%2 == 0, Events: []string{harbor.EventPush}, Targets: []harbor.WebhookTarget{{Type: "http", Address: "https://theirs"}}}
			_, _ = c.CreateWebhook(ctx, name, hook)
		case 9:
			_, _ = c.CreateRetention(ctx, harbor.NewRetention(p.ID, harbor.KeepTags(harbor.KeepPushed, 7)))
		}
	}
}

// draw sets how many worlds rapid draws: JRUN_SOAK multiplies them, JRUN_SEED
// draws the same ones again.
func draw(t *testing.T, worlds int) {
	t.Helper()
	settings := map[string]string{"rapid.checks": strconv.Itoa(worlds * campaign.Times(t))}
	if seed, given := campaign.Given(t); given {
		settings["rapid.seed"] = strconv.FormatUint(seed, 10)
	}
	for name, value := range settings {
		if f := flag.Lookup(name); f == nil || f.Value.Set(value) != nil {
			t.Fatalf("rapid has no %s", name)
		}
	}
}

// TestAnyState: from any state that jadm, owners and administrators have led Harbor
// into, with any file,
//
//   - applying it leaves nothing to do, and a second time makes no request that changes
//     anything;
//   - without --prune nothing is gone or lowered that jadm has not made, and without
//     --adopt no project is touched that it has not made.
func TestAnyState(t *testing.T) {
	draw(t, 25)
	rapid.Check(t, func(rt *rapid.T) { anyState(t, rt) })
}

func anyState(t *testing.T, rt *rapid.T) {
	fake := fakeharbor.New(fakeharbor.Options{})
	defer fake.Close()
	w := worldOf(t, fake)
	defer os.RemoveAll(w.state.Path())
	w.directory.people = slices.DeleteFunc(w.directory.people, func(p people.Person) bool { return !slices.Contains(somePeople, strings.ToLower(p.ID)) })
	for range rapid.IntRange(1, 3).Draw(rt, "rounds") {
		if rapid.Bool().Draw(rt, "meddle") {
			meddle(rt, w)
		}
		who := rapid.SampledFrom(w.directory.people).Draw(rt, "who comes or goes").ID
		for i := range w.directory.people {
			if w.directory.people[i].ID == who {
				w.directory.people[i].Disabled = !w.directory.people[i].Disabled
			}
		}
		text := drawFile(rt, "file")
		o := Options{Adopt: rapid.Bool().Draw(rt, "adopt"), Prune: rapid.Bool().Draw(rt, "prune")}
		site := w.site(text)
		names := append([]string{"u001", "u002", "20260001", "suzuki"}, someProjects...)
		before := must(Read(context.Background(), w.client(), whole(names)))
		owned := must(LoadOwned(w.state))
		q := must(site.question(context.Background(), o))
		q.Actual = must(Read(context.Background(), w.client(), whole(sortedKeys(q.Needs()))))
		q.Lost = site.lost(q)
		if seen, all := lines(must(site.Plan(context.Background(), o))), lines(Diff(q)); seen != all {
			rt.Fatalf("%+v of\n%s\nwhat is asked for gives\n%s\nand all that there is\n%s", o, text, seen, all)
		}
		if plan, err := site.Apply(context.Background(), o, nil, nil); err != nil {
			rt.Fatalf("%+v of\n%s\nfails: %v\n%s", o, text, err, lines(plan))
		}
		after := must(Read(context.Background(), w.client(), whole(names)))
		for _, name := range names {
			p := before.Projects[name]
			if p == nil {
				continue
			}
			if err := untouched(p, after.Projects[name], owned[name].settle(p, before.Account), o); err != nil {
				rt.Fatalf("%+v of\n%s\n%s: %v", o, text, name, err)
			}
		}
		fake.TakeRequests()
		if plan, err := site.Apply(context.Background(), o, nil, nil); err != nil || len(plan.Changes) > 0 {
			rt.Fatalf("%+v of\n%s\nleaves %v\n%s", o, text, err, lines(plan))
		}
		for _, r := range fake.TakeRequests() {
			if r.Method != http.MethodGet {
				rt.Fatalf("with nothing to do there is %s %s", r.Method, r.Path)
			}
		}
	}
}

// untouched says what has been done to somebody else's that must not be.
func untouched(before, after *ActualProject, owned Owned, o Options) error {
	if after == nil {
		if o.Prune && owned.Made && before.Repositories == 0 {
			return nil
		}
		return errors.New("the project is gone")
	}
	if !owned.has() && !o.Adopt {
		return unchanged(before, after)
	}
	if o.Prune {
		return nil
	}
	for key, m := range before.members {
		is, there := after.members[key]
		if _, ours := owned.Members[string(key)]; !ours && (!there || lower(is.Role, m.Role)) {
			return fmt.Errorf("member %s was %v, and is %v", m.Name, m.Role, is.Role)
		}
	}
	for name := range before.robots {
		if _, there := after.robots[name]; owned.Robots[name] == nil && !there {
			return fmt.Errorf("robot %s is gone", name)
		}
	}
	left := Owned{Made: true, ID: after.ID, Webhooks: map[string]int64{}, Immutable: map[string]int64{}}
	for _, h := range before.Webhooks {
		left.Webhooks[h.Name] = h.ID
	}
	for _, r := range before.Immutable {
		left.Immutable[r.Tags[0].Pattern] = r.ID
	}
	now := left.settle(after, "")
	for _, kind := range []struct{ before, owned, now map[string]int64 }{{left.Webhooks, owned.Webhooks, now.Webhooks}, {left.Immutable, owned.Immutable, now.Immutable}} {
		for name := range kind.before {
			_, ours := kind.owned[name]
			if _, there := kind.now[name]; !ours && !there {
				return fmt.Errorf("%s is gone", name)
			}
		}
	}
	for _, r := range (Rules{}).switches() {
		from, to := valueOf(before.Metadata, r.key), valueOf(after.Metadata, r.key)
		if r.weaker(from, to) && !owned.set(r.key, from) {
			return fmt.Errorf("%s was %q, and is %q", r.words, from, to)
		}
	}
	if from, to := before.Quota.Hard.StorageBytes, after.Quota.Hard.StorageBytes; less(to, from) && !owned.set(quotaKey, fmt.Sprint(from)) {
		return fmt.Errorf("the quota was %d, and is %d", from, to)
	}
	return nil
}

// unchanged wants two projects to be the same.
func unchanged(before, after *ActualProject) error {
	if diff := cmp.Diff(before, after, cmp.AllowUnexported(ActualProject{})); diff != "" {
		return fmt.Errorf("it has changed (-before +after):\n%s", diff)
	}
	return nil
}

// memoryDir is a directory whose files need no disk, where there is one: thousands of
// worlds would wait for it.
func memoryDir(t testing.TB) string {
	const memory = "/dev/shm"
	if info, err := os.Stat(memory); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	dir := must(os.MkdirTemp(memory, "jadm-state-"))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
