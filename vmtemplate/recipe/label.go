package recipe

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// Labels of an image that carry its recipe. A value is the text itself, or "zlib:" and
// the text compressed and in base64.
const (
	LabelDockerfile = "io.github.jrun-hpc.jbuild.dockerfile"
	LabelLock       = "io.github.jrun-hpc.jbuild.lock"
	LabelFiles      = "io.github.jrun-hpc.jbuild.files" // JSON: contents by path
)

const (
	packed      = "zlib:"
	mostPlain   = 1 << 10   // bytes of a label that is not compressed
	mostFiles   = 64 << 10  // bytes of all files in a label, compressed; others are taken out of the image
	mostLabel   = 4 << 20   // bytes of a label that is read
	mostInLabel = 256 << 20 // bytes of what is in it
)

// Labels are those for the image: of OCI (image-spec, annotations), and the recipe.
// Files stay out if they are too big for labels: they are in the image, at their paths.
func (r Recipe) Labels() (map[string]string, error) {
	lock, err := json.Marshal(r.Lock)
	if err != nil {
		return nil, fmt.Errorf("writing the lock: %w", err)
	}
	all := map[string]string{
		"org.opencontainers.image.created":     r.Lock.Created.Format(time.RFC3339),
		"org.opencontainers.image.title":       r.Lock.Name,
		"org.opencontainers.image.base.name":   r.Lock.Base.Reference,
		"org.opencontainers.image.base.digest": r.Lock.Base.Digest,
		LabelDockerfile:                        pack([]byte(r.Dockerfile)),
		LabelLock:                              pack(lock),
	}
	if len(r.Files) > 0 {
		files, err := json.Marshal(r.Files)
		if err != nil {
			return nil, fmt.Errorf("writing the recipe's files: %w", err)
		}
		if label := pack(files); len(label) <= mostFiles {
			all[LabelFiles] = label
		}
	}
	for name, value := range all {
		if value == "" {
			delete(all, name)
		}
	}
	return all, nil
}

func pack(text []byte) string {
	if len(text) <= mostPlain && !bytes.HasPrefix(text, []byte(packed)) {
		return string(text)
	}
	var out bytes.Buffer
	w, _ := zlib.NewWriterLevel(&out, zlib.BestCompression)
	_, _ = w.Write(text) // to memory
	_ = w.Close()
	return packed + base64.StdEncoding.EncodeToString(out.Bytes())
}

// unpack has bounds: labels are written by whoever has made the image.
func unpack(label string) ([]byte, error) {
	if len(label) > mostLabel {
		return nil, errors.New("it is too long")
	}
	text, ok := strings.CutPrefix(label, packed)
	if !ok {
		return []byte(label), nil
	}
	r, err := zlib.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(text)))
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, mostInLabel+1))
	if err == nil && len(data) > mostInLabel {
		err = errors.New("it is too long")
	}
	return data, err
}

// FromLabels reads a recipe out of an image's labels; ok is false if there is none.
func FromLabels(labels map[string]string) (r Recipe, ok bool, err error) {
	if labels[LabelDockerfile] == "" || labels[LabelLock] == "" {
		return Recipe{}, false, nil
	}
	dockerfile, err := unpack(labels[LabelDockerfile])
	if err != nil {
		return Recipe{}, false, message.Fail(message.Of("recipe.label", LabelDockerfile), err)
	}
	lock, err := unpack(labels[LabelLock])
	if err != nil {
		return Recipe{}, false, message.Fail(message.Of("recipe.label", LabelLock), err)
	}
	r = Recipe{Dockerfile: string(dockerfile), Files: map[string][]byte{}}
	if r.Lock, err = readLock(lock); err != nil {
		return Recipe{}, false, err
	}
	if label, there := labels[LabelFiles]; there {
		files, err := unpack(label)
		if err == nil {
			err = json.Unmarshal(files, &r.Files)
		}
		if err != nil {
			return Recipe{}, false, message.Fail(message.Of("recipe.label", LabelFiles), err)
		}
	}
	return r, true, r.check()
}

func readLock(data []byte) (Lock, error) {
	var l Lock
	if err := json.Unmarshal(data, &l); err != nil {
		return Lock{}, message.Fail(message.Of("recipe.lock"), err)
	}
	if l.Schema != Schema {
		return Lock{}, message.Fail(message.Of("recipe.schema", l.Schema), nil, message.Of("recipe.schema.next"))
	}
	return l, nil
}

// check compares files with their sums; a file that is not in the lock has no place in
// the recipe.
func (r Recipe) check() error {
	known := map[string]string{}
	for _, f := range r.Lock.Files {
		known[f.Path] = f.SHA256
	}
	for name, data := range r.Files {
		if known[name] != sum(data) {
			return message.Fail(message.Of("recipe.sum", name), nil, message.Of("recipe.sum.next"))
		}
	}
	return nil
}

// Missing are the files of the lock whose contents the recipe does not have: they are
// to be taken out of the image, at their paths, and given to Supply.
func (r Recipe) Missing() []File {
	var all []File
	for _, f := range r.Lock.Files {
		if _, have := r.Files[f.Path]; !have {
			all = append(all, f)
		}
	}
	return all
}

// Supply gives the recipe the contents of a file that it misses.
func (r Recipe) Supply(name string, data []byte) error {
	r.Files[name] = data
	err := r.check()
	if err != nil {
		delete(r.Files, name)
	}
	return err
}
