//go:build e2e

package integration

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/runtime/launch"
)

// TestExplain: what is explained is what a run does, and nothing runs.
func TestExplain(t *testing.T) {
	s := newSession(t)
	s.user.Mkdir(s.dir + "/data")
	s.write("jrun.toml", "binds = [\""+s.dir+"/data:/site\"]\n", 0o644)
	s.env["JRUN_CONFIG"], s.env["PYTHONPATH"] = s.dir+"/jrun.toml", "/host/python"
	args := []string{"-B", s.dir + "/data:/mine:ro", "-e", "OWN=value", "-w", "/tmp", ref(configured), "touch", s.dir + "/ran"}
	var e launch.Explanation
	if err := json.Unmarshal([]byte(s.ok(append([]string{"explain", "--json"}, args...)...)), &e); err != nil {
		t.Fatal(err)
	}
	if !e.Fits || e.Dir != "/tmp" || len(e.Command) != 2 || !strings.HasPrefix(e.Digest, "sha256:") {
		t.Errorf("got %+v", e)
	}
	rules := map[string]string{}
	for _, item := range e.Items {
		rules[item.Inside] = item.Rule
		if item.Why == "" || item.Rule == "" {
			t.Errorf("nothing says why %+v", item)
		}
	}
	for inside, rule := range map[string]string{
		"/mine": "--bind " + s.dir + "/data:/mine:ro", "/site": "binds in jrun.toml", "OWN": "--env", "FROM_IMAGE": "ENV of the image",
		"PYTHONPATH": "never passed on", s.user.Home: "always shown", "JRUN_DIGEST": "always set",
	} {
		if !strings.Contains(rules[inside], rule) {
			t.Errorf("%s is there by %q, want %q", inside, rules[inside], rule)
		}
	}
	text := s.ok(append([]string{"run", "--dry-run"}, args...)...)
	if !strings.Contains(text, "verdict    it fits") || !strings.Contains(text, s.dir+"/data -> /mine (read-only)") {
		t.Errorf("as text:\n%s", text)
	}
	if _, err := os.Stat(s.dir + "/ran"); err == nil {
		t.Error("the command has been run")
	}
	s.env["PYTHONPATH"] = "\x1b[2J"
	if text := s.ok("explain", ref(minimal)); strings.Contains(text, "\x1b") {
		t.Errorf("the explanation controls the terminal: %q", text)
	}
	if _, err := os.Stat("/dev/nvidiactl"); err == nil {
		t.Skip("this machine has a GPU, so that asking for one is not refused")
	}
	r := s.run("explain", "--gpu", "all", ref(minimal)).want(125)
	if !strings.Contains(r.stdout, "refused    GPU: ") || !strings.Contains(r.stdout, "verdict    it does not fit") {
		t.Errorf("without a GPU:\n%s", r.stdout)
	}
	s.run("run", "--gpu", "all", ref(minimal), "true").wantFault(125, "gpu")
	s.run("explain", "-B", "/no/such/place", ref(minimal)).wantFault(125, "/no/such/place")
}
