package workspace

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/cyphar/filepath-securejoin/pathrs-lite"
	"golang.org/x/sys/unix"
)

// Pack writes a directory as a tar, with its last name before those in it. Devices,
// pipes and sockets are left out; links are links.
func (w *Workspace) Pack(ctx context.Context, inside string, out io.Writer) error {
	found, inside, err := w.find(inside)
	if err != nil {
		return err
	}
	defer found.Close()
	dir, err := pathrs.Reopen(found, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return err
	}
	defer dir.Close()
	name := path.Base(inside)
	if name == "/" {
		name = w.Name
	}
	return pack(ctx, dir, name, out)
}

func pack(ctx context.Context, dir *os.File, prefix string, out io.Writer) error {
	in, err := rootOf(dir)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	tw := tar.NewWriter(out)
	err = fs.WalkDir(in.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist):
			return nil // removed meanwhile
		case err != nil:
			return err
		}
		if err := packOne(in, name, path.Join(prefix, name), tw); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
	return errors.Join(err, tw.Close())
}

// packOne adds a file, a directory or a link.
func packOne(in *os.Root, name, as string, tw *tar.Writer) error {
	info, err := in.Lstat(name)
	if err != nil {
		return err
	}
	link := ""
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		if link, err = in.Readlink(name); err != nil {
			return err
		}
	case info.Mode().IsRegular() && !strings.HasPrefix(info.Name(), uploading):
		return packFile(in, name, as, tw)
	case !info.IsDir():
		return nil
	}
	return writeHeader(tw, info, link, as)
}

// packFile adds a file. What it is is looked at once more when it is open: opening a
// pipe that has taken its place must not wait.
func packFile(in *os.Root, name, as string, tw *tar.Writer) error {
	f, err := in.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	if err := writeHeader(tw, info, "", as); err != nil {
		return err
	}
	if _, err = io.CopyN(tw, f, info.Size()); errors.Is(err, io.EOF) {
		return fmt.Errorf("%s became shorter while it was read", name)
	}
	return err
}

// writeHeader leaves out who owns a file: those are ids of the image.
func writeHeader(tw *tar.Writer, info fs.FileInfo, link, as string) error {
	h, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	h.Name = as
	if info.IsDir() {
		h.Name += "/"
	}
	h.Uid, h.Gid, h.Uname, h.Gname, h.Format = 0, 0, "", "", tar.FormatPAX
	return tw.WriteHeader(h)
}
