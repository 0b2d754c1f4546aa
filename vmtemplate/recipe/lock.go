package recipe

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/inventory"
)

// Schema is the version of Lock that this program writes. Older programs refuse newer
// ones.
const Schema = 1

// Lock is what a Dockerfile cannot say: what exactly there was when it was made.
type Lock struct {
	Schema   int                 `json:"schema"`
	JBuild   string              `json:"jbuild"` // version of the program
	Created  time.Time           `json:"created"`
	Name     string              `json:"name"`
	Base     Pin                 `json:"base"`
	Packages inventory.Inventory `json:"packages"`
	Files    []File              `json:"files,omitempty"`
	Left     []Left              `json:"left,omitempty"`
}

// Pin is an image that does not change.
type Pin struct {
	Reference string `json:"reference"` // registry/project/name:tag
	Digest    string `json:"digest"`    // sha256:…
}

// File is one that is copied in.
type File struct {
	Path   string      `json:"path"` // inside, absolute
	SHA256 string      `json:"sha256"`
	Bytes  int64       `json:"bytes"`
	Mode   fs.FileMode `json:"mode"` // permissions
}

// Left is something that was done and is not in the Dockerfile.
type Left struct {
	Reason  Reason   `json:"reason"`
	Command string   `json:"command,omitempty"` // without secrets; nothing if it was one
	Status  int      `json:"status,omitempty"`  // of a command that failed
	Changed []string `json:"changed,omitempty"` // paths that it changed, the first ones
	More    int      `json:"more,omitempty"`    // how many paths more
}

// Reason is why something that was done is not in the Dockerfile.
type Reason string

// The reasons.
const (
	Failed      Reason = "failed"      // it ended with an error, or was interrupted
	Secret      Reason = "secret"      // there is a password or a token in it
	Interactive Reason = "interactive" // it was done inside of a program
	Unrecorded  Reason = "unrecorded"  // the shell's history was off
	TooBig      Reason = "too-big"     // a file was brought in that is too big for a recipe
	SecretFile  Reason = "secret-file" // a file was written that looks like one with secrets
)

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}
