package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
)

// Bind shows a file or directory of the host inside.
type Bind struct {
	Source      string // absolute path on the host
	Destination string // absolute path inside
	ReadOnly    bool
	Dir         bool // Source is a directory
}

// Device shows a device of the host inside. What is not named here is not in the
// job's /dev, but for the nodes that every program expects.
type Device struct {
	Source string // absolute path on the host
	Name   string // below /dev, inside: dri/renderD128
}

// File is a small file that is not in the image, or replaces the image's.
type File struct {
	Path    string // absolute path inside
	Content []byte
	Program bool // may be executed
}

// Spec says what a sandbox looks like from inside.
type Spec struct {
	Image *os.File `json:"-"` // the squashfs file, open for reading

	// Lease is a beacon (package presence) that the sandbox keeps while it lives;
	// nil for none.
	Lease *os.File `json:"-"`

	Binds         []Bind // in the order of mounting
	Devices       []Device
	Files         []File
	EmptyDirs     []string // directories in memory, empty and writable at the start
	WritableTmpfs bool     // an overlay in memory makes every path writable
	Root          bool     // the job appears as uid and gid 0

	// Profile is the file in which the start-up profile is kept (see
	// squash/profile); empty for none. It need not exist.
	Profile string

	// Job is the batch job that the sandbox ends with. It may be zero.
	Job Job

	// Note is returned to every process that enters, so that what the creator
	// found out about the image is not found out again by each rank.
	Note json.RawMessage
}

// Job is a batch job on this machine.
type Job struct {
	ID string // is PBS_JOBID in the holder's environment, for whoever looks what is left

	// File is there as long as the job is. When it goes the sandbox ends, with all
	// that runs in it. Empty, or a file that is not there at the start: not watched.
	File string
}

// Key names a sandbox. Two processes that come with equal keys are put into
// the same one, so a key must depend on everything that Spec depends on.
type Key string

// socket is where the processes of a sandbox meet (package rendezvous).
func (k Key) socket() string { return fmt.Sprintf("jrun/%d/%s", os.Getuid(), string(k)) }

// NewKey hashes parts, and adds what must never differ among the processes of
// one sandbox: the user and the namespaces that they come from.
func NewKey(parts ...any) (Key, error) {
	var from []string
	for _, kind := range []string{"user", "mnt"} {
		name, err := os.Readlink("/proc/self/ns/" + kind)
		if err != nil {
			return "", fmt.Errorf("reading the name of the %s namespace: %w", kind, err)
		}
		from = append(from, name)
	}
	text, err := json.Marshal([]any{os.Getuid(), os.Getgid(), from, parts})
	if err != nil {
		return "", fmt.Errorf("encoding the sandbox's key: %w", err)
	}
	sum := sha256.Sum256(text)
	return Key(hex.EncodeToString(sum[:16])), nil
}
