package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/quantity"
)

func ageOf(d time.Duration) *quantity.Age   { a := quantity.Age(d); return &a }
func bytesOf(n int64) *quantity.Bytes       { b := quantity.Bytes(n); return &b }
func policyOf(words ...string) policyConfig { return policyConfig{words[0], words[1], words[2]} }

// TestUserAtASite: what the site allows can be narrowed, the rest is the user's.
func TestUserAtASite(t *testing.T) {
	for name, tt := range map[string]struct{ site, own, want config }{
		"nothing of one's own": {
			config{Store: "/a", AllowedRegistries: []string{"h"}, Binds: []string{"/x"}, OfflineGrace: ageOf(5)}, config{},
			config{Store: "/a", AllowedRegistries: []string{"h"}, Binds: []string{"/x"}, OfflineGrace: ageOf(5)},
		},
		"tastes are the user's": {
			config{Store: "/a", DefaultRegistry: "h", GC: gcConfig{MaxSize: bytesOf(1), UnusedFor: ageOf(9)}, NodeCache: "/l", NodeCacheKeep: true},
			config{Store: "/b", DefaultRegistry: "i", GC: gcConfig{MaxSize: bytesOf(2)}, NodeCache: "/m"},
			config{Store: "/b", DefaultRegistry: "i", GC: gcConfig{MaxSize: bytesOf(2), UnusedFor: ageOf(9)}, NodeCache: "/m"},
		},
		"the site knows its MPI": {
			config{MPI: mpiConfig{[]string{"/opt/mpi"}, "pmi"}, GPU: gpuConfig{"none"}}, config{GPU: gpuConfig{"auto"}},
			config{MPI: mpiConfig{[]string{"/opt/mpi"}, "pmi"}, GPU: gpuConfig{"auto"}},
		},
		"an MPI of one's own": {
			config{MPI: mpiConfig{[]string{"/opt/mpi"}, "pmi"}}, config{MPI: mpiConfig{[]string{}, "none"}},
			config{MPI: mpiConfig{[]string{}, "none"}},
		},
		"the site's owner is the site's": {config{SiteOwner: "svc"}, config{SiteOwner: "me"}, config{SiteOwner: "svc"}},
		"an owner without a site's":      {config{}, config{SiteOwner: "me"}, config{SiteOwner: "me"}},
		"less time":                      {config{OfflineGrace: ageOf(5)}, config{OfflineGrace: ageOf(3)}, config{OfflineGrace: ageOf(3)}},
		"not more time":                  {config{OfflineGrace: ageOf(5)}, config{OfflineGrace: ageOf(9)}, config{OfflineGrace: ageOf(5)}},
		"never":                          {config{OfflineGrace: ageOf(0)}, config{OfflineGrace: ageOf(9)}, config{OfflineGrace: ageOf(0)}},
		"a stricter policy":              {config{Policy: policyOf("high", "warn", "warn")}, config{Policy: policyOf("low", "deny", "deny")}, config{Policy: policyOf("low", "deny", "deny")}},
		"not a laxer policy":             {config{Policy: policyOf("low", "deny", "deny")}, config{Policy: policyOf("critical", "warn", "allow")}, config{Policy: policyOf("low", "deny", "deny")}},
		"a policy of one's own":          {config{}, config{Policy: policyOf("high", "", "allow")}, config{Policy: policyOf("high", "", "allow")}},
		"a project of the site's registry": {
			config{AllowedRegistries: []string{"h", "i/lab"}}, config{AllowedRegistries: []string{"h/lab", "i", "j"}},
			config{AllowedRegistries: []string{"h/lab", "i/lab"}},
		},
		"a registry that the site has not": {
			config{AllowedRegistries: []string{"h/lab"}}, config{AllowedRegistries: []string{"h/labour", "j"}},
			config{AllowedRegistries: []string{"nothing.invalid"}},
		},
	} {
		if diff := cmp.Diff(tt.want, tt.site.with(tt.own)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestReadConfig(t *testing.T) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "jrun.toml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c, err := readConfig(write(`
store = "/lustre/jrun"
offline_grace = "12h"
node_cache = "/local/jrun"
node_cache_size = "50G"
[policy]
max_severity = "high"
[mpi]
host = ["/opt/openmpi/4.1"]
default = "pmi"
[gpu]
default = "none"
[gc]
max_size = "1.5T"
unused_for = "90d"
auto = false
`), true)
	if err != nil {
		t.Fatal(err)
	}
	off := false
	want := config{
		Store: "/lustre/jrun", OfflineGrace: ageOf(12 * time.Hour), NodeCache: "/local/jrun", NodeCacheSize: bytesOf(50e9),
		MPI: mpiConfig{[]string{"/opt/openmpi/4.1"}, "pmi"}, GPU: gpuConfig{"none"},
		Policy: policyConfig{MaxSeverity: "high"}, GC: gcConfig{MaxSize: bytesOf(1.5e12), UnusedFor: ageOf(90 * 24 * time.Hour), Auto: &off},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
	for name, text := range map[string]string{
		"an unknown key":         `sore = "x"`,
		"an unknown key below":   "[gc]\nmaximum = 1",
		"an unknown severity":    "[policy]\nmax_severity = \"awful\"",
		"an action that is none": "[policy]\naction = \"allow\"",
		"an MPI for all images":  "[mpi]\ndefault = \"openmpi\"",
		"an MPI somewhere":       "[mpi]\nhost = [\"openmpi\"]",
		"a GPU for all jobs":     "[gpu]\ndefault = \"0\"",
		"no size":                "[gc]\nmax_size = \"much\"",
		"no time":                `offline_grace = "soon"`,
		"a time that is past":    `offline_grace = "-1h"`,
		"no TOML":                "store",
	} {
		_, err := readConfig(write(text), true)
		requireFault(t, name, err)
	}
	if _, err := readConfig(filepath.Join(t.TempDir(), "none"), false); err != nil {
		t.Errorf("a file that need not be there: %v", err)
	}
}
