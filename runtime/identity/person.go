package identity

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Group is a group that the person belongs to.
type Group struct {
	Name string
	GID  int
}

// Person is the user who runs the job.
type Person struct {
	Name     string
	UID, GID int
	FullName string // the GECOS field
	Home     string // absolute; "/" when there is none
	Shell    string // on the host; the image may lack it
	Groups   []Group
}

// nameServiceTimeout bounds how long a directory server may keep a job waiting
// for nothing but names.
const nameServiceTimeout = 5 * time.Second

// Current finds out who the caller is. It never fails: without an account the
// person has the name of $USER, or "user" and the uid.
func Current(ctx context.Context) Person {
	p := Person{UID: os.Getuid(), GID: os.Getgid()}
	if line := lookup(ctx, "passwd", p.UID); len(line) >= 7 {
		p.Name, p.FullName, p.Home, p.Shell = line[0], line[4], line[5], line[6]
	}
	if p.Name == "" {
		p.Name = sanitize(firstOf(os.Getenv("USER"), os.Getenv("LOGNAME"), "user"+strconv.Itoa(p.UID)))
	}
	// Batch systems set HOME for the job; it is where the job's files are.
	p.Home = CleanHome(firstOf(os.Getenv("HOME"), p.Home))
	p.Shell = firstOf(p.Shell, os.Getenv("SHELL"), "/bin/sh")

	gids, err := os.Getgroups()
	if err != nil {
		gids = nil
	}
	seen := map[int]bool{}
	for _, gid := range append([]int{p.GID}, gids...) {
		if !seen[gid] {
			seen[gid] = true
			p.Groups = append(p.Groups, Group{Name: groupName(ctx, gid), GID: gid})
		}
	}
	return p
}

// CleanHome returns dir as a clean absolute path, "/" if it is not one.
func CleanHome(dir string) string {
	if !filepath.IsAbs(dir) {
		return "/"
	}
	return filepath.Clean(dir)
}

// AsRoot is the same person under the name of root, for images whose programs
// insist on it. The home stays: it is the only one that can be written.
func (p Person) AsRoot() Person {
	p.Name, p.UID, p.GID = "root", 0, 0
	p.Groups = []Group{{Name: "root", GID: 0}}
	return p
}

func groupName(ctx context.Context, gid int) string {
	if line := lookup(ctx, "group", gid); len(line) > 0 && line[0] != "" {
		return line[0]
	}
	return fmt.Sprintf("group%d", gid)
}

// lookup returns the fields of the passwd or group line of id, or nil. Files
// come first. LDAP and its like are only reachable through the C library's
// plug-ins, which a static program cannot load, so getent(1) is asked where
// there is one; without it the job still runs, under the name in $USER.
func lookup(ctx context.Context, database string, id int) []string {
	if text, err := os.ReadFile("/etc/" + database); err == nil {
		if line := findID(text, id); line != nil {
			return line
		}
	}
	ctx, cancel := context.WithTimeout(ctx, nameServiceTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "getent", database, strconv.Itoa(id)).Output()
	if err != nil {
		return nil
	}
	return findID(out, id)
}

// UserID is the uid of the account called name.
func UserID(ctx context.Context, name string) (int, error) { return idOf(ctx, "passwd", name) }

// GroupID is the gid of the group called name.
func GroupID(ctx context.Context, name string) (int, error) { return idOf(ctx, "group", name) }

// idOf looks a name up as lookup does an id.
func idOf(ctx context.Context, database, name string) (int, error) {
	if strings.ContainsAny(name, ":\n") || name == "" {
		return 0, fmt.Errorf("looking for %q: it is no name", name)
	}
	text, err := os.ReadFile("/etc/" + database)
	if err == nil {
		if id, ok := findName(text, name); ok {
			return id, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, nameServiceTimeout)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "getent", database, name).Output(); err == nil {
		if id, ok := findName(out, name); ok {
			return id, nil
		}
	}
	return 0, fmt.Errorf("looking for %q: there is no such name in %s", name, database)
}

// findName returns the id in the first line whose first field is name.
func findName(text []byte, name string) (int, bool) {
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) >= 3 && fields[0] == name {
			id, err := strconv.Atoi(fields[2])
			return id, err == nil
		}
	}
	return 0, false
}

// findID returns the fields of the first line whose third field is id.
func findID(text []byte, id int) []string {
	scanner := bufio.NewScanner(bytes.NewReader(text))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		fields := strings.Split(scanner.Text(), ":")
		if len(fields) >= 3 && fields[2] == strconv.Itoa(id) {
			return fields
		}
	}
	return nil
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// sanitize keeps a name from the environment from breaking passwd's format.
func sanitize(name string) string {
	return strings.Map(func(r rune) rune {
		if r == ':' || r < ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, name)
}
