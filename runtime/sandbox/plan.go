package sandbox

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
)

// plan is what the holder and the builder are told.
type plan struct {
	Spec
	MountDir string // where M1 mounts its tmpfs, and on it the image
	UID, GID int    // inside
}

// Places on the tmpfs of M1.
func (p *plan) imageDir() string { return filepath.Join(p.MountDir, "root") }
func (p *plan) devDir() string   { return filepath.Join(p.MountDir, "dev") }
func (p *plan) stateDir() string { return filepath.Join(p.MountDir, "state") }
func (p *plan) emptyDir(i int) string {
	return filepath.Join(p.MountDir, fmt.Sprint("empty-", i))
}
func (p *plan) mergedDir() string { return filepath.Join(p.MountDir, "merged") }

// mountDirs are directories that exist on nearly every machine and that no job
// wants to see. M1 covers one of them; nobody outside M1 notices.
var mountDirs = []string{"/root", "/boot", "/lost+found", "/srv", "/media", "/mnt", "/opt", "/usr/games", "/usr/src", "/usr/local/src"}

// chooseMountDir returns the first directory of candidates that no bind needs.
func chooseMountDir(candidates []string, binds []Bind) (string, error) {
	needed := func(dir string) bool {
		for _, b := range binds {
			source, err := filepath.EvalSymlinks(b.Source)
			if err != nil {
				source = b.Source
			}
			if within(dir, source) && source != "/" || within(source, dir) {
				return true
			}
		}
		return false
	}
	for _, dir := range candidates {
		if info, err := os.Lstat(dir); err == nil && info.IsDir() && !needed(dir) {
			return dir, nil
		}
	}
	return "", fault.Because("every one of %s is missing or is a source of --bind", strings.Join(candidates, ", "))
}

// within reports whether name is dir or lies below it. Both are clean.
func within(name, dir string) bool {
	return name == dir || dir == "/" || strings.HasPrefix(name, dir+"/")
}

func (p *plan) marshal() (*os.File, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encoding the plan of the sandbox: %w", err)
	}
	return memoryFile("jrun-plan", text)
}

// readPlan reads the plan from descriptor fd, which stays at its start so that
// the next stage can read it again.
func readPlan(fd uintptr) (*plan, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return nil, fmt.Errorf("reading the plan of the sandbox: %w", err)
	}
	p := new(plan)
	if err := json.Unmarshal(text, p); err != nil {
		return nil, fmt.Errorf("decoding the plan of the sandbox: %w", err)
	}
	return p, nil
}

// systemDirs must exist inside whatever the image brings.
var systemDirs = []string{"/dev", "/proc", "/sys", "/tmp"}

// mountPoints lists the directories and files that the binds need inside.
func (p *plan) mountPoints() (dirs, files []string) {
	dirs = append(dirs, systemDirs...)
	dirs = append(dirs, p.EmptyDirs...)
	for _, b := range p.Binds {
		if p.coveredByBind(b.Destination) {
			continue // it lies in the host's tree, not in the image's
		}
		if b.Dir {
			dirs = append(dirs, path.Clean(b.Destination))
		} else {
			files = append(files, path.Clean(b.Destination))
		}
	}
	return dirs, files
}

func (p *plan) coveredByBind(destination string) bool {
	for _, b := range p.Binds {
		if b.Dir && b.Destination != destination && within(destination, b.Destination) {
			return true
		}
	}
	return false
}
