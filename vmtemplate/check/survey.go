package check

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/squash/reader"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"golang.org/x/sys/unix"
)

// entry is a name in the image.
type entry struct {
	path  string // of io/fs
	name  string // its last part
	mode  fs.FileMode
	bytes int64
	mtime time.Time
	again bool // another name of a file that was seen
}

func (e *entry) dir() bool     { return e.mode.IsDir() }
func (e *entry) regular() bool { return e.mode.IsRegular() }

// fileID tells files apart. Hard links share it.
type fileID struct{ device, inode uint64 }

// survey is the one walk through the image.
type survey struct {
	image    *Image
	visitors []func(*entry)
	left     []func(*entry) // are shown what saving leaves out

	links  map[fileID]bool // files with several names
	closed paths           // directories that could not be read
}

// skipped are directories that jrun provides; what an image has there is never seen.
var skipped = map[string]bool{"proc": true, "sys": true, "dev": true}

func (s *survey) walk(ctx context.Context) error {
	s.links = map[fileID]bool{}
	root, err := s.image.Files.Lstat(".")
	if err != nil {
		return err
	}
	s.show(&entry{path: ".", name: ".", mode: root.Mode(), mtime: root.ModTime()})
	todo := []string{"."}
	for len(todo) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		dir := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		entries, err := s.image.Files.ReadDir(dir)
		if errors.Is(err, fs.ErrPermission) {
			s.closed.add(strings.TrimPrefix(dir, "."))
			continue
		}
		if err != nil {
			return err
		}
		first := len(todo)
		for _, d := range entries {
			e, err := s.entry(dir, d)
			if err != nil {
				return err
			}
			s.show(e)
			if e.dir() && !skipped[e.path] {
				todo = append(todo, e.path)
			}
		}
		slices.Reverse(todo[first:]) // the last is taken next
	}
	return nil
}

func (s *survey) show(e *entry) {
	visitors := s.visitors
	if s.image.Leaves != nil && s.image.Leaves("/"+e.path) {
		visitors = s.left
	}
	for _, visit := range visitors {
		visit(e)
	}
}

func (s *survey) entry(dir string, d fs.DirEntry) (*entry, error) {
	info, err := d.Info()
	if err != nil {
		return nil, err
	}
	e := &entry{path: path.Join(dir, d.Name()), name: d.Name(), mode: info.Mode(), mtime: info.ModTime()}
	if !e.regular() {
		return e, nil
	}
	e.bytes = info.Size()
	if id, several := identify(info); several {
		e.again = s.links[id]
		s.links[id] = true
	}
	return e, nil
}

// identify tells which file it is, and whether it has several names.
func identify(info fs.FileInfo) (id fileID, several bool) {
	switch sys := info.Sys().(type) {
	case *unix.Stat_t:
		return fileID{sys.Dev, sys.Ino}, sys.Nlink > 1
	case *reader.Inode:
		return fileID{inode: uint64(sys.Ref)}, sys.Nlink > 1
	}
	return fileID{}, false
}

// unseen says what the walk had to leave out.
func (s *survey) unseen() []Finding {
	if s.closed.empty() {
		return nil
	}
	return []Finding{finding("unseen", Advises, message.Of("check.unseen", s.closed.count())).at(s.closed)}
}
