package bundle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/jrun-hpc/jrun/printable"
	"golang.org/x/sync/errgroup"
)

// Files of a bag (RFC 8493, section 2).
const (
	bagFile         = "bagit.txt"
	infoFile        = "bag-info.txt"
	manifestFile    = "manifest-sha256.txt"
	tagManifestFile = "tagmanifest-sha256.txt"
	bagContent      = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
)

// tagFiles are those whose sums are in tagmanifest-sha256.txt.
var tagFiles = []string{infoFile, bagFile, manifestFile}

// writeBag writes the sums of the payload, and the files of the bag around it.
func (m *maker) writeBag(ctx context.Context, files map[string]bool) error {
	sums := map[string]string{}
	var size int64
	var lock sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(m.r.Workers)
	for name := range files {
		if !strings.HasPrefix(name, dataDir+"/") {
			continue
		}
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			sum, n, err := m.sum(name)
			lock.Lock()
			defer lock.Unlock()
			sums[name] = sum
			size += n
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("computing sums: %w", err)
	}
	tags := map[string]string{
		bagFile:      bagContent,
		infoFile:     bagInfo(*m.b, len(sums), size),
		manifestFile: sumList(sums),
	}
	tagSums := map[string]string{}
	for _, name := range tagFiles {
		tagSums[name] = hexSum([]byte(tags[name]))
		if err := m.disk.write(name, []byte(tags[name])); err != nil {
			return err
		}
	}
	return m.disk.write(tagManifestFile, []byte(sumList(tagSums)))
}

func (m *maker) sum(name string) (string, int64, error) {
	f, err := os.Open(m.disk.path(name))
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), n, err
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// sumList is what sha256sum writes and checks.
func sumList(sums map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(&b, "%s  %s\n", sums[name], name)
	}
	return b.String()
}

// bagInfo is bag-info.txt: one line for each fact (RFC 8493, section 2.2.2).
func bagInfo(b Bundle, files int, size int64) string {
	var out bytes.Buffer
	line := func(label, value string) {
		if value = printable.Line(value); value != "" {
			fmt.Fprintf(&out, "%s: %s\n", label, value)
		}
	}
	line("Source-Organization", b.Registry)
	line("Contact-Name", b.Owner.Display())
	line("Contact-Email", b.Owner.Mail)
	line("External-Identifier", b.Owner.ID)
	line("External-Description", fmt.Sprintf("Container images of %s from %s. Open data/README.html.", b.Owner.Display(), b.Registry))
	line("Internal-Sender-Description", b.Reason)
	line("Bagging-Date", b.Made.Format("2006-01-02"))
	line("Bag-Software-Agent", b.Program)
	line("Payload-Oxum", fmt.Sprintf("%d.%d", size, files))
	return out.String()
}
