package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
)

// VerifyRequest says how thoroughly a bundle is looked at.
type VerifyRequest struct {
	// Deep also unpacks each layer and compares it with what the image's config says
	// of it (diffID). The digests of the blobs are compared in any case.
	Deep bool
	// Workers is how many files are read at once; 0 means DefaultWorkers.
	Workers int
	// Progress is told how far it is. It may be nil.
	Progress func(Progress)

	metadataOnly bool // no sums of blobs: what is needed before using some of them
}

// Verify reads a bundle to the last byte: everything is there, nothing is beside, all
// sums are right, each image is complete, and the lists agree. What is wrong is a fault
// that wraps a *DamageError, which names the files.
func Verify(ctx context.Context, dir string) (Summary, error) {
	return VerifyWith(ctx, dir, VerifyRequest{})
}

// VerifyWith is Verify with a choice.
func VerifyWith(ctx context.Context, dir string, r VerifyRequest) (Summary, error) {
	root, err := openBundle(dir)
	if err != nil {
		return Summary{}, err
	}
	defer root.Close() //nolint:errcheck // it was only read
	if r.Workers <= 0 {
		r.Workers = DefaultWorkers
	}
	v := &verifier{root: root, request: r, files: map[string]int64{}, condemned: map[string]bool{}}
	s, err := v.verify(ctx)
	s.Dir = dir
	if err != nil {
		return s, err
	}
	return s, v.found.err(dir)
}

// verifier looks at one bundle.
type verifier struct {
	root    *os.Root
	request VerifyRequest
	found   findings
	files   map[string]int64 // all that are there, with their size in bytes
	sums    map[string]string
	// condemned are blobs that need not be read any more: they have the wrong size (a
	// hole may have any), or belong to nothing.
	condemned map[string]bool
}

func (v *verifier) verify(ctx context.Context) (Summary, error) {
	if err := v.walk(ctx); err != nil {
		return Summary{}, err
	}
	s := Summary{}
	for name, size := range v.files {
		if strings.HasPrefix(name, dataDir+"/") {
			s.Files++
			s.SizeBytes += size
		}
	}
	s.Digest = v.bag(s)
	v.compareLists()
	b, err := loadFrom(v.root)
	if err != nil {
		v.found.add(bundleFile, "%v", reason(err))
	} else {
		own := b.summary("")
		own.Files, own.SizeBytes, own.Digest = s.Files, s.SizeBytes, s.Digest
		s = own
		if err := v.layout(ctx, b); err != nil {
			return s, err
		}
	}
	if err := v.checkSums(ctx); err != nil {
		return s, err
	}
	if v.request.Deep && len(v.found.all) == 0 {
		return s, v.deep(ctx, b)
	}
	return s, nil
}

// mostFiles bounds the number of files and directories in a bundle.
const mostFiles = 5_000_000

var errTooManyFiles = fmt.Errorf("there are more than %d files", mostFiles)

// walk lists what is there.
func (v *verifier) walk(ctx context.Context) error {
	n := 0
	return fs.WalkDir(v.root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		n++
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case n > mostFiles:
			return errTooManyFiles
		case err != nil:
			v.found.add(name, "%v", reason(err))
			if e != nil && e.IsDir() && name != "." {
				return fs.SkipDir
			}
			return nil
		case e.IsDir():
			return nil
		case !e.Type().IsRegular():
			v.found.add(name, "%v", errNotRegular)
			return nil
		}
		info, err := e.Info()
		if err != nil {
			v.found.add(name, "%v", reason(err))
			return nil
		}
		v.files[name] = info.Size()
		return nil
	})
}

// reason is an error without the path, which is said beside it.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// bag checks the files of the bag, and returns the digest that stands for all of it.
func (v *verifier) bag(s Summary) digest.Digest {
	text, err := readIn(v.root, bagFile, mostManifestBytes)
	switch {
	case err != nil:
		v.found.add(bagFile, "%v", reason(err))
	case string(text) != bagContent:
		v.found.add(bagFile, "it does not say BagIt-Version: 1.0 in UTF-8")
	}
	if info, err := readIn(v.root, infoFile, mostManifestBytes); err != nil {
		v.found.add(infoFile, "%v", reason(err))
	} else if want := fmt.Sprintf("Payload-Oxum: %d.%d\n", s.SizeBytes, s.Files); !strings.Contains(string(info), want) {
		v.found.add(infoFile, "it says another Payload-Oxum than %d bytes in %d files", s.SizeBytes, s.Files)
	}
	if v.sums, err = v.readSums(manifestFile); err != nil {
		v.found.add(manifestFile, "%v", reason(err))
	}
	tagText, err := readIn(v.root, tagManifestFile, mostDocument)
	if err != nil {
		v.found.add(tagManifestFile, "%v", reason(err))
		return ""
	}
	tagSums, err := parseSums(tagText)
	if err != nil {
		v.found.add(tagManifestFile, "%v", err)
	}
	if got := slices.Sorted(maps.Keys(tagSums)); err == nil && !slices.Equal(got, sorted(tagFiles)) {
		v.found.add(tagManifestFile, "it has the sums of %q, not of %q", got, sorted(tagFiles))
	}
	for _, name := range tagFiles {
		if _, there := v.files[name]; there {
			v.checkSum(name, tagSums[name])
		}
	}
	return digest.FromBytes(tagText)
}

func (v *verifier) readSums(name string) (map[string]string, error) {
	text, err := readIn(v.root, name, mostDocument)
	if err != nil {
		return nil, err
	}
	return parseSums(text)
}

// compareLists compares what is there with what the list of sums has.
func (v *verifier) compareLists() {
	for name := range v.sums {
		if _, there := v.files[name]; !there {
			v.found.add(name, "it is missing")
		}
		if !strings.HasPrefix(name, dataDir+"/") {
			v.found.add(manifestFile, "it has the sum of %q, which is not in %s", name, dataDir)
		}
	}
	for name := range v.files {
		if _, listed := v.sums[name]; !listed && name != tagManifestFile && !slices.Contains(tagFiles, name) {
			v.found.add(name, "%s does not have it", manifestFile)
		}
	}
}

// checkSums compares all files with their sums.
func (v *verifier) checkSums(ctx context.Context) error {
	state := Progress{Stage: Verifying}
	var names []string
	for name := range v.sums {
		if _, there := v.files[name]; there && !v.condemned[name] && (!v.request.metadataOnly || !strings.HasPrefix(name, path.Join(imagesDir, "blobs")+"/")) {
			names = append(names, name)
			state.TotalBytes += v.files[name]
		}
	}
	slices.Sort(names)
	var lock sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(v.request.Workers)
	for _, name := range names {
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			v.checkSum(name, v.sums[name])
			lock.Lock()
			defer lock.Unlock()
			state.DoneBytes += v.files[name]
			if v.request.Progress != nil {
				v.request.Progress(state)
			}
			return nil
		})
	}
	return group.Wait()
}

// checkSum reads a file. One that grows meanwhile is read to the size that it had.
func (v *verifier) checkSum(name, want string) {
	f, err := openIn(v.root, name)
	if err != nil {
		v.found.add(name, "%v", reason(err))
		return
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, v.files[name]))
	switch got := hex.EncodeToString(h.Sum(nil)); {
	case err != nil:
		v.found.add(name, "%v", reason(err))
	case n != v.files[name]:
		v.found.add(name, "it has become shorter")
	case got != want:
		v.found.add(name, "its SHA-256 sum is %s, not %s", got, want)
	}
}
