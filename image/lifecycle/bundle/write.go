package bundle

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/printable"
)

// write writes a file of the payload and remembers that it belongs there.
func (m *maker) write(name string, content []byte) error {
	if m.written == nil {
		m.written = map[string]bool{}
	}
	m.written[path.Clean(name)] = true
	return m.disk.write(name, content)
}

func (m *maker) writeJSON(name string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", name, err)
	}
	return m.write(name, append(text, '\n'))
}

// writeAll writes everything but blobs, removes what does not belong there, and ends
// with the sums. From then on only the name is missing.
func (m *maker) writeAll(ctx context.Context) error {
	html, text, err := readme(*m.b)
	if err != nil {
		return err
	}
	texts := map[string][]byte{layoutFile: []byte(layoutContent), digestsFile: digests(*m.b), htmlFile: html, textFile: text}
	for _, name := range sorted([]string{layoutFile, digestsFile, htmlFile, textFile}) {
		if err := m.write(name, texts[name]); err != nil {
			return err
		}
	}
	if err := m.writeJSON(indexFile, m.layoutIndex()); err != nil {
		return err
	}
	if err := m.writeJSON(bundleFile, *m.b); err != nil {
		return err
	}
	if err := m.writeJSON(crateFile, crate(*m.b)); err != nil {
		return err
	}
	expected := m.expected()
	expected[snapshotFile] = true
	if err := m.disk.keepOnly(".", func(name string) bool { return expected[path.Clean(name)] }); err != nil {
		return err
	}
	if err := m.disk.mkdir(imagesDir + "/blobs/sha256"); err != nil { // a layout has it also without an image
		return err
	}
	if err := m.writeBag(ctx, expected); err != nil {
		return err
	}
	// In this order: without the snapshot the directory counts as whole.
	if err := m.disk.settle(); err != nil {
		return err
	}
	if err := m.disk.remove(snapshotFile); err != nil {
		return err
	}
	return m.disk.settle()
}

// digests is digests.txt: one line for each name, with its digest.
func digests(b Bundle) []byte {
	var lines []string
	for _, image := range b.Images {
		for _, tag := range image.Tags {
			lines = append(lines, fmt.Sprintf("%s  %s/%s:%s", image.Digest, b.Registry, image.Repository, tag))
		}
		if len(image.Tags) == 0 {
			lines = append(lines, fmt.Sprintf("%s  %s/%s", image.Digest, b.Registry, image.Repository))
		}
		for _, a := range image.Accessories {
			lines = append(lines, fmt.Sprintf("%s  %s/%s (%s of %s)", a.Digest, b.Registry, image.Repository, printable.Line(a.Type), a.Subject))
		}
	}
	slices.SortFunc(lines, func(a, b string) int {
		digestA, nameA, _ := strings.Cut(a, " ")
		digestB, nameB, _ := strings.Cut(b, " ")
		return cmp.Or(cmp.Compare(nameA, nameB), cmp.Compare(digestA, digestB))
	})
	if len(lines) == 0 {
		return nil
	}
	return []byte(strings.Join(lines, "\n") + "\n")
}
