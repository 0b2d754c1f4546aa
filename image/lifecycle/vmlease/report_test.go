package vmlease

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

const machineA = "0123456789abcdef0123456789abcdef"

// body is a report with these workspaces, as JSON.
func body(workspaces string) string {
	return `{"version":1,"host":"vm-1","machine":"` + machineA + `","workspaces":[` + workspaces + `]}`
}

func TestParseReport(t *testing.T) {
	got, err := parseReport([]byte(body(`{"name":"cfd","base":"h/b:1","bytes":10,"used":"2026-04-01T09:00:00Z","pushed":"h/p/cfd:1","pushed_at":"2026-03-01T09:00:00+09:00"},{"name":"a"}`)))
	if err != nil {
		t.Fatal(err)
	}
	want := Report{Host: "vm-1", Machine: machineA, Workspaces: []Workspace{
		{Name: "a"},
		{Name: "cfd", Base: "h/b:1", Bytes: 10, Used: time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC), Pushed: "h/p/cfd:1", PushedAt: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)},
	}}
	if diff := cmp.Diff(want, got, cmpopts.EquateApproxTime(0)); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	var many []string
	for i := range mostWorkspaces + 1 {
		many = append(many, fmt.Sprintf(`{"name":"w%d"}`, i))
	}
	for name, tt := range map[string]struct{ text, why string }{
		"nothing":             {"", "no report"},
		"no object":           {"[]", "no report"},
		"two":                 {body("") + "{}", "something behind"},
		"another version":     {strings.Replace(body(""), "1", "2", 1), "version 2"},
		"a host":              {strings.Replace(body(""), "vm-1", "../../x", 1), "no name of a host"},
		"an option":           {strings.Replace(body(""), "vm-1", "-rf", 1), "no name of a host"},
		"no machine":          {strings.Replace(body(""), machineA, "X", 1), "machine is not"},
		"a path":              {body(`{"name":"../x"}`), "no name of a workspace"},
		"a terminal":          {body(`{"name":"x\u001b[2J"}`), "no name of a workspace"},
		"a mail header":       {body(`{"name":"x","base":"a\r\nBcc: b"}`), "no name of an image"},
		"right to left":       {body(`{"name":"x","pushed":"a\u202eb"}`), "no name of an image"},
		"a long base":         {body(`{"name":"x","base":"` + strings.Repeat("b", 600) + `"}`), "no name of an image"},
		"a negative size":     {body(`{"name":"x","bytes":-1}`), "-1 bytes"},
		"a large size":        {body(`{"name":"x","bytes":1e30}`), "no report"},
		"a year":              {body(`{"name":"x","used":"9999-01-01T00:00:00Z"}`), "year 9999"},
		"twice":               {body(`{"name":"x"},{"name":"x"}`), "twice"},
		"many":                {body(strings.Join(many, ",")), "more than 200"},
		"nested":              {strings.Repeat("[", 20000), "no report"},
		"somebody's own idea": {body(`"x"`), "no report"},
	} {
		if _, err := parseReport([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseReport(f *testing.F) {
	f.Add([]byte(body(`{"name":"cfd","base":"h/b:1","bytes":10,"used":"2026-04-01T09:00:00Z"}`)))
	f.Add([]byte(body("")))
	dir := state.Open(f.TempDir())
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseReport(text)
		if err != nil {
			return
		}
		r.User = "u001"
		reports := OpenReports(dir)
		if err := reports.Put(r); err != nil {
			t.Fatal(err)
		}
		got, err := reports.Of("u001")
		if err != nil || len(got) != 1 {
			t.Fatalf("%d are there: %v", len(got), err)
		}
		if diff := cmp.Diff(r, got[0], cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(0)); diff != "" {
			t.Errorf("(-put +got):\n%s", diff)
		}
		if done, err := reports.Forget(got[0]); !done || err != nil {
			t.Errorf("forgotten: %v, %v", done, err)
		}
	})
}

// TestReports: the newest of each machine, for each user; no name leads elsewhere.
func TestReports(t *testing.T) {
	dir := state.Open(t.TempDir())
	reports := OpenReports(dir)
	put := func(user, host, name string, at time.Time) {
		t.Helper()
		if err := reports.Put(Report{User: user, Host: host, Machine: machineA, Received: at, Workspaces: []Workspace{{Name: name}}}); err != nil {
			t.Fatal(err)
		}
	}
	now := at2027(1, 1, 0)
	long := strings.Repeat("山", 80)
	for _, user := range []string{"u001", "../../etc", long, "u001x", "u"} {
		put(user, "vm-1", "old", now)
	}
	put("U001", "VM-1", "new", now.Add(time.Hour))
	put("u001", "vm-2", "clone", now)
	names := func(user string) (all []string) {
		got, err := reports.Of(user)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range got {
			for _, w := range r.Workspaces {
				all = append(all, r.User+" "+w.Name)
			}
		}
		return all
	}
	for user, want := range map[string][]string{"u001": {"U001 new", "u001 clone"}, long: {long + " old"}, "../../etc": {"../../etc old"}, "u": {"u old"}, "nobody": nil} {
		if diff := cmp.Diff(want, names(user), cmpopts.SortSlices(strings.Compare)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", user, diff)
		}
	}
	if done, err := reports.Forget(Report{User: "u001", Host: "vm-1", Machine: machineA, Received: now}); done || err != nil {
		t.Errorf("a report was forgotten for an older one: %v, %v", done, err)
	}
	if done, err := reports.Forget(Report{User: "u001", Host: "vm-1", Machine: machineA, Received: now.Add(time.Hour)}); !done || err != nil {
		t.Errorf("forgotten: %v, %v", done, err)
	}
	files, err := filepath.Glob(filepath.Join(dir.Path(), "workspaces", "*.json"))
	if err != nil || len(files) != 5 {
		t.Errorf("files are %q, %v", files, err)
	}
	if err := os.WriteFile(files[0], []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := reports.All(); err != nil || len(all) != 4 {
		t.Errorf("with a damaged one: %d, %v", len(all), err)
	}
	for i := range mostMachines {
		put("many", fmt.Sprintf("vm-%d", i), "x", now)
	}
	if err := reports.Put(Report{User: "many", Host: "one-more", Machine: machineA}); err == nil {
		t.Error("a user reports from any number of machines")
	}
	put("many", "vm-0", "y", now)
}

// TestJSONOfReport: what jbuild sends and what is kept have the same names.
func TestJSONOfReport(t *testing.T) {
	b, err := json.Marshal(Report{Workspaces: []Workspace{{Name: "x", PushedAt: at2027(1, 1, 0)}}})
	if err != nil || !strings.Contains(string(b), `"pushed_at":"2027-01-01T00:00:00Z"`) {
		t.Errorf("%s, %v", b, err)
	}
}
