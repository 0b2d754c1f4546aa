package writer

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// deadExtents lists what no file of the merged image uses, in file order, with
// neighbours joined, and which of it has not been zeros all along, in the file
// that it was taken from. Call it when the tables have marked what lives.
func deadExtents(p *pipeline) (dead, fresh []Region) {
	add := func(start, length int64, absent bool) {
		dead = appendExtent(dead, start, length)
		if !absent {
			fresh = appendExtent(fresh, start, length)
		}
	}
	// Both lists are in file order: merge them.
	blobs, fragments := p.blobs, p.fragments
	for len(blobs) > 0 || len(fragments) > 0 {
		if len(fragments) == 0 || len(blobs) > 0 && blobs[0].extent.start < fragments[0].start {
			if !blobs[0].live {
				add(blobs[0].extent.start, blobs[0].extent.stored, blobs[0].absent)
			}
			blobs = blobs[1:]
			continue
		}
		if !fragments[0].live {
			add(fragments[0].start, int64(fragments[0].word.Size()), fragments[0].absent)
		}
		fragments = fragments[1:]
	}
	return dead, fresh
}

// appendExtent adds a range that does not begin before those that are there.
func appendExtent(to []Region, start, length int64) []Region {
	if n := len(to); n > 0 && to[n-1].End == start {
		to[n-1].End += length
	} else if length > 0 {
		to = append(to, Region{Start: start, End: start + length})
	}
	return to
}

// punch turns ranges of the file into zeros, as holes where the file can have
// holes. It returns the sum of their lengths.
func (o *output) punch(dead []Region) (total int64, err error) {
	for _, r := range dead {
		total += r.End - r.Start
		if punchHole(o.dst, r) {
			continue
		}
		if err := o.zero(r); err != nil {
			return total, err
		}
	}
	return total, nil
}

// punchHole reports whether it succeeded. Any failure is answered by writing
// zeros, which brings out a real one.
func punchHole(dst File, r Region) bool {
	file, ok := dst.(syscall.Conn)
	if !ok {
		return false
	}
	conn, err := file.SyscallConn()
	if err != nil {
		return false
	}
	punched := false
	err = conn.Control(func(fd uintptr) {
		const mode = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
		punched = unix.Fallocate(int(fd), mode, r.Start, r.End-r.Start) == nil
	})
	return err == nil && punched
}

func (o *output) zero(r Region) error {
	buf := make([]byte, min(r.End-r.Start, 1<<20))
	for at := r.Start; at < r.End; {
		n := min(r.End-at, int64(len(buf)))
		if _, err := o.dst.WriteAt(buf[:n], at); err != nil {
			return fmt.Errorf("clearing hidden data: %w", err)
		}
		at += n
	}
	return nil
}
