package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
)

// newAudited makes an office in which something was done.
func newAudited(t *testing.T) (*office, string) {
	t.Helper()
	o := newOffice(t, "")
	file := o.path(filepath.Join("state", "audit.jsonl"))
	log := audit.Open(file, "jadm (sudo by suzuki)")
	for _, act := range []audit.Act{
		{Action: "project.create", Subject: "u001", Reason: "new"},
		{Action: "image.delete", Subject: "u002/app\x1b[2J:1", Reason: "keep-last"},
		{Action: "image.delete", Subject: "u001/app:2"},
	} {
		err := log.Do(act, func() error {
			if act.Subject == "u001/app:2" {
				return errors.New("Harbor is down\tnow")
			}
			return nil
		})
		if err != nil && act.Subject != "u001/app:2" {
			t.Fatal(err)
		}
	}
	return o, file
}

func TestAuditShow(t *testing.T) {
	o, _ := newAudited(t)
	all := o.says([]string{"project.create", "sudo by suzuki", "u002/app\uFFFD[2J:1", "failed", "Harbor is down now"}, "audit", "show")
	if n := strings.Count(all, "\n"); n != 4 {
		t.Errorf("it prints %d lines:\n%s", n, all)
	}
	for name, tt := range map[string]struct {
		args []string
		want int // acts
	}{
		"subject":       {[]string{"--subject", "U001"}, 2},
		"action":        {[]string{"--action", "image."}, 2},
		"actor":         {[]string{"--actor", "suzuki"}, 3},
		"another actor": {[]string{"--actor", "tanaka"}, 0},
		"outcome":       {[]string{"--outcome", "failed"}, 1},
		"since":         {[]string{"--since", "1d"}, 3},
		"later":         {[]string{"--since", "2999-01-01"}, 0},
		"both":          {[]string{"--action", "image.", "--outcome", "done"}, 1},
	} {
		out := o.says(nil, append([]string{"audit", "show", "--json"}, tt.args...)...)
		var got []audit.Entry
		if err := json.Unmarshal([]byte(out), &got); err != nil || got == nil || len(got) != tt.want {
			t.Errorf("%s: %d acts, %v", name, len(got), err)
		}
	}
	for _, bad := range [][]string{{"--since", "soon"}, {"--outcome", "good"}} {
		if _, err := o.run(append([]string{"audit", "show"}, bad...)...); err == nil {
			t.Errorf("%v was understood", bad)
		}
	}
}

func TestAuditVerify(t *testing.T) {
	o, file := newAudited(t)
	o.says([]string{"6 entries in 1 files", "as they were written"}, "audit", "verify")
	head := strings.TrimSpace(o.says([]string{"6:"}, "audit", "head"))
	o.says([]string{"would be in", "audit.0001.jsonl"}, "audit", "rotate", "--now", "--dry-run")
	o.says([]string{"nothing to do"}, "audit", "rotate")
	o.says([]string{"audit.0001.jsonl"}, "audit", "rotate", "--now")
	o.says([]string{"8 entries in 2 files"}, "audit", "verify", "--expect", head)
	if _, err := o.run("audit", "verify", "--expect", "6:00"); err == nil || errors.Is(err, errReported) {
		t.Errorf("half a head: %v", err)
	}
	out, err := o.run("audit", "verify", "--expect", strings.Replace(head, "6:", "5:", 1))
	if !errors.Is(err, errReported) || !strings.Contains(out, "WRONG: ") || !strings.Contains(out, ":5: entry 5 has the hash") {
		t.Errorf("%v:\n%s", err, out)
	}
	old := strings.TrimSuffix(file, ".jsonl") + ".0001.jsonl"
	b, err := os.ReadFile(old)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(old, []byte(strings.Replace(string(b), "keep-last", "keep-all", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err = o.run("audit", "verify", "--json")
	var got struct {
		OK       bool
		Problems []audit.Problem
	}
	if !errors.Is(err, errReported) || json.Unmarshal([]byte(out), &got) != nil || got.OK || len(got.Problems) != 1 || got.Problems[0].Line != 3 || got.Problems[0].File != old {
		t.Errorf("%v:\n%s", err, out)
	}
}

func TestAuditOfNothing(t *testing.T) {
	o := newOffice(t, "")
	o.says([]string{"nothing"}, "audit", "show")
	o.says([]string{"no entry yet"}, "audit", "verify")
	o.says([]string{"nothing to do"}, "audit", "rotate")
	if _, err := o.run("audit", "head"); err == nil {
		t.Error("an empty log has a head")
	}
}
