package retention_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/lifecycle/retention"
	"github.com/opencontainers/go-digest"
)

var update = flag.Bool("update", false, "rewrite golden files")

var noon = time.Date(2027, 4, 1, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// history is two years of a repository: a tag a week, of which every fifth was used a
// week later, and a few that are particular.
func history() []retention.Item {
	var items []retention.Item
	for week := range 104 {
		pushed := noon.Add(-time.Duration(week)*7*day - 5*time.Hour)
		item := retention.Item{Repository: "sim", Tag: fmt.Sprintf("w%03d", week), Digest: digest.FromString(fmt.Sprint(week)), Pushed: pushed}
		if week%5 == 1 {
			item.Used = pushed.Add(7 * day)
		}
		items = append(items, item)
	}
	old := noon.Add(-700 * day)
	items[80].Pin, items[81].Pin, items[81].Immutable = "Suzuki 2026", "", true
	again := items[80]
	again.Tag, again.Pushed = "paper", again.Pushed.Add(-day)
	items = append(items, again,
		retention.Item{Repository: "sim", Tag: "v1.0", Digest: digest.FromString("v1"), Pushed: old},
		retention.Item{Repository: "sim", Tag: "running", Digest: digest.FromString("r"), Pushed: old, Running: true},
		retention.Item{Repository: "sim", Tag: "long", Digest: digest.FromString("l"), Pushed: old, Used: noon.Add(-20 * day)},
		retention.Item{Repository: "sim", Tag: "future", Digest: digest.FromString("f"), Pushed: noon.Add(day)},
		retention.Item{Repository: "sim", Digest: digest.FromString("dangling"), Pushed: old},
		retention.Item{Repository: "sim", Digest: digest.FromString("dangling, cited"), Pushed: old, Pin: "Sato 2025"},
		retention.Item{Repository: "sim", Digest: digest.FromString("dangling, used"), Pushed: old, Used: noon.Add(-40 * day)},
	)
	return items
}

var safety = retention.Safety{Grace: day, LongestJob: 31 * day}

func TestDecide(t *testing.T) {
	for name, r := range map[string]retention.Rules{
		"no rules":    {},
		"only pinned": {Pinned: true},
		"last":        {Last: 3},
		"like restic": {Last: 2, Daily: 7, Weekly: 5, Monthly: 12, Yearly: 3},
		"hourly":      {Hourly: 4},
		"within":      {Within: 60 * day},
		"used within": {UsedWithin: 90 * day},
		"all pinned":  {Last: 1, Pinned: true},
		"by name":     {Tags: []string{"v*", "w00?"}},
	} {
		t.Run(name, func(t *testing.T) {
			items := history()
			rand.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
			var out bytes.Buffer
			table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
			kept := 0
			for _, v := range retention.Decide(items, r, safety, noon) {
				word := "remove"
				if v.Keep {
					word = "keep"
					kept++
				}
				fmt.Fprintf(table, "%s\t%s\t%s\n", word, strings.Replace(v.Name(), "sha256:", "", 1)[:min(12, len(v.Name()))], strings.Join(v.Why, "; "))
			}
			table.Flush()
			fmt.Fprintf(&out, "%d of %d are kept\n", kept, len(items))
			golden := filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".golden")
			if *update {
				if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestDecideHolds: what must hold for any items and rules.
func TestDecideHolds(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	maybe := func(n int) int { return max(0, random.IntN(2*n)-n) }
	for range 2000 {
		var items []retention.Item
		for i := range random.IntN(30) {
			d := digest.FromString(fmt.Sprint(random.IntN(12)))
			item := retention.Item{Repository: "r", Tag: fmt.Sprint("t", i), Digest: d, Pushed: noon.Add(-time.Duration(random.IntN(900)) * day)}
			if random.IntN(3) == 0 {
				item.Used = noon.Add(-time.Duration(random.IntN(900)-3) * day)
			}
			items = append(items, item)
		}
		cited := digest.FromString(fmt.Sprint(random.IntN(12)))
		for i := range items {
			if items[i].Digest == cited {
				items[i].Pin = "cited"
			}
		}
		r := retention.Rules{Last: maybe(4), Daily: maybe(5), Monthly: maybe(8), Within: time.Duration(maybe(100)) * day, UsedWithin: time.Duration(maybe(300)) * day}
		before, after := map[digest.Digest]int{}, map[digest.Digest]int{}
		verdicts := retention.Decide(items, r, safety, noon)
		for _, v := range verdicts {
			before[v.Digest]++
			if v.Keep {
				after[v.Digest]++
			}
			age := noon.Sub(v.Pushed)
			switch {
			case v.Keep:
			case r.IsEmpty(), age < safety.Grace, age < r.Within, noon.Sub(v.Used) < max(r.UsedWithin, safety.LongestJob):
				t.Errorf("%+v: %+v is removed", r, v)
			}
			if len(v.Why) == 0 {
				t.Errorf("%+v has no reason", v)
			}
		}
		if before[cited] > 0 && after[cited] == 0 {
			t.Errorf("%+v: what is cited has lost its last tag", r)
		}
		if n := slices.IndexFunc(verdicts, func(v retention.Verdict) bool { return !v.Keep }); n >= 0 && n < r.Last {
			t.Errorf("%+v: of the last, number %d is removed", r, n)
		}
	}
}

func TestRulesThatMeanNothing(t *testing.T) {
	for name, r := range map[string]retention.Rules{"a negative number": {Daily: -1}, "a negative age": {Within: -1}, "no pattern": {Tags: []string{"["}}} {
		if r.Check() == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
