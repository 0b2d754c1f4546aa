package nodecache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/presence"
	"github.com/jrun-hpc/jrun/runtime/rendezvous"
	"golang.org/x/sys/unix"
)

var noTest = context.Background() // of processes that are not the test

// smallDisk mounts a tmpfs, so that what a file without a name takes can be seen.
func smallDisk(t *testing.T, sizeBytes int) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: mounts a small tmpfs")
	}
	dir := t.TempDir()
	if err := unix.Mount("jrun-test", dir, "tmpfs", 0, fmt.Sprintf("mode=1777,size=%d", sizeBytes)); err != nil {
		t.Skipf("cannot mount a tmpfs: %v", err)
	}
	t.Cleanup(func() { check(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

func usedBlocks(t *testing.T, dir string) uint64 {
	t.Helper()
	var st unix.Statfs_t
	check(t, unix.Statfs(dir, &st))
	return st.Blocks - st.Bfree
}

// TestSharedByJobs: two jobs have the same copy, it lasts as long as the last of
// them, and holds the image with its holes.
func TestSharedByJobs(t *testing.T) {
	what := makeImage(t, 10*testChunk+5, 1).in(t.TempDir())
	i := what.image(t)
	first := startJob(t, os.Args[0], 0, what)
	a := first.answer()
	if a.Err != "" || !a.Copied || !a.Rights {
		t.Fatalf("the first job: %+v", a)
	}
	second := startJob(t, os.Args[0], 0, what)
	b := second.answer()
	if b.Err != "" || b.Copied || !b.Rights || b.Inode != a.Inode {
		t.Fatalf("the second job: %+v, the first: %+v", b, a)
	}
	first.end()
	third := startJob(t, os.Args[0], 0, what)
	if c := third.answer(); c.Copied || c.Inode != a.Inode {
		t.Errorf("after the end of the job that copied: %+v", c)
	}
	second.end()
	if n := len(keepers(t)); n != 1 {
		t.Errorf("%d keepers while a job runs", n)
	}
	third.kill()
	requireNothing(t, i, what.Options.Dir)
}

// TestOwner: the copy lasts as long as the job's first process, not as its
// commands.
func TestOwner(t *testing.T) {
	what := makeImage(t, 3*testChunk, 2).in(t.TempDir())
	script := startJob(t, os.Args[0], 0, task{Squat: fmt.Sprint("jrun-test/", os.Getpid())}) // any process
	script.answer()
	what.Options.Owners = []presence.Owner{ownerOf(t, script.cmd.Process.Pid)}
	command := startJob(t, os.Args[0], 0, what)
	a := command.answer()
	command.end()
	command = startJob(t, os.Args[0], 0, what)
	if b := command.answer(); b.Copied || a.Inode != b.Inode {
		t.Errorf("the second command of a job: %+v, the first: %+v", b, a)
	}
	command.end()
	script.kill()
	requireNothing(t, what.image(t), what.Options.Dir)
}

func ownerOf(t *testing.T, pid int) presence.Owner {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	check(t, err)
	fields := strings.Fields(string(text[strings.LastIndex(string(text), ")")+1:]))
	owner, err := presence.Parse(fmt.Sprintf("%s.%d.%s", presence.Machine(), pid, fields[19]))
	check(t, err)
	return owner
}

// TestKilled: whoever is killed, in whatever order, the room is free again.
func TestKilled(t *testing.T) {
	dir := smallDisk(t, 8<<20)
	what := makeImage(t, 20*testChunk, 3).in(dir)
	i := what.image(t)
	before := usedBlocks(t, dir)

	j := startJob(t, os.Args[0], 0, what)
	a := j.answer()
	if usedBlocks(t, dir) == before || a.Err != "" {
		t.Fatalf("the copy is not on the disk: %+v", a)
	}
	check(t, syscall.Kill(keepers(t)[0], syscall.SIGKILL))
	eventually(t, "the killed keeper's socket is gone", func() bool { return len(socketsOf(t, i)) == 0 })
	if usedBlocks(t, dir) == before {
		t.Error("the job's copy is gone with the keeper")
	}
	again := startJob(t, os.Args[0], 0, what)
	if b := again.answer(); !b.Copied || !b.Rights {
		t.Errorf("after the keeper was killed: %+v", b)
	}
	j.end()
	check(t, syscall.Kill(keepers(t)[0], syscall.SIGTERM)) // is not for it
	for _, pid := range append(keepers(t), again.cmd.Process.Pid) {
		check(t, syscall.Kill(pid, syscall.SIGKILL))
	}
	again.kill()
	eventually(t, "the room is free again", func() bool { return usedBlocks(t, dir) == before })
	requireNothing(t, i, dir)
}

// TestOtherUser: others get nothing from a keeper, and by taking its name they
// only make the next number be used.
func TestOtherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: runs a process of another user")
	}
	const nobody = 65534
	what := makeImage(t, 2*testChunk, 4).in(t.TempDir())
	program := filepath.Join(filepath.Dir(what.Source), "test")
	binary, err := os.ReadFile(os.Args[0])
	check(t, err)
	check(t, os.WriteFile(program, binary, 0o755)) //nolint:gosec // another user runs it
	stem, err := socketStem(what.image(t))
	check(t, err)

	squatter := startJob(t, program, nobody, task{Squat: stem})
	if a := squatter.answer(); a.Err != "" {
		t.Fatalf("the squatter: %+v", a)
	}
	owner := startJob(t, os.Args[0], 0, what)
	if a := owner.answer(); !a.Rights || !a.Copied {
		t.Errorf("with a name that another user took: %+v", a)
	}
	if n := unnamedBytes("x"); n != 2*testChunk {
		t.Errorf("copies of this user take %d bytes, want those of one image, not of the squatter", n)
	}
	intruder := startJob(t, program, nobody, task{Intrude: stem + "/1"})
	if a := intruder.answer(); a.Err != rendezvous.ErrGone.Error() {
		t.Errorf("another user asked the keeper: %+v", a)
	}
	squatter.end()
	owner.end()
	requireNothing(t, what.image(t), what.Options.Dir)
}

// TestManyAtOnce: processes that start together make one copy.
func TestManyAtOnce(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprint("keep ", keep), func(t *testing.T) {
			what := makeImage(t, 40*testChunk, 5).in(t.TempDir())
			what.Options.Keep = keep
			var jobs []*job
			for range 16 {
				jobs = append(jobs, startJob(t, os.Args[0], 0, what))
			}
			copies, inodes := 0, map[uint64]bool{}
			for _, j := range jobs {
				a := j.answer()
				if a.Err != "" || !a.Rights {
					t.Errorf("one of them: %+v", a)
				}
				if inodes[a.Inode] = true; a.Copied {
					copies++
				}
			}
			if copies != 1 || len(inodes) != 1 {
				t.Errorf("%d copies were made, %d files are read", copies, len(inodes))
			}
			for _, j := range jobs {
				j.end()
			}
			if !keep {
				requireNothing(t, what.image(t), what.Options.Dir)
			}
		})
	}
}

// TestTakingOver: those who wait for a process that dies while it copies make the
// copy themselves; if it fails, they do not try the same.
func TestTakingOver(t *testing.T) {
	what := makeImage(t, 2*testChunk, 6).in(t.TempDir())
	i := what.image(t)
	stem, err := socketStem(i)
	check(t, err)
	_, listener, err := rendezvous.Meet(t.Context(), stem)
	check(t, err)
	j := startJob(t, os.Args[0], 0, what)
	conn, err := listener.AcceptUnix() // it waits now
	check(t, err)
	_, err = io.ReadAll(conn)
	check(t, err)
	listener.Close()
	conn.Close()
	if a := j.answer(); !a.Copied || !a.Rights {
		t.Errorf("after the death of the one that copied: %+v", a)
	}
	j.end()
	requireNothing(t, i, what.Options.Dir)

	_, listener, err = rendezvous.Meet(t.Context(), stem)
	check(t, err)
	defer listener.Close()
	j = startJob(t, os.Args[0], 0, what)
	listening, err := listener.File()
	check(t, err)
	defer listening.Close()
	_, err = unix.Poll([]unix.PollFd{{Fd: int32(listening.Fd()), Events: unix.POLLIN}}, 10_000) // until it has connected
	check(t, err)
	refuse(listener, errors.New("no luck"))
	if a := j.answer(); !strings.Contains(a.Err, "no luck") || a.Copied {
		t.Errorf("after the one that copied gave up: %+v", a)
	}
}

// TestInterrupted: Ctrl-C ends the waiting.
func TestInterrupted(t *testing.T) {
	what := makeImage(t, testChunk, 7).in(t.TempDir())
	i := what.image(t)
	stem, err := socketStem(i)
	check(t, err)
	_, listener, err := rendezvous.Meet(t.Context(), stem)
	check(t, err)
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	o := what.Options.options()
	o.Waiting = cancel
	if _, err := Open(ctx, o, i); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}

func TestLimit(t *testing.T) {
	dir := t.TempDir()
	one, other := makeImage(t, 4*testChunk, 8).in(dir), makeImage(t, 4*testChunk, 9).in(dir)
	one.Options.LimitBytes, other.Options.LimitBytes = 7*testChunk, 7*testChunk
	j := startJob(t, os.Args[0], 0, one)
	if a := j.answer(); a.Err != "" {
		t.Fatalf("the first: %+v", a)
	}
	k := startJob(t, os.Args[0], 0, other)
	if a := k.answer(); !strings.Contains(a.Err, "other copies take") || a.Fault {
		t.Errorf("the second, for which there is no room: %+v", a)
	}
	other.Options.LimitBytes = 8 * testChunk
	l := startJob(t, os.Args[0], 0, other)
	if a := l.answer(); !a.Copied {
		t.Errorf("the second, with room for both: %+v", a)
	}
}

func TestFits(t *testing.T) {
	for _, c := range []struct {
		name                    string
		need, used, limit, free int64
		ok                      bool
	}{
		{"fits", 5, 5, 10, 5, true},
		{"over the limit", 6, 5, 10, 100, false},
		{"disk too small", 6, 0, 10, 5, false},
		{"half of what is free", 5, 0, 0, 10, true},
		{"more than half", 6, 0, 0, 10, false},
		{"half, with others", 3, 4, 0, 10, true},
		{"more than half, with others", 4, 4, 0, 10, false},
	} {
		err := fits(c.need, c.used, c.limit, c.free)
		var room *RoomError
		if (err == nil) != c.ok || err != nil && !errors.As(err, &room) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestNoSpace: a disk that is full, or becomes full, costs the copy only.
func TestNoSpace(t *testing.T) {
	dir := smallDisk(t, 8*testChunk)
	what := makeImage(t, 30*testChunk, 10).in(dir)
	i := what.image(t)
	before := usedBlocks(t, dir)
	var room *RoomError
	if file, err := Open(t.Context(), what.Options.options(), i); file != nil || !errors.As(err, &room) {
		t.Errorf("a disk that is too small: %v", err)
	}
	d, err := openDirectory(dir)
	check(t, err)
	defer d.close()
	tmp, err := d.create()
	check(t, err)
	if err := i.copyTo(t.Context(), tmp.File, nil); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("a disk that becomes full: %v", err)
	}
	tmp.discard()
	if usedBlocks(t, dir) != before {
		t.Error("something of the copy is left")
	}
	requireNothing(t, i, dir)
}

// TestDamage: what storage delivers is compared with the sums.
func TestDamage(t *testing.T) {
	what := makeImage(t, 5*testChunk, 11).in(t.TempDir())
	f, err := os.OpenFile(what.Source, os.O_RDWR, 0)
	check(t, err)
	defer f.Close()
	for _, at := range []int64{0, testChunk, 5*testChunk - 1} { // the second is in a hole
		var b [1]byte
		_, err = f.ReadAt(b[:], at)
		check(t, err)
		_, err = f.WriteAt([]byte{b[0] ^ 4}, at)
		check(t, err)
		file, err := Open(t.Context(), what.Options.options(), what.image(t))
		var known *fault.Error
		if file != nil || !errors.As(err, &known) || known.Next == "" {
			t.Errorf("with a changed byte at %d: %v", at, err)
		}
		_, err = f.WriteAt(b[:], at)
		check(t, err)
	}
	i := what.image(t)
	check(t, f.Truncate(5*testChunk-1))
	if file, err := Open(t.Context(), what.Options.options(), i); file != nil || err == nil {
		t.Errorf("a shorter file: %v", err)
	}
	i.BLAKE3 = i.BLAKE3[1:]
	if _, err := Open(t.Context(), what.Options.options(), i); !errors.Is(err, ErrNoSums) {
		t.Errorf("without sums: %v", err)
	}
	requireNothing(t, i, what.Options.Dir)
}
