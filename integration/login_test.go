//go:build e2e

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLogin: a person logs in on a terminal and uses a private image; jobs in
// whose environment there is no session find the login, too.
func TestLogin(t *testing.T) {
	s := freshSession(t)
	s.env["XDG_CONFIG_HOME"] = filepath.Join(s.dir, "config")
	s.env["USER"] = "nobody-there"
	host := lab.private.Host
	file := filepath.Join(s.dir, "config", "containers", "auth.json")

	term := s.startOnTerminal("login", host)
	term.expect("User [nobody-there]: ")
	term.typeKeys(registryUser + "\n")
	term.expect("Password of " + registryUser)
	term.typeKeys("half a pass\x03")
	term.end().want(130)
	if _, err := os.Stat(file); err == nil {
		t.Fatal("an interrupted login was kept")
	}

	term = s.startOnTerminal("login", "-u", registryUser, host)
	term.expect("Password of " + registryUser)
	term.typeKeys(registryPassword + "\n")
	if screen := term.end().want(0).stdout; !strings.Contains(screen, "kept in "+file) || strings.Contains(screen, registryPassword) {
		t.Errorf("on the screen: %q", screen)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	s.ok("pull", host+"/secret/static:latest")

	s.stdin = strings.NewReader("wrong\n")
	s.run("login", "-u", registryUser, "--password-stdin", host).wantFault(125, "does not accept", host)
	s.stdin = nil
	if out := s.ok("logout", host); !strings.Contains(out, file) {
		t.Errorf("logout said %q", out)
	}
	s.run("pull", host+"/secret/static:latest").wantFault(125, "jrun login "+host)
}
