package images

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Bad is an image that must end in an error, and Name says why.
type Bad struct {
	Name  string
	Image v1.Image
}

// Hostile makes the bad images. All of them are well-formed enough for a
// registry to take them.
func Hostile() ([]Bad, error) {
	makers := []struct {
		name string
		make func() (v1.Layer, error)
	}{
		{"name-leads-out", named("../escape")},
		{"name-leads-out-in-the-middle", named("usr/../../escape")},
		{"name-is-absolute", named("/etc/escape")},
		{"name-holds-nul", nulName},
		{"hard-link-leads-out", hardLinkOut},
		{"gzip-cut-short", gzipCutShort},
		{"tar-cut-short", tarCutShort},
		{"diffid-differs", diffIDDiffers},
		{"layer-is-no-tar", noTar},
	}
	var all []Bad
	for _, m := range makers {
		layer, err := m.make()
		if err != nil {
			return nil, fmt.Errorf("making the bad layer %q: %w", m.name, err)
		}
		img, err := Compose(OCI, v1.Config{Entrypoint: []string{"/bin/true"}}, layer)
		if err != nil {
			return nil, fmt.Errorf("making the bad image %q: %w", m.name, err)
		}
		all = append(all, Bad{m.name, img})
	}
	return all, nil
}

func named(name string) func() (v1.Layer, error) {
	return func() (v1.Layer, error) {
		return entriesLayer(OCI, File("usr/bin/ok", 0o755, "fine"), File(name, 0o644, "not fine"))
	}
}

// nulName has a PAX record that names a file with a NUL inside. Go's own tar
// writer refuses to make one, so a placeholder in the bytes is replaced.
func nulName() (v1.Layer, error) {
	const placeholder = "etc/before\x7fafter"
	entry := Entry{
		Header:  tar.Header{Name: placeholder + "-é", Mode: 0o644, Format: tar.FormatPAX},
		Content: []byte("not fine"),
	}
	data, err := Tar(entry)
	if err != nil {
		return nil, err
	}
	tarBytes := bytes.ReplaceAll(data, []byte("before\x7fafter"), []byte("before\x00after"))
	if bytes.Equal(tarBytes, data) {
		return nil, errors.New("the placeholder is not in the PAX record")
	}
	return compressed(tarBytes)
}

func hardLinkOut() (v1.Layer, error) {
	return entriesLayer(OCI, File("usr/bin/ok", 0o755, "fine"), Link("usr/escape", "../../etc/passwd"))
}

// gzipCutShort ends in the middle of the compressed stream. The digest is that
// of what is there, so only decompressing finds out.
func gzipCutShort() (v1.Layer, error) {
	full, err := bulkTar()
	if err != nil {
		return nil, err
	}
	var compressed bytes.Buffer
	if err := OCI.compress(&compressed, bytes.NewReader(full)); err != nil {
		return nil, err
	}
	return layerOf(compressed.Bytes()[:compressed.Len()/2], full), nil
}

// tarCutShort ends in the middle of a file, in a sound gzip stream and with a
// diffID that agrees.
func tarCutShort() (v1.Layer, error) {
	full, err := bulkTar()
	if err != nil {
		return nil, err
	}
	return compressed(full[:len(full)/2])
}

func diffIDDiffers() (v1.Layer, error) {
	data, err := bulkTar()
	if err != nil {
		return nil, err
	}
	var compressed bytes.Buffer
	if err := OCI.compress(&compressed, bytes.NewReader(data)); err != nil {
		return nil, err
	}
	return layerOf(compressed.Bytes(), []byte("something else")), nil
}

func noTar() (v1.Layer, error) {
	return compressed(bytes.Repeat([]byte("this is no tar "), 1000))
}

func compressed(tarBytes []byte) (v1.Layer, error) { return NewLayer(OCI, tarBytes) }

// bulkTar has a file that does not compress away, so that half of it is still
// in the middle of something.
func bulkTar() ([]byte, error) {
	content := make([]byte, 300_000)
	state := uint32(1)
	for i := range content {
		state = state*1664525 + 1013904223 // Numerical Recipes' generator
		content[i] = byte(state >> 24)
	}
	return Tar(File("usr/bin/ok", 0o755, "fine"), File("usr/bulk", 0o644, string(content)))
}
