package nodecache

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"golang.org/x/sys/unix"
)

// keptLab is a directory with kept copies.
type keptLab struct {
	t   *testing.T
	dir string
}

// file is where the copy of i is.
func (l keptLab) file(i Image) string {
	return filepath.Join(l.dir, fmt.Sprint(os.Getuid()), i.id()+imageSuffix)
}

func (l keptLab) has(i Image) bool {
	_, err := os.Lstat(l.file(i))
	return err == nil
}

// open opens a copy in this process; copied says whether it was made.
func (l keptLab) open(i Image, limit int64) (file *os.File, copied bool, err error) {
	o := Options{Dir: l.dir, Keep: true, LimitBytes: limit, Progress: func(int64, int64) { copied = true }}
	file, err = Open(l.t.Context(), o, i)
	return file, copied, err
}

func TestKept(t *testing.T) {
	l := keptLab{t, t.TempDir()}
	i := makeImage(t, 6*testChunk+1, 20).image(t)
	first, copied, err := l.open(i, 0)
	if err != nil || !copied {
		t.Fatalf("the first: %v, copied %v", err, copied)
	}
	info, err := os.Stat(l.file(i))
	check(t, err)
	dir, err := os.Stat(filepath.Dir(l.file(i)))
	check(t, err)
	if info.Mode().Perm() != 0o400 || dir.Mode().Perm() != 0o700 || info.Size() != i.SizeBytes {
		t.Errorf("the copy has mode %v and %d bytes, its directory mode %v", info.Mode(), info.Size(), dir.Mode())
	}
	if _, err := first.WriteAt([]byte("x"), 0); err == nil {
		t.Error("the copy can be written")
	}
	first.Close()
	long := time.Now().Add(-time.Hour)
	check(t, os.Chtimes(l.file(i), long, long))
	second, copied, err := l.open(i, 0)
	if err != nil || copied {
		t.Errorf("the second: %v, copied %v", err, copied)
	}
	second.Close()
	if info, err := os.Stat(l.file(i)); err != nil || time.Since(info.ModTime()) > time.Minute {
		t.Error("the last use is not marked")
	}

	// A shorter file, as after a crash, and one that others could have written.
	for name, spoil := range map[string]func(string) error{
		"short":    func(f string) error { return os.Truncate(f, 5) },
		"writable": func(f string) error { return os.Chmod(f, 0o622) },
	} {
		check(t, os.Chmod(l.file(i), 0o600))
		check(t, spoil(l.file(i)))
		file, copied, err := l.open(i, 0)
		if err != nil || !copied {
			t.Errorf("with a %s file: %v, copied %v", name, err, copied)
		}
		file.Close()
	}

	check(t, os.Chmod(filepath.Dir(l.file(i)), 0o755))
	_, _, err = l.open(i, 0)
	var f *fault.Error
	if !errors.As(err, &f) || !errors.Is(err, ErrUntrusted) {
		t.Errorf("with a directory that others can read: %v", err)
	}
}

// TestLeastRecentlyUsed: to make room, what nobody uses goes, the longest unused
// first; what is used stays; and nothing goes in vain.
func TestLeastRecentlyUsed(t *testing.T) {
	l := keptLab{t, t.TempDir()}
	const each, limit = 4 * testChunk, 3*4*testChunk + 1
	var images []Image
	var files []*os.File
	for n := range 6 {
		images = append(images, makeImage(t, each, byte(30+n)).image(t))
	}
	for n := range 3 { // the copies 0, 1, 2, of which 0 is the oldest
		file, _, err := l.open(images[n], limit)
		check(t, err)
		files = append(files, file)
		used := time.Now().Add(time.Duration(n-10) * time.Minute)
		check(t, os.Chtimes(l.file(images[n]), used, used))
	}
	state := func() string {
		var s strings.Builder
		for n, i := range images {
			if l.has(i) {
				fmt.Fprint(&s, n)
			}
		}
		return s.String()
	}
	if _, _, err := l.open(images[3], limit); !errors.As(err, new(*RoomError)) || state() != "012" {
		t.Errorf("with all copies in use: %v, there are %s", err, state())
	}
	files[1].Close()
	files[2].Close()
	three, _, err := l.open(images[3], limit)
	if err != nil || state() != "023" {
		t.Errorf("the oldest in use, the others not: %v, there are %s, want 0 2 3", err, state())
	}
	defer three.Close()
	big := makeImage(t, 2*each, 40).image(t)
	if _, _, err := l.open(big, limit); !errors.As(err, new(*RoomError)) || state() != "023" {
		t.Errorf("for an image that cannot have room: %v, there are %s", err, state())
	}
	files[0].Close()
	if file, _, err := l.open(big, limit); err != nil || state() != "3" {
		t.Errorf("an image of the size of two: %v, there are %s, want 3", err, state())
	} else {
		file.Close()
	}
}

// TestKeptAcrossUses: a copy that is removed while it is read can be read on.
func TestKeptAcrossUses(t *testing.T) {
	l := keptLab{t, t.TempDir()}
	i := makeImage(t, 2*testChunk, 50).image(t)
	file, _, err := l.open(i, 0)
	check(t, err)
	defer file.Close()
	other, err := os.Open(l.file(i))
	check(t, err)
	defer other.Close()
	if err := unix.Flock(int(other.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
		t.Errorf("a copy in use can be locked: %v", err)
	}
	check(t, os.Remove(l.file(i)))
	if _, err := file.ReadAt(make([]byte, testChunk), 0); err != nil {
		t.Error(err)
	}
}
