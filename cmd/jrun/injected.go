package main

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/image/provenance"
)

// injectedLines tell what of the host was inside, a directory of the host a line: the
// names of libraries hold their versions.
func injectedLines(list []provenance.Injection) []string {
	var dirs, variables []string
	names := map[string][]string{} // by directory
	for _, i := range list {
		if i.Source == "" {
			variables = append(variables, injectedVariable(i))
			continue
		}
		dir := path.Dir(i.Source)
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
		names[dir] = append(names[dir], shellWordIfOdd(path.Base(i.Source)))
	}
	var lines []string
	for _, dir := range dirs {
		lines = append(lines, fmt.Sprintf("%s: %s", shellWordIfOdd(dir), strings.Join(names[dir], ", ")))
	}
	return append(lines, variables...)
}

func injectedVariable(i provenance.Injection) string {
	value := i.Value
	if i.Secret {
		value = "(a secret)"
	}
	return shellWordIfOdd(i.Destination + "=" + value)
}
