//go:build e2e

package integration

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// account is a user of the machine.
type account struct {
	name     string
	home     string
	uid, gid int
	groups   []int // supplementary
}

// findUsers decides who runs jrun: the current user, or the test users of
// setup.sh when that is root.
func findUsers() error {
	current, err := user.Current()
	if err != nil {
		return err
	}
	if current.Uid != "0" {
		lab.user, err = newAccount(current)
		return err
	}
	for name, into := range map[string]**account{"jrun-test": &lab.user, "jrun-test2": &lab.other} {
		found, err := user.Lookup(name)
		if err != nil {
			return fmt.Errorf("%w: run integration/setup.sh test", err)
		}
		if *into, err = newAccount(found); err != nil {
			return err
		}
	}
	return nil
}

func newAccount(u *user.User) (*account, error) {
	a := &account{name: u.Username, home: u.HomeDir}
	var err error
	if a.uid, err = strconv.Atoi(u.Uid); err != nil {
		return nil, err
	}
	if a.gid, err = strconv.Atoi(u.Gid); err != nil {
		return nil, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		gid, err := strconv.Atoi(id)
		if err != nil {
			return nil, err
		}
		a.groups = append(a.groups, gid)
	}
	return a, nil
}

// credential makes a child process run as the account. It is nil when the
// tests run as that user anyway.
func (a *account) credential() *syscall.Credential {
	if os.Getuid() == a.uid {
		return nil
	}
	c := &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	for _, gid := range a.groups {
		c.Groups = append(c.Groups, uint32(gid))
	}
	return c
}

// mkdir makes a directory that belongs to the account.
func (a *account) mkdir(path string) error {
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	return os.Chown(path, a.uid, a.gid)
}

// environment is the whole environment of a login.
func (a *account) environment() map[string]string {
	return map[string]string{
		"HOME": a.home, "USER": a.name, "LOGNAME": a.name, "SHELL": "/bin/bash",
		"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "dumb",
	}
}
