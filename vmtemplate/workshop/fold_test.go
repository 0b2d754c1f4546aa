package workshop

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/integration/campaign"
	"github.com/jrun-hpc/jrun/vmtemplate/recipe"
)

// records are a shell's record and the workspace's, in a directory of their own.
type records struct {
	*testing.T
	raw, own string
}

func newRecords(t *testing.T) records {
	dir := t.TempDir()
	return records{t, filepath.Join(dir, "run", "w"), filepath.Join(dir, "record")}
}

func (r records) check(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// typed begins a shell's record with some commands.
func (r records) typed(commands ...string) {
	r.Helper()
	r.check(beginRecord(r.raw))
	f, err := os.OpenFile(r.raw, os.O_WRONLY|os.O_APPEND, 0)
	r.check(err)
	defer f.Close()
	for i, c := range commands {
		r.check(recipe.Append(f, recipe.Command{Text: c, Dir: "/", After: "/", Start: time.Unix(int64(i), 0), End: time.Unix(int64(i), 1), Ended: true}))
	}
}

// is says what the workspace's record must be; the shell's is gone.
func (r records) is(want ...string) {
	r.Helper()
	r.check(fold(r.raw, r.own))
	f, err := os.Open(r.own)
	r.check(err)
	defer f.Close()
	all, err := recipe.Parse(f)
	r.check(err)
	var got []string
	for _, c := range all.Commands {
		got = append(got, c.Text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.Errorf("commands (-want +got):\n%s", diff)
	}
	for _, file := range []string{r.raw, r.own + ".new"} {
		if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
			r.Errorf("%s is still there: %v", file, err)
		}
	}
}

// TestFoldedOnce: whatever a kill leaves of the two records, each command stands once in
// the workspace's.
func TestFoldedOnce(t *testing.T) {
	read := func(r records, file string) []byte {
		b, err := os.ReadFile(file)
		r.check(err)
		return b
	}
	for name, killed := range map[string]func(records){
		"before": func(records) {},
		"while the next record is written": func(r records) {
			old, raw := read(r, r.own), read(r, r.raw)
			r.check(fold(r.raw, r.own))
			next := read(r, r.own)
			r.check(errors.Join(os.WriteFile(r.own, old, 0o600), os.WriteFile(r.raw, raw, 0o600), os.WriteFile(r.own+".new", next[:len(next)-20], 0o600)))
		},
		"when it is written": func(r records) {
			old, raw := read(r, r.own), read(r, r.raw)
			r.check(fold(r.raw, r.own))
			r.check(errors.Join(os.Rename(r.own, r.own+".new"), os.WriteFile(r.own, old, 0o600), os.WriteFile(r.raw, raw, 0o600)))
		},
		"when it has its name": func(r records) {
			raw := read(r, r.raw)
			r.check(fold(r.raw, r.own))
			r.check(os.WriteFile(r.raw, raw, 0o600))
		},
		"afterwards": func(r records) { r.check(fold(r.raw, r.own)) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRecords(t)
			r.typed("a", "b")
			r.is("a", "b")
			r.typed("c", "d")
			killed(r)
			r.is("a", "b", "c", "d")
			r.typed("c", "d") // the same, typed again, is no repetition
			r.is("a", "b", "c", "d", "c", "d")
		})
	}
}

// TestFoldedWithoutABeginning: of what a program inside has taken the first line away
// from, and of what an older jbuild began, everything is kept.
func TestFoldedWithoutABeginning(t *testing.T) {
	r := newRecords(t)
	r.typed("a")
	r.is("a")
	r.typed("b")
	raw, err := os.ReadFile(r.raw)
	r.check(err)
	_, rest, _ := bytes.Cut(raw, []byte(".\n"))
	r.check(os.WriteFile(r.raw, rest, 0o600))
	r.is("a", "b")
}

// childRecords names the directory in which a process of TestFoldKilled folds.
const childRecords = "JRUN_TEST_FOLD"

// TestFoldKilled kills processes (SIGKILL) at random moments while they fold.
func TestFoldKilled(t *testing.T) {
	if dir := os.Getenv(childRecords); dir != "" {
		for { // until the parent ends it
			if err := fold(filepath.Join(dir, "run", "w"), filepath.Join(dir, "record")); err != nil {
				t.Fatal(err)
			}
		}
	}
	random := campaign.Random(t)
	r := newRecords(t)
	var want []string
	for i := range 20 {
		child := exec.Command(os.Args[0], "-test.run=^TestFoldKilled$")
		child.Env = append(os.Environ(), childRecords+"="+filepath.Dir(r.own))
		r.check(child.Start())
		for end := time.Now().Add(time.Duration(random.Int64N(int64(60 * time.Millisecond)))); time.Now().Before(end); {
			if _, err := os.Lstat(r.raw); errors.Is(err, fs.ErrNotExist) {
				c := "echo " + strconv.Itoa(i) + strings.Repeat(" x", random.IntN(2000))
				want = append(want, c)
				next := records{t, r.raw + ".next", r.own}
				next.typed(c)
				r.check(os.Rename(next.raw, r.raw))
			}
		}
		r.check(child.Process.Kill())
		_ = child.Wait()
	}
	r.is(want...)
}
