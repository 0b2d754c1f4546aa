// Package hostprogram makes programs of the host run inside any image, whose C
// library may be another one or none: such as those by which a job asks its batch
// system for more processes.
//
// A program is started through a script, by the host's own dynamic loader, which
// looks for libraries in the host's directories (ld.so(8), --library-path). Those are
// shown inside, read-only, below [Root]; nothing of the image is replaced, and
// the programs of the image do not see them.
package hostprogram

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/hostlib"
)

// Places inside.
const (
	Root = "/run/jrun/host" // the host's directories, each under its own name
	Bin  = "/run/jrun/bin"  // the scripts
)

// Script starts a program of the host inside.
type Script struct {
	Path string // inside: Bin and the program's name
	Text string
}

// Bring returns what must be inside so that program, a path on the host that is shown
// inside under the same name, can be started by the script: the host's directories
// Libraries, to be shown below Root. It has none for a static program.
func Bring(program string) (s Script, libraries []string, err error) {
	s.Path = filepath.Join(Bin, filepath.Base(program))
	s.Text = fmt.Sprintf("#!/bin/sh\nexec %s \"$@\"\n", quoted(program))
	f, err := elf.Open(program)
	var notELF *elf.FormatError
	if errors.As(err, &notELF) || errors.Is(err, io.EOF) {
		return s, nil, nil // a script
	}
	if err != nil {
		return Script{}, nil, fmt.Errorf("looking at %s: %w", program, err)
	}
	defer func() { _ = f.Close() }()
	loader, err := interpreter(f)
	if err != nil || loader == "" {
		return s, nil, err
	}
	if loader, err = filepath.EvalSymlinks(loader); err != nil {
		return Script{}, nil, fmt.Errorf("looking for the loader of %s: %w", program, err)
	}
	search := hostlib.Directories("/")
	if dir := filepath.Dir(loader); !slices.Contains(search, dir) {
		search = append(search, dir)
	}
	var inside []string
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		paths, err := f.DynString(tag)
		if err != nil {
			return Script{}, nil, fmt.Errorf("looking at %s: %w", program, err)
		}
		for _, path := range paths {
			own := strings.ReplaceAll(path, "$ORIGIN", filepath.Dir(program))
			inside = append(inside, filepath.SplitList(own)...)
		}
	}
	for _, dir := range search {
		inside = append(inside, filepath.Join(Root, dir))
	}
	s.Text = fmt.Sprintf("#!/bin/sh\nexec %s --library-path %s %s \"$@\"\n",
		quoted(filepath.Join(Root, loader)), quoted(strings.Join(inside, ":")), quoted(program))
	return s, search, nil
}

// interpreter is what PT_INTERP names; empty for a static program.
func interpreter(f *elf.File) (string, error) {
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP || p.Filesz > 4096 {
			continue
		}
		name := make([]byte, p.Filesz)
		if _, err := p.ReadAt(name, 0); err != nil {
			return "", fmt.Errorf("reading the name of the loader: %w", err)
		}
		return strings.TrimRight(string(name), "\x00"), nil
	}
	return "", nil
}

// quoted is a word of a shell script.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
