// Package debrepo serves a small repository of Debian packages on the loopback
// interface, so that installing in an image depends on no mirror. The packages are
// made by dpkg-deb.
package debrepo

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Repository is a running server.
type Repository struct {
	URL    string
	server *http.Server
}

// packaged is a package of the repository: a program that prints name and version, and
// a README.
type packaged struct{ name, version, depends string }

// packages are few, but have what dependencies and maintainers' scripts can do.
var packages = []packaged{
	{"jtool", "1.0-1", "jlib (>= 1.2)"},
	{"jlib", "1.2-3", ""},
	{"jsolver", "2.0-1", "jlib"},
	{"jviewer", "0.9-7", "jtool, jlib"},
	{"jdata", "3.1-2", ""},
	{withAccount, "1.0-1", ""},
}

// withAccount is the package that makes a user and changes owners.
const withAccount = "jaccount"

// Names are those of the packages.
func Names() []string {
	all := make([]string, len(packages))
	for i, p := range packages {
		all[i] = p.name
	}
	return all
}

// Start builds the packages in dir and serves them.
func Start(dir string) (*Repository, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var index strings.Builder
	for _, p := range packages {
		file, err := p.build(dir)
		if err != nil {
			return nil, err
		}
		if err := p.describe(&index, file); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "Packages"), []byte(index.String()), 0o644); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Repository{
		URL:    "http://" + listener.Addr().String(),
		server: &http.Server{Handler: http.FileServer(http.Dir(dir)), ReadHeaderTimeout: time.Minute},
	}
	go func() { _ = r.server.Serve(listener) }() // it ends with Stop
	return r, nil
}

// Stop ends the server. The files stay.
func (r *Repository) Stop() { _ = r.server.Close() }

// Use is a shell command that lets apt in an image take packages from here, and from
// nowhere else.
func (r *Repository) Use() string {
	return "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* && echo 'deb [trusted=yes] " + r.URL + " ./' > /etc/apt/sources.list.d/lab.list && apt-get -q update"
}

// describe writes the package's paragraph of the repository's index.
func (p packaged) describe(index io.Writer, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(index, "%sFilename: ./%s\nSize: %d\nSHA256: %x\n\n", p.control(), filepath.Base(file), len(content), sha256.Sum256(content))
	return err
}

func (p packaged) control() string {
	text := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nInstalled-Size: 8\nDescription: a package of the tests\n", p.name, p.version)
	if p.depends != "" {
		text += "Depends: " + p.depends + "\n"
	}
	return text
}

// build returns the path of the package's file.
func (p packaged) build(dir string) (string, error) {
	tree := filepath.Join(dir, "tree-"+p.name)
	texts := map[string]string{
		"DEBIAN/control":                  p.control(),
		"usr/bin/" + p.name:               "#!/bin/sh\necho " + p.name + " " + p.version + "\n",
		"usr/share/" + p.name + "/README": strings.Repeat(p.name+" ", 200) + "\n",
	}
	if p.name == withAccount {
		texts["DEBIAN/postinst"] = "#!/bin/sh\nset -e\ngrep -q ^jacc: /etc/passwd || echo jacc:x:990:990::/var/lib/jacc:/bin/sh >>/etc/passwd\n" +
			"grep -q ^jacc: /etc/group || echo jacc:x:990: >>/etc/group\nmkdir -p /var/lib/jacc\nchown jacc:jacc /var/lib/jacc\nchmod 750 /var/lib/jacc\n"
	}
	for name, text := range texts {
		path := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			return "", err
		}
	}
	file := filepath.Join(dir, fmt.Sprintf("%s_%s_all.deb", p.name, p.version))
	out, err := exec.Command("dpkg-deb", "--root-owner-group", "--build", tree, file).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the package %s: %w\n%s", p.name, err, out)
	}
	return file, nil
}
