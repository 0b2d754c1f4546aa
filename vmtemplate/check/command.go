package check

import (
	"bytes"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/identity"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// commandRule: what the image says about how it wants to be started. Under jrun a
// command is run as it is, and the entry point only if there is none; the user is
// always the caller; volumes are not made.
type commandRule struct{ unvisited }

// largestScript is how much of an entry point is read, in bytes.
const largestScript = 64 << 10

// plainEntries change nothing about the command that they are given.
var plainEntries = []string{"sh", "bash", "dash", "tini", "dumb-init", "catatonit", "env", "nvidia_entrypoint.sh"}

func (*commandRule) judge(x *examination) ([]Finding, error) {
	var all []Finding
	if entry := x.Config.Entrypoint; len(entry) > 0 {
		all = append(all, x.entryFindings(entry)...)
	}
	user, _, _ := strings.Cut(x.Config.User, ":")
	if user != "" && user != "root" && user != "0" {
		all = append(all, finding("user", Advises, message.Of("check.user", user)))
	}
	if len(x.Config.Volumes) > 0 {
		var volumes paths
		for _, name := range slices.Sorted(maps.Keys(x.Config.Volumes)) {
			volumes.add(strings.TrimPrefix(name, "/"))
		}
		all = append(all, finding("volumes", Warns, message.Of("check.volumes"), message.Of("check.volumes.next", volumes.shown[0])).at(volumes))
	}
	return all, nil
}

func (x *examination) entryFindings(entry []string) []Finding {
	script, found := x.lookPath(entry[0])
	if !found {
		return []Finding{finding("entrypoint", Warns, message.Of("check.entrypoint-missing", entry[0]))}
	}
	program := path.Base(entry[0])
	if slices.Contains(plainEntries, program) && (len(entry) == 1 || program != "sh" && program != "bash" && program != "dash") {
		return nil
	}
	text, err := readHead(x.Files, script, largestScript)
	if err != nil || !bytes.HasPrefix(text, []byte("#!")) {
		return []Finding{finding("entrypoint", Advises, message.Of("check.entrypoint", strings.Join(entry, " ")), message.Of("check.entrypoint.next", entry[0]))}
	}
	// A script that prepares the environment and then becomes the command: what it
	// prepares is missing in jobs.
	if bytes.Contains(text, []byte("exec ")) && (bytes.Contains(text, []byte("export ")) || bytes.Contains(text, []byte("source ")) || bytes.Contains(text, []byte("\n. ")) || bytes.Contains(text, []byte("activate"))) {
		return []Finding{finding("entrypoint", Warns, message.Of("check.entrypoint-prepares", entry[0]), message.Of("check.entrypoint-prepares.next"), message.Of("check.entrypoint.next", entry[0]))}
	}
	return []Finding{finding("entrypoint", Advises, message.Of("check.entrypoint", strings.Join(entry, " ")), message.Of("check.entrypoint.next", entry[0]))}
}

// lookPath finds a program of the image.
func (x *examination) lookPath(program string) (string, bool) {
	candidates := []string{program}
	if !strings.Contains(program, "/") {
		candidates = nil
		for dir := range strings.SplitSeq(identity.SearchPath(x.Config.Env), ":") {
			candidates = append(candidates, path.Join(dir, program))
		}
	} else if !path.IsAbs(program) {
		candidates = []string{path.Join(x.Config.WorkingDir, program)}
	}
	for _, name := range candidates {
		if info, err := fs.Stat(x.Files, inside(name)); err == nil && info.Mode().IsRegular() {
			return inside(name), true
		}
	}
	return "", false
}
