package image

import (
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"

	helper "github.com/docker/docker-credential-helpers/client"
	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/store"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
)

// ErrNotLoggedIn is wrapped by Logout's error when there is nothing to remove.
var ErrNotLoggedIn = errors.New("no login was found")

// RemovedLogin is a login that is no more.
type RemovedLogin struct {
	Registry string // HOST or HOST/PROJECT
	From     string // a file, or a credential helper
}

// Logout removes the logins for a registry, or a part of one, from everywhere
// that image/v5 looks for them. With Options.AuthFile it removes them from that
// file only. An error leaves those removed that are returned.
func (c *Client) Logout(st *store.Store, from LoginTarget) ([]RemovedLogin, error) {
	l := logout{from: from.key}
	l.all(c)
	stampLogin(st)
	if l.failed == nil && len(l.removed) == 0 {
		next := fault.Say("see which there are: grep -A1 auths ~/.config/containers/auth.json")
		if len(l.others) > 0 {
			next = fault.Say("log out of what there is: jrun logout %s", strings.Join(slices.Compact(slices.Sorted(slices.Values(l.others))), ", jrun logout "))
		}
		return nil, fault.Newf(ErrNotLoggedIn, next, "you are not logged in to %s", from)
	}
	return l.removed, l.failed
}

// LogoutAll removes all logins, as Logout does.
func (c *Client) LogoutAll(st *store.Store) ([]RemovedLogin, error) {
	l := logout{}
	l.all(c)
	stampLogin(st)
	return l.removed, l.failed
}

// logout is one going round.
type logout struct {
	from    string // the registry; empty for all
	removed []RemovedLogin
	others  []string // other parts of the registry with logins
	failed  error
}

func (l *logout) all(c *Client) {
	for _, file := range c.authFiles() {
		if err := l.file(file); err != nil {
			l.failed = errors.Join(l.failed, fault.Newf(err, "mend or remove the file", "cannot remove logins from %s", file.path))
		}
	}
	if c.oneFile {
		return
	}
	helpers, err := sysregistriesv2.CredentialHelpers(&c.base)
	l.failed = errors.Join(l.failed, err)
	for _, name := range helpers {
		if name == sysregistriesv2.AuthenticationFileHelper {
			continue
		}
		if l.from != "" {
			l.helper(name, l.from)
			continue
		}
		known, err := helper.List(helper.NewShellProgramFunc(helperPrefix + name))
		if _, missing := exec.LookPath(helperPrefix + name); missing == nil {
			l.failed = errors.Join(l.failed, err)
		}
		for _, registry := range slices.Sorted(maps.Keys(known)) {
			l.helper(name, registry)
		}
	}
}

func (l *logout) file(file authFile) error {
	content, err := file.read()
	if err != nil {
		return err
	}
	var gone []RemovedLogin
	for _, key := range slices.Sorted(maps.Keys(content.auths)) {
		registry := file.registryOf(key)
		switch {
		case !isLogin(content.auths[key]):
		case l.from == "" || registry == l.from:
			delete(content.auths, key)
			gone = append(gone, RemovedLogin{registry, file.path})
		case strings.HasPrefix(registry, l.from+"/"):
			l.others = append(l.others, registry)
		}
	}
	for _, registry := range slices.Sorted(maps.Keys(content.helpers)) {
		if l.from == "" || registry == l.from {
			l.helper(content.helpers[registry], registry)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	if err := file.write(content); err != nil {
		return err
	}
	l.removed = append(l.removed, gone...)
	return nil
}

// helperPrefix begins the names of the programs that keep credentials
// (docker-credential-helpers' protocol).
const helperPrefix = "docker-credential-"

// helper has a credential helper forget a registry, if it knows it. A helper that
// is not installed keeps nothing that could be used here.
func (l *logout) helper(name, registry string) {
	program := helper.NewShellProgramFunc(helperPrefix + name)
	if _, err := exec.LookPath(helperPrefix + name); err != nil {
		return
	}
	known, err := helper.Get(program, registry)
	if credentials.IsErrCredentialsNotFound(err) || err == nil && known.Secret == "" {
		return
	}
	if err == nil {
		err = helper.Erase(program, registry)
	}
	if err != nil {
		l.failed = errors.Join(l.failed, fault.Newf(err, fault.Say("see that %s%s works", helperPrefix, name), "the credential helper %q did not forget %s", name, registry))
		return
	}
	l.removed = append(l.removed, RemovedLogin{registry, fmt.Sprintf("the credential helper %q", name)})
}
