//go:build e2e

package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/integration/ordinary"
)

// patience is how long something may take before its test fails.
const patience = time.Minute

// slow is what somebody who watches would call so.
const slow = 3 * time.Second

// eventually waits until check is true.
func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if check() {
			return
		}
	}
	t.Fatalf("this did not happen within %s: %s", patience, what)
}

func check(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// account is a user of this machine with a home of the test's own.
type account struct {
	*ordinary.Account
	t    *testing.T
	env  map[string]string
	home string
}

// newAccount is the user of setup.sh with a name, whose home is below dir.
func newAccount(t *testing.T, dir, name string) *account {
	t.Helper()
	found, err := ordinary.Current(name)
	check(t, err)
	a := &account{Account: found, t: t, env: found.Environment(), home: filepath.Join(dir, name)}
	check(t, a.Mkdir(a.home), os.Chmod(a.home, 0o700))
	a.env["HOME"] = a.home
	a.env["XDG_RUNTIME_DIR"] = filepath.Join(a.home, "run") // what root's podman has left in /run is not for users
	return a
}

// write makes a file of the account's, which others cannot read.
func (a *account) write(path, content string) {
	a.t.Helper()
	check(a.t, os.WriteFile(path, []byte(content), 0o600), os.Chown(path, a.UID, a.GID))
}

// outcome is how a command ended.
type outcome struct {
	line           string
	code           int
	stdout, stderr string
}

func (o outcome) String() string {
	return fmt.Sprintf("%s\nended with status %d\nstdout: %s\nstderr: %s", o.line, o.code, o.stdout, o.stderr)
}

// command is a command line of the account's.
func (a *account) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	for _, key := range slices.Sorted(maps.Keys(a.env)) {
		cmd.Env = append(cmd.Env, key+"="+a.env[key])
	}
	cmd.Dir = a.home
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.Credential()}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// try runs a program to its end.
func (a *account) try(program string, args ...string) outcome {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), patience)
	defer cancel()
	cmd := a.command(ctx, program, args...)
	return run(a.t, cmd)
}

func run(t *testing.T, cmd *exec.Cmd) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	begun := time.Now()
	err := cmd.Run()
	if took := time.Since(begun); took > slow {
		t.Logf("%s: %s", took.Round(time.Millisecond), strings.Join(cmd.Args, " "))
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, errs.String())
	}
	return outcome{strings.Join(cmd.Args, " "), cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// ok runs a program that must succeed, and returns what it printed.
func (a *account) ok(program string, args ...string) string {
	a.t.Helper()
	o := a.try(program, args...)
	if o.code != 0 {
		a.t.Fatal(o)
	}
	return o.stdout
}

// says looks for words in what was printed.
func says(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("it does not say %q:\n%s", word, text)
		}
	}
}

// copyProgram copies a program of bin/ to where all accounts can reach it: the checkout
// may be in root's home.
func copyProgram(t *testing.T, name, dir string) string {
	t.Helper()
	in, err := os.Open(filepath.Join("..", "..", "bin", name))
	if err != nil {
		t.Fatalf("%v: run make build first", err)
	}
	defer in.Close()
	path := filepath.Join(dir, name)
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	check(t, err)
	_, err = io.Copy(out, in)
	check(t, err, out.Close())
	return path
}

// buildMoved builds the jadm whose clock can be put ahead.
func buildMoved(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "jadm-ahead")
	const tags = "containers_image_openpgp,exclude_graphdriver_btrfs,netgo,osusergo,movedclock"
	cmd := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-tags="+tags, "-o", path, "../../cmd/jadm")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building jadm with another clock: %v\n%s", err, out)
	}
	check(t, os.Chmod(path, 0o755))
	return path
}
