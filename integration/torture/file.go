package torture

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// File is one name in the merged image.
type File struct {
	Type   byte   // 'f', 'd', 'l', 'c', 'b' or 'p'
	Mode   uint32 // permission bits, setuid, setgid and sticky as in stat(2)
	UID    uint32
	GID    uint32
	MTime  int64  // seconds since the epoch
	Size   int64  // bytes, of a regular file
	SHA256 string // of a regular file's content, hexadecimal
	Target string // of a symbolic link
	Xattrs map[string]string
	Nlink  uint32
	Major  uint32 // of a device
	Minor  uint32
}

// moment is the time of everything that does not say otherwise.
var moment = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

// The functions below make expectations; the with… methods refine them.

func isFile(content []byte) File {
	return File{Type: 'f', Mode: 0o644, MTime: moment.Unix(), Size: int64(len(content)), SHA256: sum(content), Nlink: 1}
}

func isText(content string) File { return isFile([]byte(content)) }

func isDir(subdirs int) File {
	return File{Type: 'd', Mode: 0o755, MTime: moment.Unix(), Nlink: uint32(2 + subdirs)}
}

// isImplied is a directory that no layer mentions.
func isImplied(subdirs int) File { return File{Type: 'd', Mode: 0o755, Nlink: uint32(2 + subdirs)} }

func isLink(target string) File {
	return File{Type: 'l', Mode: 0o777, MTime: moment.Unix(), Target: target, Nlink: 1}
}

func isDevice(kind byte, major, minor uint32) File {
	return File{Type: kind, Mode: 0o644, MTime: moment.Unix(), Nlink: 1, Major: major, Minor: minor}
}

func (f File) withMode(mode uint32) File      { f.Mode = mode; return f }
func (f File) withOwner(uid, gid uint32) File { f.UID, f.GID = uid, gid; return f }
func (f File) withTime(seconds int64) File    { f.MTime = seconds; return f }
func (f File) withNlink(n uint32) File        { f.Nlink = n; return f }
func (f File) withXattrs(x map[string]string) File {
	f.Xattrs = x
	return f
}
