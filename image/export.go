package image

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/squash/writer"
)

// Export converts the image that ref stands for into the squashfs file dst,
// with what is known of it in a .json beside it, so that dst can be run, kept
// and carried elsewhere without any store. opts says how; its Progress is not
// used. A file that is there already is refused unless replace is set; it stays
// until the new one is complete. st holds temporary files of archives.
func (c *Client) Export(ctx context.Context, st *store.Store, ref Reference, dst string, opts writer.Options, replace bool, progress Progress) (store.Object, error) {
	report := newReporter(progress)
	report.phase(Resolving)
	if err := targetOf(dst).check(replace); err != nil {
		return store.Object{}, err
	}
	ref, err := c.qualify(ref)
	if err != nil {
		return store.Object{}, err
	}
	if ref.kind == Squashfs {
		return store.Object{}, fault.Newf(fault.Because("it is a squashfs file already"), "name an image of a registry, a layout or an archive", "cannot convert %s", ref.path)
	}
	explained := func(err error) error {
		if ref.kind == Registry {
			return c.registryFault(ctx, ref, err)
		}
		return localFault(ctx, ref, err)
	}
	src, err := c.openNow(ctx, ref, st)
	if err != nil {
		return store.Object{}, explained(err)
	}
	report.phase(Fetching)
	object, err := c.exportFrom(ctx, src, dst, opts, report)
	if err = errors.Join(err, src.Close()); err != nil {
		return store.Object{}, explained(err)
	}
	return object, nil
}

// openNow opens what ref stands for at this moment.
func (c *Client) openNow(ctx context.Context, ref Reference, st *store.Store) (*source, error) {
	if ref.kind != Registry {
		src, err := c.open(ctx, ref, "", st)
		if err == nil {
			if err = c.checkLocalSignatures(ctx, src); err != nil {
				return nil, errors.Join(err, src.Close())
			}
		}
		return src, err
	}
	r, err := c.resolveRegistry(ctx, st, ref)
	if err != nil {
		return nil, err
	}
	if err := c.checkSignatures(ctx, st, r); err != nil {
		return nil, err
	}
	return c.open(ctx, ref, r.Digest, st)
}

func (c *Client) exportFrom(ctx context.Context, src *source, dst string, opts writer.Options, report *reporter) (store.Object, error) {
	p, err := c.plan(ctx, src)
	if err != nil {
		return store.Object{}, err
	}
	file, err := createUnnamed(filepath.Dir(dst))
	if err != nil {
		return store.Object{}, exportFault(dst, &writeError{err})
	}
	defer func() {
		_ = file.Close() // an error of it was seen before the file got its name
		_ = os.Remove(file.Name())
	}()

	result, err := streamLayers(ctx, exportFile{file}, src, p, opts, report)
	if err != nil {
		return store.Object{}, exportFault(dst, err)
	}
	report.publishing(result)
	meta := c.meta(src, p, opts, result)
	meta.Version, meta.Digest, meta.Created, meta.SizeBytes = store.MetaVersion, p.digest, time.Now().UTC(), result.Size
	if err := targetOf(dst).publish(file, meta); err != nil {
		return store.Object{}, exportFault(dst, &writeError{err})
	}
	return store.Object{Digest: p.digest, Path: dst, Meta: meta}, nil
}

// exportFile marks the errors of the file that is written, to tell them from
// those of what is read.
type exportFile struct{ *os.File }

func (f exportFile) WriteAt(b []byte, at int64) (int, error) {
	n, err := f.File.WriteAt(b, at)
	return n, writing(err)
}

func (f exportFile) ReadAt(b []byte, at int64) (int, error) {
	n, err := f.File.ReadAt(b, at)
	return n, writing(err)
}

func (f exportFile) Truncate(size int64) error { return writing(f.File.Truncate(size)) }

// writeError is a failure to write an export.
type writeError struct{ cause error }

func (e *writeError) Error() string { return e.cause.Error() }
func (e *writeError) Unwrap() error { return e.cause }

func writing(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &writeError{err}
}

// exportFault explains failures to write dst, and passes others on.
func exportFault(dst string, err error) error {
	var ours *writeError
	if !errors.As(err, &ours) {
		return err
	}
	var next fault.Text
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		next = fault.Say("make room there (df -h %s; quota -s; ulimit -f), or choose a directory on another disk", filepath.Dir(dst))
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EROFS):
		next = fault.Say("choose a directory that exists and that you can write to")
	case errors.Is(err, syscall.ENAMETOOLONG):
		next = fault.Say("choose a shorter name")
	default:
		next = fault.Say("choose a directory on another disk, and tell the administrator of this one")
	}
	return fault.Newf(ours.cause, next, "cannot write %s", dst)
}
