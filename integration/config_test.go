//go:build e2e

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestConfig(t *testing.T) {
	s := freshSession(t)
	ownStore := s.store
	delete(s.env, "JRUN_STORE")
	s.env["BASE"] = s.dir
	if err := s.user.Mkdir(filepath.Join(s.dir, "data")); err != nil {
		t.Fatal(err)
	}
	s.write("data/file", "from the bind", 0o644)
	s.env["JRUN_CONFIG"] = s.write("jrun.toml", fmt.Sprintf(`
store = "$BASE/from-config"
default_registry = %q
binds = ["%s/data:/opt/data:ro", "/no/such/source"]
`, lab.registry.Host+"/demo", s.dir), 0o644)

	s.store = filepath.Join(s.dir, "from-config")
	if got := s.ok("run", "-q", "minimal:latest", "--", "sh", "-c", "cat /opt/data/file; touch /opt/data/new 2>/dev/null || echo ' read-only'"); got != "from the bind read-only" {
		t.Errorf("the configured bind shows %q", got)
	}
	if len(objects(s)) != 1 {
		t.Errorf("the image is not in the configured store")
	}

	// The environment wins over the file, a flag over both.
	s.setStore(ownStore)
	s.ok("pull", "-q", "static:latest")
	if len(objects(s)) != 1 {
		t.Error("JRUN_STORE did not win over jrun.toml")
	}
	s.store = filepath.Join(s.dir, "by-flag")
	s.ok("pull", "-q", "--store", s.store, "static:latest")
	if len(objects(s)) != 1 {
		t.Error("--store did not win over JRUN_STORE")
	}
}

func TestBadConfig(t *testing.T) {
	s := newSession(t)
	for _, c := range []struct{ name, text, about string }{
		{"unknown key", "stroe = \"/x\"\n", "stroe"},
		{"unknown table", "[registry]\nhost = \"x\"\n", "registry"},
		{"wrong type", "binds = \"/work\"\n", "bad.toml"},
		{"no TOML", "store = \n", "bad.toml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			s.env["JRUN_CONFIG"] = s.write("bad.toml", c.text, 0o644)
			s.run("images").wantFault(125, "bad.toml", c.about)
		})
	}
	s.t = t
	s.env["JRUN_CONFIG"] = filepath.Join(s.dir, "no-such.toml")
	s.run("images").wantFault(125, "no-such.toml")
	// The user's own file need not be named, nor exist.
	delete(s.env, "JRUN_CONFIG")
	s.env["XDG_CONFIG_HOME"] = s.dir
	s.ok("images")
	if err := os.Mkdir(filepath.Join(s.dir, "jrun"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.write("jrun/jrun.toml", "nonsense = 1\n", 0o644)
	s.run("images").wantFault(125, "nonsense")
}
