package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// diskWatch looks every few milliseconds how much of a file system is used. It
// sees files that have no name, too, and whatever other programs write there.
type diskWatch struct {
	dir   string
	began int64
	end   chan struct{}
	peak  chan int64
}

// watchDisk begins to watch the file system that dir is on.
func watchDisk(dir string) (*diskWatch, error) {
	began, err := usedBytes(dir)
	if err != nil {
		return nil, err
	}
	w := &diskWatch{dir: dir, began: began, end: make(chan struct{}), peak: make(chan int64)}
	go w.watch()
	return w, nil
}

func (w *diskWatch) watch() {
	most := w.began
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if used, err := usedBytes(w.dir); err == nil { // it worked at the beginning
			most = max(most, used)
		}
		select {
		case <-tick.C:
		case <-w.end:
			w.peak <- most - w.began
			return
		}
	}
}

// stop returns the most that was used at any time, beyond what was used when
// the watch began.
func (w *diskWatch) stop() int64 {
	close(w.end)
	return <-w.peak
}

// bytesOf is the room that a file or a tree takes.
func bytesOf(path string) (int64, error) {
	var total int64
	err := filepath.WalkDir(path, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var stat unix.Stat_t
		if err := unix.Lstat(path, &stat); err != nil {
			return fmt.Errorf("looking at %s: %w", path, err)
		}
		total += stat.Blocks * 512
		return nil
	})
	return total, err
}

func usedBytes(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("asking how full the file system of %s is: %w", dir, err)
	}
	return int64(s.Blocks-s.Bfree) * s.Bsize, nil
}
