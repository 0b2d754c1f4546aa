//go:build e2e

package builder

import "testing"

// TestKeys: what is typed is shown before its line has ended, and Ctrl-C gives it up, in
// a shell that apt has just used the terminal of.
func TestKeys(t *testing.T) {
	s := newSession(t, lab.plain)
	s.run("new", "--base", ref(base), "--name", "w").ok()
	sh := s.startShell("w")
	sh.types(lab.packages.Use())
	for range 3 {
		sh.types("apt-get install -y --reinstall jlib")
		sh.types("touch /opt/never\x03")
	}
	sh.exits()
	s.run("run", "w", "--", "test", "!", "-e", "/opt/never").ok()
}
