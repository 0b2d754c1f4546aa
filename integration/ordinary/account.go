// Package ordinary finds an ordinary user to run jrun as. Tests, benchmarks
// and the demonstration often run as root, in a container or in CI, and jrun
// must be seen to work without.
package ordinary

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// Account is a user of this machine.
type Account struct {
	Name     string
	Home     string
	UID, GID int
	Groups   []int // supplementary
}

// Current is the current user, or the user called name, whom
// integration/setup.sh makes, when that is root.
func Current(name string) (*Account, error) {
	current, err := user.Current()
	if err != nil {
		return nil, fmt.Errorf("finding the current user: %w", err)
	}
	if current.Uid == "0" {
		if current, err = user.Lookup(name); err != nil {
			return nil, fmt.Errorf("%w: run integration/setup.sh first", err)
		}
	}
	a := &Account{Name: current.Username, Home: current.HomeDir}
	ids, err := current.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("finding the groups of %s: %w", current.Username, err)
	}
	for _, id := range ids {
		gid, err := strconv.Atoi(id)
		if err != nil {
			return nil, fmt.Errorf("finding the groups of %s: %w", current.Username, err)
		}
		a.Groups = append(a.Groups, gid)
	}
	a.UID, err = strconv.Atoi(current.Uid)
	if err == nil {
		a.GID, err = strconv.Atoi(current.Gid)
	}
	return a, err
}

// Credential makes a child process run as the account; nil when this process
// does already.
func (a *Account) Credential() *syscall.Credential {
	if os.Getuid() == a.UID {
		return nil
	}
	c := &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID)}
	for _, gid := range a.Groups {
		c.Groups = append(c.Groups, uint32(gid))
	}
	return c
}

// Mkdir makes a directory that belongs to the account.
func (a *Account) Mkdir(path string) error {
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	return os.Chown(path, a.UID, a.GID)
}

// Environment is the whole environment of a login.
func (a *Account) Environment() map[string]string {
	return map[string]string{
		"HOME": a.Home, "USER": a.Name, "LOGNAME": a.Name, "SHELL": "/bin/bash",
		"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "dumb",
	}
}

// CopyBinary copies jrun from the checkout at root to dir, where every user
// can reach it, and returns its path. The checkout may be in root's home.
func CopyBinary(root, dir string) (string, error) {
	in, err := os.Open(filepath.Join(root, "bin", "jrun"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", errors.New("there is no bin/jrun: run `make build` first")
	}
	if err != nil {
		return "", err
	}
	defer in.Close()
	path := filepath.Join(dir, "jrun")
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(out, in)
	return path, errors.Join(err, out.Close())
}
