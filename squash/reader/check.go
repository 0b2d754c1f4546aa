package reader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Check reads everything that the image holds, every table, block, link and
// attribute, and returns the first error that a user could meet; it wraps
// squash.ErrCorrupt if the file is damaged. A flipped bit inside a block that
// still decompresses goes unnoticed: only sums find it. progress, unless it is
// nil, is told how many bytes of files were read.
func (r *Reader) Check(ctx context.Context, progress func(bytes int64)) error {
	buf := make([]byte, 1<<20)
	total := int64(0)
	return r.Walk(func(path string, ino *Inode) error {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := r.checkXattrs(ino); err != nil {
			return fmt.Errorf("reading attributes of %q: %w", path, err)
		}
		switch {
		case ino.FileMode().IsRegular():
			n, err := r.checkData(ctx, ino, buf)
			if total += n; progress != nil {
				progress(total)
			}
			if err != nil {
				return fmt.Errorf("reading %q: %w", path, err)
			}
		case ino.FileMode().Type() == fs.ModeSymlink:
			if _, err := r.Readlink(ino); err != nil {
				return fmt.Errorf("reading the link %q: %w", path, err)
			}
		}
		return nil
	})
}

func (r *Reader) checkXattrs(ino *Inode) error {
	names, err := r.XattrNames(ino)
	for _, name := range names {
		_, valueErr := r.Xattr(ino, name)
		err = errors.Join(err, valueErr)
	}
	return err
}

func (r *Reader) checkData(ctx context.Context, ino *Inode, buf []byte) (int64, error) {
	for off := int64(0); ; {
		if err := context.Cause(ctx); err != nil {
			return off, err
		}
		n, err := r.ReadAt(ino, buf, off)
		off += int64(n)
		if errors.Is(err, io.EOF) || err == nil && n == 0 {
			return off, nil
		}
		if err != nil {
			return off, err
		}
	}
}
