package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"golang.org/x/sys/unix"
)

// mostDocument bounds bundle.json, index.json and the lists of sums, in bytes: those of
// a hundred thousand images.
const mostDocument = 256 << 20

// errNotRegular is for whatever is neither file nor directory.
var errNotRegular = errors.New("it is no regular file")

// openIn opens a file below root: no link, no pipe that would never answer.
func openIn(root *os.Root, name string) (*os.File, error) {
	info, err := root.Lstat(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "opening", Path: name, Err: errNotRegular}
	}
	return root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
}

// readIn reads a file below root of at most limit bytes.
func readIn(root *os.Root, name string, limit int64) ([]byte, error) {
	f, err := openIn(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", name, limit)
	}
	return b, err
}

// Load reads what is in a bundle, without looking whether it is sound. Errors are faults.
func Load(dir string) (Bundle, error) {
	root, err := openBundle(dir)
	if err != nil {
		return Bundle{}, err
	}
	defer root.Close() //nolint:errcheck // it was only read
	b, err := loadFrom(root)
	if err != nil {
		return Bundle{}, fault.Newf(err, "check the path: ls "+filepath.Join(dir, dataDir), "%s is no bundle that this jadm can read", dir)
	}
	return b, nil
}

func openBundle(dir string) (*os.Root, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fault.Newf(err, "check the path: ls -ld "+dir, "cannot open the bundle %s", dir)
	}
	return root, nil
}

func loadFrom(root *os.Root) (Bundle, error) {
	text, err := readIn(root, bundleFile, mostDocument)
	if err != nil {
		return Bundle{}, err
	}
	return parseBundle(text)
}

// parseBundle reads bundle.json. Whatever becomes a part of a path, an address or a
// reference fits its grammar afterwards.
func parseBundle(text []byte) (Bundle, error) {
	var b Bundle
	if err := json.Unmarshal(text, &b); err != nil {
		return Bundle{}, fmt.Errorf("decoding bundle.json: %w", err)
	}
	if b.Version != Version {
		return Bundle{}, fmt.Errorf("bundle.json has version %d, this jadm reads version %d", b.Version, Version)
	}
	for _, name := range b.Repositories {
		if err := checkRepository(name); err != nil {
			return Bundle{}, fmt.Errorf("reading bundle.json: %w", err)
		}
	}
	for i := range b.Images {
		if err := b.Images[i].check(); err != nil {
			return Bundle{}, fmt.Errorf("reading bundle.json: image %d: %w", i, err)
		}
	}
	for _, r := range b.Records {
		if !localName(dataDir+"/"+r.File) || !strings.HasPrefix(dataDir+"/"+r.File, provenanceDir+"/") {
			return Bundle{}, fmt.Errorf("reading bundle.json: %q is no record's file", r.File)
		}
	}
	return b, nil
}

func (i *Image) check() error {
	if err := checkRepository(i.Repository); err != nil {
		return err
	}
	if err := checkDigest(i.Digest); err != nil {
		return err
	}
	for _, tag := range i.Tags {
		if err := checkTag(tag); err != nil {
			return err
		}
	}
	for _, name := range i.Names {
		if !refNameGrammar.MatchString(name) {
			return fmt.Errorf("%q is no name in a layout", name)
		}
	}
	for _, a := range i.Accessories {
		if err := errors.Join(checkDigest(a.Digest), checkDigest(a.Subject)); err != nil {
			return err
		}
		if a.Tag != "" && checkTag(a.Tag) != nil {
			return checkTag(a.Tag)
		}
		if !refNameGrammar.MatchString(a.Name) {
			return fmt.Errorf("%q is no name in a layout", a.Name)
		}
	}
	for _, e := range i.Elsewhere {
		if err := checkDigest(e.Digest); err != nil {
			return err
		}
	}
	if i.Recipe != "" && (!localName(dataDir+"/"+i.Recipe) || !strings.HasPrefix(dataDir+"/"+i.Recipe, recipesDir+"/")) {
		return fmt.Errorf("%q is no recipe's directory", i.Recipe)
	}
	return nil
}

// localName reports whether a name, with slashes, is of a file below the directory that
// it is relative to, written in the only way.
func localName(name string) bool {
	return filepath.IsLocal(name) && filepath.ToSlash(filepath.Clean(name)) == name && !strings.ContainsRune(name, 0)
}
