package dockerfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/inside"
	"github.com/jrun-hpc/jrun/vmtemplate/rootless"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
)

// handover is what a build tells its RUNs beside what buildah does: through a directory
// that buildah is asked to mount at inside.Ours for RUNs only. It is never mounted; its
// place in the specification tells where it is.
type handover struct {
	IDs   rootless.IDs
	Env   []string          // beneath the Dockerfile's own
	Files map[string][]byte // name below inside.Ours -> content
}

// Files of the directory.
const (
	handoverFile = "handover.json"
	faultFile    = "fault" // why a program could not be run
)

// ofSessions are variables that are for somebody who sits before a terminal.
var ofSessions = []string{"LANG", "TERM", "COLORTERM", "NO_COLOR"}

// handOver writes the directory, below tmp.
func handOver(tmp string, ids rootless.IDs) (dir string, err error) {
	machine := workspace.ThisMachine(ids, inside.Ours, "")
	h := handover{IDs: ids, Files: machine.Files}
	delete(h.Files, "hosts") // buildah writes one
	for _, line := range machine.Env {
		if name, _, _ := strings.Cut(line, "="); !slices.Contains(ofSessions, name) {
			h.Env = append(h.Env, line)
		}
	}
	raw, err := json.Marshal(h)
	if err != nil {
		return "", fmt.Errorf("preparing the environment of a build: %w", err)
	}
	dir = filepath.Join(tmp, "handover")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("preparing the environment of a build: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, handoverFile), raw, 0o600); err != nil {
		return "", fmt.Errorf("preparing the environment of a build: %w", err)
	}
	return dir, nil
}

func readHandover(dir string) (handover, error) {
	var h handover
	raw, err := os.ReadFile(filepath.Join(dir, handoverFile))
	if err == nil {
		err = json.Unmarshal(raw, &h)
	}
	if err != nil {
		return h, fmt.Errorf("reading the environment of a build: %w", err)
	}
	return h, nil
}

// faultOf is why a RUN's program could not be run, if that is what happened.
func faultOf(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, faultFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.New(string(text))
}
