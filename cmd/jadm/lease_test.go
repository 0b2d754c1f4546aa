package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/image/lifecycle/vmlease"
)

// newLeases makes an office with two VMs, of which one ends soon with something on it.
func newLeases(t *testing.T) *office {
	t.Helper()
	o := newOffice(t, "[lease]\nsource = \"csv\"\nfile = \"leases.csv\"\nextend_command = [\"/bin/false\", \"{vm}\"]\nextend_most = 1\nwarn_days = [7]\n")
	now := time.Now()
	o.write("leases.csv", fmt.Sprintf("vm,owner,ends\nvm-1,u001,%s\nvm-2,u002,%s\nvm-3,,\n", now.Add(50*time.Hour).Format(time.RFC3339), now.Add(1000*time.Hour).Format(time.RFC3339)))
	reports := vmlease.OpenReports(state.Open(o.path("state")))
	for _, r := range []vmlease.Report{
		{User: "u001", Host: "vm-1.example.ac.jp", Machine: "a", Received: now, Workspaces: []vmlease.Workspace{{Name: "cfd"}, {Name: "r"}}},
		{User: "u002", Host: "vm-2", Machine: "b", Received: now},
		{User: "u003", Host: "laptop", Machine: "c", Received: now.AddDate(-1, 0, 0)},
	} {
		if err := reports.Put(r); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func TestLeaseList(t *testing.T) {
	o := newLeases(t)
	out := o.says([]string{"vm-1", "u001: cfd r", "2 d", "41 d", "nothing", "never", "no report"}, "lease", "list")
	if strings.Index(out, "vm-1") > strings.Index(out, "vm-2") || strings.Index(out, "vm-2") > strings.Index(out, "vm-3") {
		t.Errorf("the order is:\n%s", out)
	}
	var got []vmlease.Standing
	if err := json.Unmarshal([]byte(o.says(nil, "lease", "list", "--json")), &got); err != nil || len(got) != 3 || got[0].Lost() != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestLeaseWarn(t *testing.T) {
	o := newLeases(t)
	o.says([]string{"u001 (vm-1, ends ", "2 not uploaded) would be written to"}, "lease", "warn", "--dry-run")
	if _, err := o.run("lease", "warn"); err == nil || !strings.Contains(err.Error(), "people") {
		t.Errorf("without people: %v", err)
	}
	o.write("people.csv", "id,name,mail\nu001,Hanako,u001@example.ac.jp\n")
	o.add("[people]\ncsv = \"people.csv\"\n[mail]\ndirectory = \"letters\"\n")
	o.says([]string{"was written to"}, "lease", "warn")
	o.says([]string{"nobody has to be written to"}, "lease", "warn")
	letters, err := filepath.Glob(o.path("letters/*"))
	if err != nil || len(letters) != 1 {
		t.Fatalf("letters are %v, %v", letters, err)
	}
	if text, err := os.ReadFile(letters[0]); err != nil || !strings.Contains(string(text), "u001@example.ac.jp") || !strings.Contains(string(text), "cfd") {
		t.Errorf("the letter is %s, %v", text, err)
	}
	o.says([]string{time.Now().Local().Format(time.DateOnly)}, "lease", "list")
}

func TestLeaseSweep(t *testing.T) {
	o := newLeases(t)
	o.says([]string{"would be extended until", "would be forgotten: the report of u003 from laptop"}, "lease", "sweep", "-n")
	out, err := o.run("lease", "sweep")
	if err == nil || !strings.Contains(err.Error(), "extending the lease of vm-1: exit status 1") || !strings.Contains(out, "forgotten: the report of u003") {
		t.Errorf("%v:\n%s", err, out)
	}
	if out := o.says([]string{"lease.extend", "lease.forget", "failed"}, "audit", "show"); strings.Count(out, "\n") != 3 {
		t.Errorf("acts are:\n%s", out)
	}
	o.write("leases.csv", "vm,owner,ends\n")
	if _, err := o.run("lease", "sweep"); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("a list that is empty all at once: %v", err)
	}
}

func TestLeaseMistakes(t *testing.T) {
	o := newOffice(t, "")
	for _, command := range []string{"list", "warn", "sweep"} {
		if _, err := o.run("lease", command, "--dry-run"); err == nil || !strings.Contains(err.Error(), "no lease.source") {
			t.Errorf("%s without a source: %v", command, err)
		}
	}
	o = newOffice(t, "[lease]\nsource = \"csv\"\nfile = \"none.csv\"\nca_file = \"none.pem\"\n")
	if _, err := o.run("lease", "list"); err == nil || errors.Is(err, errReported) {
		t.Errorf("without certificates: %v", err)
	}
}
