package images

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// HostTools is an image of the machine's own shell and the given programs,
// with the libraries they need: the smallest real system that can be had
// without a package manager.
func HostTools(ctx context.Context, f Flavour, programs ...string) (v1.Image, error) {
	entries := []Entry{
		Dir("tmp", 0o1777),
		File("etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\n"),
		File("etc/group", 0o644, "root:x:0:\n"),
	}
	paths := map[string]bool{"/etc/os-release": true, "/bin/sh": true}
	for _, program := range append(programs, "/bin/sh") {
		path, err := exec.LookPath(program)
		if err != nil {
			return nil, fmt.Errorf("looking for the host's %s: %w", program, err)
		}
		paths[path] = true
		libraries, err := librariesOf(ctx, path)
		if err != nil {
			return nil, err
		}
		for _, library := range libraries {
			paths[library] = true
		}
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) { // the same image each time
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("copying the host's %s: %w", path, err)
		}
		entries = append(entries, File(strings.TrimPrefix(path, "/"), 0o755, string(content)))
	}
	layer, err := entriesLayer(f, entries...)
	if err != nil {
		return nil, err
	}
	return Compose(f, v1.Config{Env: []string{debianPath}, Cmd: []string{"/bin/sh"}}, layer)
}

// librariesOf lists the files that the dynamic linker maps for a program.
func librariesOf(ctx context.Context, program string) ([]string, error) {
	out, err := exec.CommandContext(ctx, "ldd", program).Output()
	if err != nil {
		return nil, fmt.Errorf("finding the libraries of %s with ldd: %w", program, err)
	}
	var paths []string
	for line := range strings.Lines(string(out)) {
		// "\tNAME => PATH (ADDRESS)" or, for the linker, "\tPATH (ADDRESS)"
		if _, path, found := strings.Cut(line, "=> "); found {
			line = path
		}
		path, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(path, "/") {
			paths = append(paths, path)
		}
	}
	return paths, nil
}
