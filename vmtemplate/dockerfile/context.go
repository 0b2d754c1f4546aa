package dockerfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"go.podman.io/storage/pkg/archive"
	"go.podman.io/storage/pkg/chrootarchive"
	"go.podman.io/storage/pkg/idtools"
)

// dash stands for the standard input.
const dash = "-"

// mostDockerfileBytes bounds what is taken for a Dockerfile.
const mostDockerfileBytes = 16 << 20

// buildContext is what COPY and ADD see, and the Dockerfile.
type buildContext struct {
	dir    string // absolute
	file   string // the Dockerfile, as people know it
	text   []byte
	ignore string // a file like .dockerignore that belongs to the Dockerfile; may be empty
}

// openContext finds the context and the Dockerfile. tmp is a directory for what must be
// unpacked.
func openContext(o Options, tmp string) (buildContext, error) {
	var c buildContext
	var err error
	switch {
	case o.Context == dash && o.File == dash:
		return c, message.Fail(message.Of("dockerfile.both-stdin"), nil, message.Of("dockerfile.both-stdin.next"))
	case o.Context == dash:
		in := bufio.NewReader(o.Stdin)
		if begin, _ := in.Peek(512); !isTar(begin) {
			c.file = "Dockerfile"
			if c.dir, err = emptyDir(tmp); err != nil {
				return c, err
			}
			c.text, err = readDockerfile(in, c.file)
			return c, err
		}
		c.dir, err = unpack(in, "-", tmp)
	default:
		c.dir, err = openDir(o.Context, tmp)
	}
	if err != nil {
		return c, err
	}
	return c, c.findDockerfile(o)
}

func openDir(path, tmp string) (string, error) {
	if strings.Contains(path, "://") || strings.HasPrefix(path, "github.com/") || strings.HasPrefix(path, "git@") {
		return "", message.Fail(message.Of("dockerfile.remote-context", path), nil, message.Of("dockerfile.remote-context.next"))
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", message.Fail(message.Of("dockerfile.context", path), err, message.Of("dockerfile.context.next"))
	}
	if !info.IsDir() {
		f, err := os.Open(path)
		if err != nil {
			return "", message.Fail(message.Of("dockerfile.context", path), err, message.Of("dockerfile.context.next"))
		}
		defer f.Close()
		return unpack(f, path, tmp)
	}
	dir, err := filepath.Abs(path)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return "", message.Fail(message.Of("dockerfile.context", path), err, message.Of("dockerfile.context.next"))
	}
	return dir, nil
}

func emptyDir(tmp string) (string, error) {
	dir := filepath.Join(tmp, "context")
	return dir, os.Mkdir(dir, 0o755)
}

// tarMagic stands at byte 257 of a tar file (tar(5), "POSIX ustar Archives"; GNU's too).
const tarMagic = "ustar"

// isTar reports whether something begins as a tar file does, or a compressed one.
func isTar(begin []byte) bool {
	plain := len(begin) >= 512 && string(begin[257:257+len(tarMagic)]) == tarMagic
	return plain || archive.DetectCompression(begin) != archive.Uncompressed
}

// unpack unpacks a tar file. All of it belongs to root: ownership in a context has no
// meaning.
func unpack(tar io.Reader, name, tmp string) (string, error) {
	dir, err := emptyDir(tmp)
	if err != nil {
		return "", err
	}
	err = chrootarchive.Untar(tar, dir, &archive.TarOptions{ChownOpts: &idtools.IDPair{}})
	if err != nil {
		return "", message.Fail(message.Of("dockerfile.tar", name), err, message.Of("dockerfile.context.next"))
	}
	return dir, nil
}

// findDockerfile reads the Dockerfile of a context: File, as seen from the working
// directory or else from the context, or one with the usual name.
func (c *buildContext) findDockerfile(o Options) error {
	if o.File == dash {
		c.file = "Dockerfile"
		var err error
		c.text, err = readDockerfile(o.Stdin, c.file)
		return err
	}
	candidates := []string{filepath.Join(c.dir, "Dockerfile"), filepath.Join(c.dir, "Containerfile")}
	if o.File != "" {
		candidates = []string{o.File, filepath.Join(c.dir, o.File)}
	}
	for _, path := range candidates {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		c.file = filepath.Base(path)
		if o.File != "" {
			c.file = o.File
		}
		if err != nil {
			return message.Fail(message.Of("dockerfile.unreadable", c.file), err)
		}
		defer f.Close()
		if _, err := os.Stat(path + ".dockerignore"); err == nil {
			c.ignore = path + ".dockerignore"
		}
		c.text, err = readDockerfile(f, c.file)
		return err
	}
	if o.File != "" {
		return message.Fail(message.Of("dockerfile.missing", o.File), nil, message.Of("dockerfile.missing.next"))
	}
	return message.Fail(message.Of("dockerfile.none", o.Context), nil, message.Of("dockerfile.none.next"))
}

func readDockerfile(from io.Reader, name string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(from, mostDockerfileBytes+1))
	if err != nil {
		return nil, message.Fail(message.Of("dockerfile.unreadable", name), err)
	}
	if len(text) > mostDockerfileBytes {
		return nil, message.Fail(message.Of("dockerfile.unreadable", name), fmt.Errorf("more than %d bytes", mostDockerfileBytes))
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, message.Fail(message.Of("dockerfile.empty", name), nil, message.Of("dockerfile.no-from.next"))
	}
	return text, nil
}
