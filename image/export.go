package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/squash/writer"
	"golang.org/x/sys/unix"
)

// Export converts the image that ref stands for into the squashfs file dst,
// with what is known of it in a .json beside it, so that dst can be run, kept
// and carried elsewhere without any store. opts says how; its Progress is not
// used. A file that is there already is refused unless replace is set; it stays
// until the new one is complete. st holds temporary files of archives.
func (c *Client) Export(ctx context.Context, st *store.Store, ref Reference, dst string, opts writer.Options, replace bool, progress Progress) (store.Object, error) {
	report := newReporter(progress)
	report.phase(Resolving)
	if _, err := os.Lstat(dst); err == nil && !replace {
		return store.Object{}, fault.Newf(fs.ErrExist, "choose another name, or replace it with --force", "cannot write %s", dst)
	}
	ref, err := c.qualify(ref)
	if err != nil {
		return store.Object{}, err
	}
	if ref.kind == Squashfs {
		return store.Object{}, fault.Newf(errors.New("it is a squashfs file already"), "name an image of a registry, a layout or an archive", "cannot convert %s", ref.path)
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
		return c.open(ctx, ref, "", st)
	}
	d, err := c.resolveRegistry(ctx, ref)
	if err != nil {
		return nil, err
	}
	return c.open(ctx, ref, d, st)
}

func (c *Client) exportFrom(ctx context.Context, src *source, dst string, opts writer.Options, report *reporter) (store.Object, error) {
	p, err := c.plan(ctx, src)
	if err != nil {
		return store.Object{}, err
	}
	file, err := createUnnamed(filepath.Dir(dst))
	if err != nil {
		return store.Object{}, exportFault(dst, err)
	}
	defer func() {
		_ = file.Close() // an error of it was seen before the file got its name
		_ = os.Remove(file.Name())
	}()

	result, err := streamLayers(ctx, file, src, p, opts, report)
	if err != nil {
		return store.Object{}, exportFault(dst, err)
	}
	report.publishing(result)
	meta := c.meta(src, p, opts, result)
	meta.Version, meta.Digest, meta.Created, meta.SizeBytes = store.MetaVersion, p.digest, time.Now().UTC(), result.Size
	if err := publishExport(file, dst, meta); err != nil {
		return store.Object{}, exportFault(dst, err)
	}
	return store.Object{Digest: p.digest, Path: dst, Meta: meta}, nil
}

// publishExport makes the file durable and gives it its name, its metadata first.
func publishExport(file *os.File, dst string, meta store.Meta) error {
	text, err := json.MarshalIndent(meta, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding metadata: %w", err)
	}
	sidecar := strings.TrimSuffix(dst, squashfsSuffix) + ".json"
	if err := os.WriteFile(sidecar, append(text, '\n'), 0o644); err != nil {
		return err
	}
	err = errors.Join(file.Chmod(0o644), file.Sync())
	if err == nil {
		err = rename(file, dst)
	}
	if err != nil {
		return errors.Join(err, os.Remove(sidecar))
	}
	return nil
}

// unnamed is the name of files that have none yet.
const unnamed = ".jrun-convert-unnamed"

// createUnnamed makes a file that is gone when this process ends, where the
// file system can; elsewhere (NFS) it has a name that begins with a dot.
func createUnnamed(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) {
		return os.CreateTemp(dir, ".jrun-convert-*")
	}
	if err != nil {
		return nil, &fs.PathError{Op: "creating a file in", Path: dir, Err: err}
	}
	return os.NewFile(uintptr(fd), filepath.Join(dir, unnamed)), nil
}

// rename gives the file its name, in place of one that has it.
func rename(file *os.File, dst string) error {
	from := file.Name()
	if filepath.Base(from) == unnamed {
		from = fmt.Sprintf("%s.%d.tmp", dst, os.Getpid())
		if err := unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", file.Fd()), unix.AT_FDCWD, from, unix.AT_SYMLINK_FOLLOW); err != nil {
			return &os.LinkError{Op: "naming", Old: from, New: dst, Err: err}
		}
	}
	if err := os.Rename(from, dst); err != nil {
		return errors.Join(err, os.Remove(from))
	}
	return nil
}

// exportFault explains failures to write dst, and passes others on.
func exportFault(dst string, err error) error {
	var path *fs.PathError
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) && errors.As(err, &path) && path.Op != "read" {
		return fault.Newf(err, "choose a directory that exists and that you can write to", "cannot write %s", dst)
	}
	return err
}
