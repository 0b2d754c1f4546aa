package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// authFile is a file in which logins are kept: auth.json of podman and skopeo
// (containers-auth.json(5)), or config.json of docker.
type authFile struct {
	path   string
	legacy bool // ~/.dockercfg, which is nothing but the map of logins
}

// authFiles are the files in which image/v5 looks for logins, in its order.
func (c *Client) authFiles() []authFile {
	if c.opts.AuthFile != "" {
		return []authFile{{path: c.opts.AuthFile}}
	}
	var files []authFile
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		files = append(files, authFile{path: filepath.Join(dir, "containers", "auth.json")})
	} else if _, closed := closedAuthFile(); !closed {
		files = append(files, authFile{path: sharedAuthFile()})
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return files
	}
	return append(files, authFile{path: ownAuthFile(home)}, authFile{path: filepath.Join(dockerDir(home), "config.json")},
		authFile{path: filepath.Join(home, ".dockercfg"), legacy: true})
}

// sharedAuthDir is where image/v5 looks for logins of sessions without
// $XDG_RUNTIME_DIR, such as jobs.
var sharedAuthDir = "/run/containers"

func sharedAuthFile() string {
	return filepath.Join(sharedAuthDir, strconv.Itoa(os.Getuid()), "auth.json")
}

// closedAuthFile reports whether nobody but root can tell whether there is a file of
// logins for this user: root's podman makes /run/containers with mode 0700. image/v5
// takes that for an error, even of a public image, unless it is given another file;
// other is the first that is there of those where it looks then.
func closedAuthFile() (other string, closed bool) {
	if os.Getenv("XDG_RUNTIME_DIR") != "" {
		return "", false
	}
	_, err := os.Lstat(sharedAuthFile())
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return "", false
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return os.DevNull, true
	}
	own, docker := ownAuthFile(home), filepath.Join(dockerDir(home), "config.json")
	if _, err := os.Stat(own); err != nil {
		if _, err := os.Stat(docker); err == nil {
			return docker, true
		}
	}
	return own, true
}

// AuthFileInstead is the file of logins to give to image/v5 where it cannot look for one by
// itself without an error; empty where it can.
func AuthFileInstead() string {
	other, _ := closedAuthFile()
	return other
}

func dockerDir(home string) string {
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	return filepath.Join(home, ".docker")
}

// ownAuthFile is where jrun keeps logins. image/v5 would write to
// $XDG_RUNTIME_DIR, which is the memory of one machine: compute nodes do not see
// it, and it is gone at the end of the session.
func ownAuthFile(home string) string {
	dir := os.Getenv("XDG_CONFIG_HOME")
	if dir == "" {
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "containers", "auth.json")
}

// authContent is what is in such a file, along with what jrun does not know.
type authContent struct {
	top     map[string]json.RawMessage
	auths   map[string]json.RawMessage // by registry, or a part of one
	helpers map[string]string          // credential helpers, by registry
}

// read returns an empty content for a file that is not there or empty.
func (f authFile) read() (authContent, error) {
	content := authContent{top: map[string]json.RawMessage{}}
	b, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(b) == 0 {
		content.auths = map[string]json.RawMessage{}
		return content, nil
	}
	if err != nil {
		return content, err
	}
	if f.legacy {
		err = json.Unmarshal(b, &content.auths)
	} else {
		err = content.parse(b)
	}
	if err != nil {
		return content, fmt.Errorf("reading %s: %w", f.path, err)
	}
	if content.auths == nil {
		content.auths = map[string]json.RawMessage{}
	}
	return content, nil
}

func (content *authContent) parse(b []byte) error {
	err := json.Unmarshal(b, &content.top)
	if auths, ok := content.top["auths"]; ok && err == nil {
		err = json.Unmarshal(auths, &content.auths)
	}
	if helpers, ok := content.top["credHelpers"]; ok && err == nil {
		err = json.Unmarshal(helpers, &content.helpers)
	}
	if content.top == nil { // "null"
		content.top = map[string]json.RawMessage{}
	}
	return err
}

// write replaces the file by one with the content's auths, which only its owner
// may read. Where the file is a link, what it leads to is replaced.
func (f authFile) write(content authContent) error {
	var value any = content.auths
	if !f.legacy {
		auths, err := json.Marshal(content.auths)
		if err != nil {
			return fmt.Errorf("encoding %s: %w", f.path, err)
		}
		content.top["auths"] = auths
		value = content.top
	}
	b, err := json.MarshalIndent(value, "", "\t")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", f.path, err)
	}
	path, err := followLinks(f.path)
	if err != nil {
		return err
	}
	return replaceFile(path, append(b, '\n'))
}

// replaceFile puts b into the place of path at once, with mode 0600.
func replaceFile(path string, b []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".auth-*") // 0600
	if err != nil {
		return err
	}
	_, err = file.Write(b)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // the first error says why
	}
	return err
}

// followLinks is the path that is meant, which need not exist.
func followLinks(path string) (string, error) {
	const most = 40 // as the kernel
	for range most {
		to, err := os.Readlink(path)
		if err != nil {
			return path, nil //nolint:nilerr // it is no link
		}
		if !filepath.IsAbs(to) {
			dir, err := filepath.EvalSymlinks(filepath.Dir(path))
			if err != nil {
				return "", err
			}
			to = filepath.Join(dir, to)
		}
		path = to
	}
	return "", &fs.PathError{Op: "readlink", Path: path, Err: syscall.ELOOP}
}

// registryOf is what a key of the file is about: HOST or HOST/PROJECT. docker has
// written addresses at times.
func (f authFile) registryOf(key string) string {
	bare, address := strings.CutPrefix(key, "https://")
	if !address {
		bare, address = strings.CutPrefix(key, "http://")
	}
	if address || f.legacy {
		bare, _, _ = strings.Cut(bare, "/")
	}
	if bare == "index.docker.io" || bare == "registry-1.docker.io" {
		return dockerHub
	}
	return bare
}

// isLogin tells a login from docker's empty entries, which only say that there is
// one elsewhere.
func isLogin(entry json.RawMessage) bool {
	var login struct {
		Auth          string `json:"auth"`
		IdentityToken string `json:"identitytoken"`
	}
	return json.Unmarshal(entry, &login) == nil && login.Auth+login.IdentityToken != ""
}

// openToOthers reports whether others than the owner may read path, or write it.
func openToOthers(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0
}

// copyInto copies the file, if it is there and not empty, for its owner only.
func (f authFile) copyInto(path string) error {
	b, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(b) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = to.Write(b)
	return errors.Join(err, to.Close())
}
