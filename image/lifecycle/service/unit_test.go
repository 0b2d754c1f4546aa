package service

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

func testUnit() Unit {
	return Unit{Program: "/usr/bin/env", Config: "/etc/jadm/jadm.toml", User: "daemon", State: "/var/lib/jadm", Store: "/shared/jrun", Memory: "1024M", Writable: []string{"/archive/jadm"}}
}

func TestUnit(t *testing.T) {
	var b strings.Builder
	check(t, testUnit().Write(&b))
	golden := filepath.Join("testdata", "jadm.service")
	if *update {
		check(t, os.WriteFile(golden, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	check(t, err)
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	elsewhere := testUnit()
	elsewhere.State, elsewhere.Store = "/srv/jadm", ""
	b.Reset()
	check(t, elsewhere.Write(&b))
	if text := b.String(); !strings.Contains(text, "ReadWritePaths=/srv/jadm\n") || strings.Contains(text, "StateDirectory") || strings.Contains(text, "RequiresMounts") {
		t.Errorf("with a state elsewhere it is\n%s", text)
	}
	for _, bad := range []string{"/a b", "/a\nExecStartPre=/bin/sh", "/a%n"} {
		u := testUnit()
		u.Store = bad
		if err := u.Write(&b); err == nil {
			t.Errorf("%q is written", bad)
		}
	}
}

// mostExposure is systemd's own measure: below 2 it says OK.
const mostExposure = 2.0

// TestUnitAsSystemdReadsIt asks systemd about the unit.
func TestUnitAsSystemdReadsIt(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd is not here")
	}
	file := filepath.Join(t.TempDir(), "jadm.service")
	var b strings.Builder
	check(t, testUnit().Write(&b))
	check(t, os.WriteFile(file, []byte(b.String()), 0o644))
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", file).CombinedOutput()
	if err != nil || strings.Contains(string(out), "jadm.service:") {
		t.Errorf("verify: %v\n%s", err, out)
	}
	out, err = exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=yes", file).CombinedOutput()
	if err != nil && !strings.Contains(string(out), "Overall exposure") {
		t.Skipf("this systemd cannot judge files: %v\n%s", err, out)
	}
	found := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(string(out))
	if found == nil {
		t.Fatalf("it says\n%s", out)
	}
	if exposure, err := strconv.ParseFloat(found[1], 64); err != nil || exposure > mostExposure {
		t.Errorf("the exposure is %s\n%s", found[1], out)
	}
	t.Log(found[0])
}
