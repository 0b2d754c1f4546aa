package nfslike

import (
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestStaleHandles(t *testing.T) {
	for what, remove := range map[string]func(l *lab){
		"removed":  func(l *lab) { must(l, os.Remove(l.a.path("f"))) },
		"replaced": func(l *lab) { l.replace(l.a, "f", "new") },
	} {
		for _, stale := range []bool{true, false} {
			t.Run(what+map[bool]string{true: ", stale", false: ", kept"}[stale], func(t *testing.T) {
				l := newLab(t, Options{AttrDelay: attrDelay, StaleHandles: stale})
				l.write(l.a, "f", "old")
				f := l.open(l.b, "f", os.O_RDONLY)
				if got := l.at(f, 3); got != "old" {
					t.Fatalf("read %q", got)
				}
				remove(l)
				time.Sleep(attrDelay + tick)
				_, readErr := f.ReadAt(make([]byte, 3), 0)
				_, statErr := f.Stat()
				if !stale {
					must(t, readErr)
					must(t, statErr)
					return
				}
				is(t, readErr, syscall.ESTALE)
				is(t, statErr, syscall.ESTALE)
			})
		}
	}
	t.Run("written data is lost, and close says so", func(t *testing.T) {
		l := newLab(t, Options{StaleHandles: true})
		f := l.open(l.b, "f", os.O_WRONLY|os.O_CREATE)
		_, err := f.WriteString("data")
		must(t, err)
		must(t, os.Remove(l.a.path("f")))
		is(t, f.Close(), syscall.ESTALE)
	})
	t.Run("directory", func(t *testing.T) {
		l := newLab(t, Options{AttrDelay: time.Hour, StaleHandles: true})
		must(t, os.Mkdir(l.a.path("d"), 0o755))
		if !exists(l.b.path("d")) {
			t.Fatal("not there")
		}
		must(t, os.Remove(l.a.path("d")))
		_, err := os.Create(l.b.path("d/f"))
		is(t, err, syscall.ENOENT) // after ESTALE, the path is walked again
	})
}

func silly(t *testing.T, n *Node) []string {
	t.Helper()
	return slices.DeleteFunc(names(t, n.Dir()), func(name string) bool { return !strings.HasPrefix(name, ".nfs") })
}

func TestSillyRename(t *testing.T) {
	for what, remove := range map[string]func(l *lab){
		"unlink": func(l *lab) { must(l, os.Remove(l.a.path("f"))) },
		"rename": func(l *lab) { l.replace(l.a, "f", "new") },
	} {
		t.Run(what, func(t *testing.T) {
			l := newLab(t, Options{StaleHandles: true})
			l.write(l.a, "f", "old")
			f := l.open(l.a, "f", os.O_RDWR)
			remove(l)
			for _, n := range []*Node{l.a, l.b} {
				if got := silly(t, n); len(got) != 1 {
					t.Fatalf("names left: %q", names(t, n.Dir()))
				}
			}
			if got := l.at(f, 3); got != "old" {
				t.Errorf("the open file reads %q", got)
			}
			_, err := f.WriteString("more")
			must(t, err)
			is(t, os.Remove(l.a.path(silly(t, l.a)[0])), syscall.EBUSY)
			must(t, f.Close())
			soon(t, "removing the file after close", func() bool { return len(silly(t, l.a)) == 0 && len(silly(t, l.b)) == 0 })
		})
	}
}

// TestSillyRenameOverWindow sees that a name is away for a moment while the node
// that replaces it has it open.
func TestSillyRenameOverWindow(t *testing.T) {
	l := newLab(t, Options{})
	l.write(l.a, "f", "old")
	var done, ended sync.WaitGroup
	stop := make(chan struct{})
	done.Add(1)
	ended.Go(func() {
		defer done.Done()
		for {
			select {
			case <-stop:
				t.Error("the name was always there")
				return
			default:
			}
			if _, err := os.Open(l.b.path("f")); err != nil {
				return
			}
		}
	})
	for range 200 {
		f := l.open(l.a, "f", os.O_RDONLY)
		l.replace(l.a, "f", "new")
		f.Close()
	}
	close(stop)
	ended.Wait()
}

// TestInodeNumbers removes and makes files, so that the backing file system uses
// inode numbers again: a handle must not mean the new file.
func TestInodeNumbers(t *testing.T) {
	l := newLab(t, Options{StaleHandles: true})
	for range 20 {
		l.write(l.a, "f", "old")
		f := l.open(l.b, "f", os.O_RDONLY)
		must(t, os.Remove(l.a.path("f")))
		l.write(l.a, "f", "new")
		_, err := f.ReadAt(make([]byte, 3), 0)
		is(t, err, syscall.ESTALE)
		f.Close()
	}
}
