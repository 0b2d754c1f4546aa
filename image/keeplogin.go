package image

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jrun-hpc/jrun/fault"
	"go.podman.io/image/v5/pkg/docker/config"
	"go.podman.io/image/v5/types"
)

// keepLogin writes a login down, or gives it to the credential helper that the
// configuration names, and says where it is.
func (c *Client) keepLogin(to LoginTarget, auth types.DockerAuthConfig) (kept string, err error) {
	file, err := c.loginFile()
	if err != nil {
		return "", err
	}
	if openToOthers(file.path) {
		if err := os.Chmod(file.path, 0o600); err != nil {
			return "", keepFault(file.path, err)
		}
		c.opts.Warn(fault.Say("%s could be read by others; now only you can. Passwords that were in it are best changed", file.path))
	}
	kept, byFile, err := c.setCredentials(file, to, auth)
	if err != nil {
		return "", keepFault(file.path, err)
	}
	warned := byFile && c.warnOfOthers(file, to)
	if found, err := config.GetCredentials(&c.base, to.key); !warned && (err != nil || found != auth) {
		c.opts.Warn(fault.Say("the login is kept, but another one for %s comes first, of a file or a credential helper; remove all and log in again: jrun logout %s", to, to))
	}
	return kept, nil
}

// loginFile is the file that logins are written to.
func (c *Client) loginFile() (authFile, error) {
	if c.opts.AuthFile != "" {
		return authFile{path: c.opts.AuthFile}, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return authFile{}, fault.New("there is no place to keep a login", err, "set HOME, or name a file: --authfile FILE")
	}
	return authFile{path: ownAuthFile(home)}, nil
}

// setCredentials has image/v5 write the login, or call a helper, on a copy of the
// file: it would drop what it does not know, and put a file into the place of a
// link. byFile is false for a helper of registries.conf.
func (c *Client) setCredentials(file authFile, to LoginTarget, auth types.DockerAuthConfig) (kept string, byFile bool, err error) {
	path, err := followLinks(file.path)
	if err != nil {
		return "", false, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", false, err
	}
	before, err := file.read()
	if err != nil {
		return "", false, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".auth-*")
	if err != nil {
		return "", false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	scratch := authFile{path: filepath.Join(dir, "auth.json")}
	if err := file.copyInto(scratch.path); err != nil {
		return "", false, err
	}
	old, _ := os.Stat(scratch.path) // nil if there is none
	sys := c.base
	sys.AuthFilePath = scratch.path
	kept, err = config.SetCredentials(&sys, to.key, auth.Username, auth.Password)
	if err != nil {
		return "", false, &HelperError{Cause: err}
	}
	written, err := os.Stat(scratch.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && old != nil && os.SameFile(old, written) {
		_, named := before.helpers[to.key]
		return "the " + kept, named, nil // "credential helper: NAME"
	}
	if err != nil {
		return "", false, err
	}
	after, err := scratch.read()
	if err != nil {
		return "", false, err
	}
	before.auths[to.key] = after.auths[to.key]
	return file.path, true, file.write(before)
}

// HelperError says that image/v5 could not store a login, mostly because of a
// credential helper.
type HelperError struct{ Cause error }

func (e *HelperError) Error() string { return e.Cause.Error() }

// Unwrap returns Cause.
func (e *HelperError) Unwrap() error { return e.Cause }

func keepFault(file string, err error) error {
	const what = "the login is right, but it cannot be kept"
	var helper *HelperError
	switch {
	case errors.As(err, &helper):
		return fault.New(what, err, fault.Say("see that the credential helper works that registries.conf (credential-helpers) or %s (credHelpers) names", file).And("or keep the login in a file: --authfile FILE"))
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fault.New(what, err, fault.Say("see to it that you may write %s, or name another file: --authfile FILE", filepath.Dir(file)))
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.New(what, err, fault.Say("make room in %s, or name another file: --authfile FILE", filepath.Dir(file)))
	}
	return fault.New(what, err, fault.Say("mend %s, or move it away and log in to everything again: mv %s %s.old", file, file, file))
}

// warnOfOthers says which logins for the same registry come before what is in
// file, in other files, and returns whether there are any.
func (c *Client) warnOfOthers(file authFile, to LoginTarget) (warned bool) {
	for _, other := range c.authFiles() {
		if other.path == file.path {
			break
		}
		content, err := other.read()
		if err != nil {
			continue // reading an image says so
		}
		for key, entry := range content.auths {
			name := other.registryOf(key)
			if host, _, _ := strings.Cut(name, "/"); host == to.Host() && isLogin(entry) {
				c.opts.Warn(fault.Say("%s has a login for %s, too, which comes first on this machine; remove it: jrun logout --authfile %s %s", other.path, name, other.path, name))
				warned = true
			}
		}
		if helper, ok := content.helpers[to.Host()]; ok {
			c.opts.Warn(fault.Say("%s names the credential helper %q for %s, and what that has comes first on this machine; remove it: jrun logout --authfile %s %s", other.path, helper, to.Host(), other.path, to.Host()))
			warned = true
		}
	}
	return warned
}
