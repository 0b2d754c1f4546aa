package inside

import (
	"os"
	"path/filepath"
	"testing"
)

func TestProgram(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "text"), "x")
	write(t, filepath.Join(dir, "tool"), "#!/bin/sh\n")
	if err := os.Chmod(filepath.Join(dir, "tool"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", os.Getenv("PATH")) // which program changes
	for name, c := range map[string]struct {
		word   string
		status int // 0: it is found
	}{
		"by PATH":            {"tool", 0},
		"by its path":        {filepath.Join(dir, "tool"), 0},
		"not executable":     {filepath.Join(dir, "text"), statusCannotExecute},
		"a directory":        {dir, statusCannotExecute},
		"not in PATH":        {"no-such-tool", statusNotFound},
		"not at all":         {filepath.Join(dir, "nothing"), statusNotFound},
		"text by PATH alone": {"text", statusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			cmd, err := program(plan{Command: Command{Args: []string{c.word}, Env: []string{"PATH=/nowhere", "PATH=" + dir}}})
			switch {
			case err == nil && c.status != 0:
				t.Errorf("found as %s", cmd.Path)
			case err == nil && cmd.Path != filepath.Join(dir, "tool"):
				t.Errorf("it is %s", cmd.Path)
			case err != nil && statusOf(err) != c.status:
				t.Errorf("status %d, not %d (%v)", statusOf(err), c.status, err)
			}
		})
	}
}
