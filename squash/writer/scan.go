package writer

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jrun-hpc/jrun/squash"
)

// scanner reads the tar of one layer.
type scanner struct {
	layer   int
	stream  *layerStream
	tar     *tar.Reader
	pipe    *pipeline
	fs      *tree // only for its table of xattrs
	entries entries
}

// scanLayer reads a layer to the end of its stream: data goes into the
// pipeline, everything else is returned.
func scanLayer(ctx context.Context, layer int, open Layer, fs *tree, pipe *pipeline, opts Options) (*entries, error) {
	rc, err := open(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening layer %d: %w", layer, err)
	}
	s := &scanner{layer: layer, pipe: pipe, fs: fs}
	skippedBefore := fs.skippedXattrs
	s.stream = &layerStream{ctx: ctx, src: rc, total: &pipe.tarBytes, report: opts.Progress}
	buffered := bufio.NewReaderSize(s.stream, 256<<10)
	s.tar = tar.NewReader(buffered)

	err = s.readEntries()
	if err == nil {
		// The tar may end before its stream does; only the stream's own end
		// says that the digest was right.
		_, err = io.Copy(io.Discard, buffered)
	}
	if streamErr := s.stream.err; streamErr != nil {
		err = fmt.Errorf("reading layer %d: %w", layer, streamErr)
	}
	if closeErr := rc.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("closing layer %d: %w", layer, closeErr)
	}
	if err == nil {
		err = pipe.endLayer()
	}
	if err == nil && pipe.recorder != nil {
		err = pipe.recorder.endEntries(layer, fs.skippedXattrs-skippedBefore)
	}
	opts.Progress(pipe.tarBytes)
	return &s.entries, err
}

func (s *scanner) readEntries() error {
	for {
		hdr, err := s.tar.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return s.invalid("", "reading a header", err)
		}
		if hdr.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if err := s.readEntry(hdr); err != nil {
			return err
		}
	}
}

func (s *scanner) readEntry(hdr *tar.Header) error {
	path, err := cleanPath(hdr.Name)
	if err != nil {
		return s.invalid(hdr.Name, err.Error(), nil)
	}
	var e entry
	if e.kind, path, err = classify(path); err != nil {
		return s.invalid(hdr.Name, err.Error(), nil)
	}
	switch e.kind {
	case ignoredName:
		return nil
	case plainName, aufsLinkName:
		if hdr.Typeflag == tar.TypeLink {
			e.link, err = cleanPath(strings.TrimLeft(hdr.Linkname, "/"))
			if err != nil {
				return s.invalid(hdr.Name, "hard link target: "+err.Error(), nil)
			}
		} else if e.inode, err = s.newInode(hdr); err != nil {
			return err
		}
	}
	s.entries.add(path, e)
	if s.pipe.recorder == nil {
		return nil
	}
	return s.pipe.recorder.entry(s.fs, path, &e, s.pipe.packer.sum)
}

// newInode makes the inode of an entry and sends its data on the way.
func (s *scanner) newInode(hdr *tar.Header) (*inode, error) {
	n := &inode{
		mode:  uint16(hdr.Mode & 0o7777),
		layer: int32(s.layer),
		mtime: clampTime(hdr.ModTime.Unix()),
	}
	var err error
	if n.kind, err = inodeKind(hdr.Typeflag); err != nil {
		return nil, s.invalid(hdr.Name, err.Error(), nil)
	}
	if n.uid, n.gid, err = owner(hdr.Uid, hdr.Gid); err != nil {
		return nil, s.invalid(hdr.Name, err.Error(), nil)
	}
	if n.xattr, err = s.fs.addXattrs(hdr.PAXRecords); err != nil {
		return nil, s.invalid(hdr.Name, err.Error(), nil)
	}
	switch n.kind {
	case squash.TypeDir:
		n.children = &children{}
	case squash.TypeFile:
		return n, s.readData(hdr, n)
	case squash.TypeSymlink:
		if n.target = hdr.Linkname; n.target == "" || len(n.target) > maxPath || strings.IndexByte(n.target, 0) >= 0 {
			return nil, s.invalid(hdr.Name, fmt.Sprintf("symbolic link target of %d bytes, or with a NUL", len(n.target)), nil)
		}
	case squash.TypeBlockDev, squash.TypeCharDev:
		if n.rdev, err = deviceNumber(hdr.Devmajor, hdr.Devminor); err != nil {
			return nil, s.invalid(hdr.Name, err.Error(), nil)
		}
	}
	return n, nil
}

func (s *scanner) readData(hdr *tar.Header, n *inode) (err error) {
	n.size = hdr.Size
	if isSparse(hdr) {
		if n.size > s.pipe.sparseLeft {
			return s.invalid(hdr.Name, "sparse files claim too many bytes", nil)
		}
		s.pipe.sparseLeft -= n.size
	}
	n.data, err = s.pipe.storeFile(s.tar, n.size)
	switch {
	case err == nil:
		return nil
	case s.pipe.ctx.Err() != nil:
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, tar.ErrHeader):
		return s.invalid(hdr.Name, "reading data", err)
	default:
		return fmt.Errorf("storing %q: %w", shorten(hdr.Name), err)
	}
}

// isSparse reports whether a file may be larger than what it has in the tar.
func isSparse(hdr *tar.Header) bool {
	if hdr.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range hdr.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

func (s *scanner) invalid(name, reason string, cause error) error {
	return &TarError{Layer: s.layer, Entry: name, Reason: reason, Cause: cause}
}

// reportStep is how much is read between two calls of Options.Progress, bytes.
const reportStep = 1 << 20

// layerStream counts what is read, and keeps an error of the stream itself
// apart from what the tar reader makes of it.
type layerStream struct {
	ctx      context.Context
	src      io.Reader
	total    *int64
	reported int64
	report   func(int64)
	err      error // other than io.EOF
}

func (l *layerStream) Read(p []byte) (int, error) {
	if l.err == nil && l.ctx.Err() != nil {
		l.err = context.Cause(l.ctx)
	}
	if l.err != nil {
		return 0, l.err
	}
	n, err := l.src.Read(p)
	*l.total += int64(n)
	if *l.total-l.reported >= reportStep {
		l.reported = *l.total
		l.report(*l.total)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		l.err = err
	}
	return n, err
}
