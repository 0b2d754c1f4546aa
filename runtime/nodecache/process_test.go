package nodecache

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/presence"
	"github.com/jrun-hpc/jrun/runtime/rendezvous"
	"github.com/zeebo/blake3"
)

// asUser makes the test binary open a copy, as jrun does, say how that went, and
// then be the job until its standard input ends.
const asUser = "JRUN_TEST_NODECACHE"

// task is what it is told.
type task struct {
	Options settings
	Source  string
	Sums    []byte
	Intrude string // the name of a socket of another user, whose copy is wanted
	Squat   string // a name to take
}

// settings are the Options that can be written down.
type settings struct {
	Dir        string
	LimitBytes int64
	Keep       bool
	Owners     []presence.Owner
}

func (s settings) options() Options {
	return Options{Dir: s.Dir, LimitBytes: s.LimitBytes, Keep: s.Keep, Owners: s.Owners}
}

// answer is what it says.
type answer struct {
	Err    string
	Fault  bool
	Inode  uint64
	Copied bool
	Waited bool
	Rights bool // it can be read only, and holds the image
}

func TestMain(m *testing.M) {
	if status, isStage := RunStage(); isStage {
		os.Exit(status)
	}
	if text := os.Getenv(asUser); text != "" {
		os.Exit(beUser(text))
	}
	os.Exit(m.Run())
}

func beUser(text string) int {
	var t task
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		fmt.Println(err)
		return 1
	}
	var a answer
	var err error
	var file io.Closer
	switch {
	case t.Intrude != "":
		err = intrude(t.Intrude)
	case t.Squat != "":
		_, file, err = rendezvous.Meet(noTest, t.Squat)
	default:
		t.Options.Owners = append(t.Options.Owners, presence.Self())
		file, err = openAs(t, &a)
	}
	if err != nil {
		a.Err = err.Error()
		var f *fault.Error
		a.Fault = errors.As(err, &f)
	}
	if err := json.NewEncoder(os.Stdout).Encode(a); err != nil {
		return 1
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = file
	return 0
}

func openAs(t task, a *answer) (io.Closer, error) {
	source, err := os.Open(t.Source)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return nil, err
	}
	o := t.Options.options()
	o.Progress = func(done, all int64) { a.Copied = done == all }
	o.Waiting = func() { a.Waited = true }
	i := Image{Name: "image", File: source, SizeBytes: info.Size(), ChunkBytes: testChunk, BLAKE3: t.Sums}
	file, err := Open(noTest, o, i)
	if err != nil {
		return nil, err
	}
	info, err = file.Stat()
	if err != nil {
		return nil, err
	}
	a.Inode = info.Sys().(*syscall.Stat_t).Ino
	_, writeErr := file.WriteAt([]byte("x"), 0)
	got, readErr := io.ReadAll(file)
	want, err := os.ReadFile(t.Source)
	a.Rights = errors.Is(writeErr, syscall.EBADF) && readErr == nil && err == nil && slices.Equal(got, want)
	return file, nil
}

// intrude asks another user's keeper for its copy.
func intrude(name string) error {
	conn, err := rendezvous.Dial(noTest, "@"+name)
	if err != nil {
		return err
	}
	defer conn.Close()
	text, err := json.Marshal(request{[]presence.Owner{presence.Self()}})
	if err != nil {
		return err
	}
	_, _ = conn.Write(text) // fails if it was thrown out already
	_ = conn.CloseWrite()
	files, err := rendezvous.Receive(conn, &reply{})
	if err != nil {
		return err
	}
	return fmt.Errorf("got %d files", len(files))
}

// job is such a process.
type job struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	out   *bufio.Reader
}

// startJob starts one as uid, or as this user if that is 0.
func startJob(t *testing.T, binary string, uid uint32, what task) *job {
	t.Helper()
	text, err := json.Marshal(what)
	check(t, err)
	j := &job{t: t, cmd: exec.CommandContext(t.Context(), binary)}
	j.cmd.Env = []string{asUser + "=" + string(text)}
	j.cmd.Dir = "/"
	j.cmd.Stderr = os.Stderr
	j.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if uid != 0 {
		j.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: uid}
	}
	stdin, err := j.cmd.StdinPipe()
	check(t, err)
	stdout, err := j.cmd.StdoutPipe()
	check(t, err)
	j.stdin, j.out = stdin, bufio.NewReader(stdout)
	check(t, j.cmd.Start())
	t.Cleanup(j.end)
	return j
}

// answer is what the job says when it has its copy.
func (j *job) answer() answer {
	j.t.Helper()
	line, err := j.out.ReadString('\n')
	check(j.t, err)
	var a answer
	check(j.t, json.Unmarshal([]byte(line), &a))
	return a
}

// end lets the job end and waits for that.
func (j *job) end() {
	_ = j.stdin.Close()
	_ = j.cmd.Wait()
}

func (j *job) kill() {
	_ = j.cmd.Process.Kill()
	_ = j.cmd.Wait()
}

// keepers are the keepers of this test binary that run.
func keepers(t *testing.T) []int {
	t.Helper()
	self, err := os.Readlink("/proc/self/exe")
	check(t, err)
	dirs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	check(t, err)
	var found []int
	for _, file := range dirs {
		line, _ := os.ReadFile(file)
		exe, _ := os.Readlink(filepath.Dir(file) + "/exe")
		var pid int
		_, _ = fmt.Sscanf(file, "/proc/%d/", &pid)
		if exe == self && strings.HasPrefix(string(line), stageKeeper+"\x00"+stepStay+"\x00") {
			found = append(found, pid)
		}
	}
	return found
}

// testImage is a file with sums.
const testChunk = 64 << 10

func makeImage(t *testing.T, size int, seed byte) task {
	t.Helper()
	dir, err := os.MkdirTemp("", "jrun-nodecache-test") // t.TempDir is closed to other users
	check(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	check(t, os.Chmod(dir, 0o755))
	b := make([]byte, size)
	for i := range b {
		if i/testChunk%3 != 1 { // every third chunk is empty
			b[i] = byte(i*7+i>>8) ^ seed
		}
	}
	what := task{Source: filepath.Join(dir, "image")}
	check(t, os.WriteFile(what.Source, b, 0o644)) //nolint:gosec // another user reads it
	for ; len(b) > 0; b = b[min(testChunk, len(b)):] {
		sum := blake3.Sum256(b[:min(testChunk, len(b))])
		what.Sums = append(what.Sums, sum[:]...)
	}
	return what
}

// image is the image of a task, for use in this process.
func (w task) image(t *testing.T) Image {
	t.Helper()
	f, err := os.Open(w.Source)
	check(t, err)
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	check(t, err)
	return Image{Name: "image", File: f, SizeBytes: info.Size(), ChunkBytes: testChunk, BLAKE3: w.Sums}
}

func (w task) in(dir string) task {
	w.Options.Dir = dir
	return w
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until what is true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("this did not happen within 10 s: %s", what)
		}
	}
}

// sockets of copies that are there.
func socketsOf(t *testing.T, i Image) []string {
	t.Helper()
	stem, err := socketStem(i)
	check(t, err)
	return rendezvous.Names(stem + "/")
}

// requireNothing checks that no keeper and no socket is left.
func requireNothing(t *testing.T, i Image, dir string) {
	t.Helper()
	eventually(t, "the keeper and its socket are gone", func() bool { return len(keepers(t))+len(socketsOf(t, i)) == 0 })
	entries, err := os.ReadDir(dir)
	check(t, err)
	if len(entries) != 0 {
		t.Errorf("%d files are left behind: %v", len(entries), entries)
	}
}
