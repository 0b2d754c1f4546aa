package images

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// fingerprint is what makes an entry the same in two tars.
type fingerprint struct {
	typeflag byte
	mode     int64
	uid, gid int
	linkname string
	modTime  int64
	content  [sha256.Size]byte
}

// writeDifference writes to w the layer that turns the root file system in the
// tar at lowerPath into that at upperPath: new and changed entries, and
// whiteouts for what is gone.
func writeDifference(w io.Writer, lowerPath, upperPath string) error {
	lower := map[string]fingerprint{}
	err := eachEntry(lowerPath, func(header *tar.Header, r io.Reader) error {
		entry, err := fingerprintOf(header, r)
		lower[cleanName(header.Name)] = entry
		return err
	})
	if err != nil {
		return err
	}

	out := tar.NewWriter(w)
	changed, err := changedNames(lower, upperPath)
	if err != nil {
		return err
	}
	err = eachEntry(upperPath, func(header *tar.Header, r io.Reader) error {
		if !changed[cleanName(header.Name)] {
			return nil
		}
		if err := out.WriteHeader(header); err != nil {
			return fmt.Errorf("writing the header of %q: %w", header.Name, err)
		}
		_, err := io.Copy(out, r)
		return err
	})
	if err != nil {
		return err
	}
	// What changedNames left in lower is not in upper. A directory's whiteout
	// covers what was in it.
	for _, name := range removedRoots(lower) {
		header := &tar.Header{Name: path.Join(path.Dir(name), ".wh."+path.Base(name)), Mode: 0o644, ModTime: when}
		if err := out.WriteHeader(header); err != nil {
			return fmt.Errorf("writing the whiteout of %q: %w", name, err)
		}
	}
	return out.Close()
}

// changedNames says which entries of the tar at upperPath differ from lower,
// and removes from lower all that upper has too.
func changedNames(lower map[string]fingerprint, upperPath string) (map[string]bool, error) {
	changed := map[string]bool{}
	err := eachEntry(upperPath, func(header *tar.Header, r io.Reader) error {
		entry, err := fingerprintOf(header, r)
		name := cleanName(header.Name)
		old, known := lower[name]
		changed[name] = !known || old != entry
		delete(lower, name)
		return err
	})
	return changed, err
}

// removedRoots lists the names that are removed while their parent stays.
func removedRoots(removed map[string]fingerprint) []string {
	var roots []string
	for name := range removed {
		if _, parentToo := removed[path.Dir(name)]; !parentToo {
			roots = append(roots, name)
		}
	}
	slices.Sort(roots)
	return roots
}

func fingerprintOf(header *tar.Header, r io.Reader) (fingerprint, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return fingerprint{}, fmt.Errorf("reading %q: %w", header.Name, err)
	}
	entry := fingerprint{
		typeflag: header.Typeflag, mode: header.Mode, uid: header.Uid, gid: header.Gid,
		linkname: header.Linkname, modTime: header.ModTime.Unix(),
	}
	copy(entry.content[:], sum.Sum(nil))
	return entry, nil
}

func cleanName(name string) string {
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}

// eachEntry calls visit with every entry of the tar at tarPath.
func eachEntry(tarPath string, visit func(*tar.Header, io.Reader) error) error {
	file, err := os.Open(tarPath)
	if err != nil {
		return err
	}
	defer file.Close()
	r := tar.NewReader(file)
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", tarPath, err)
		}
		if err := visit(header, r); err != nil {
			return fmt.Errorf("reading %s: %w", tarPath, err)
		}
	}
}
