//go:build e2e

package builder

import (
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// repository is a small repository of Debian packages, served on the loopback
// interface, so that installing does not depend on any mirror.
type repository struct {
	URL    string
	server *http.Server
}

// madePackages are the packages of the repository: name, version, and what it depends on.
var madePackages = [][3]string{
	{"jtool", "1.0-1", "jlib (>= 1.2)"},
	{"jlib", "1.2-3", ""},
	{"jsolver", "2.0-1", "jlib"},
	{"jviewer", "0.9-7", "jtool, jlib"},
	{"jdata", "3.1-2", ""},
	{"jaccount", "1.0-1", ""}, // makes a user and changes owners
}

// startRepository builds the packages with dpkg-deb and serves them.
func startRepository(dir string) (*repository, error) {
	var index strings.Builder
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for _, p := range madePackages {
		file, err := buildPackage(dir, p[0], p[1], p[2])
		if err != nil {
			return nil, err
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		index.WriteString(control(p[0], p[1], p[2]))
		fmt.Fprintf(&index, "Filename: ./%s\nSize: %d\nSHA256: %x\n\n", filepath.Base(file), len(content), sha256.Sum256(content))
	}
	if err := os.WriteFile(filepath.Join(dir, "Packages"), []byte(index.String()), 0o644); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &repository{URL: "http://" + listener.Addr().String(), server: &http.Server{Handler: http.FileServer(http.Dir(dir)), ReadHeaderTimeout: time.Minute}}
	go func() { _ = r.server.Serve(listener) }()
	return r, nil
}

func (r *repository) stop() { _ = r.server.Close() }

// use is a shell command that lets apt in an image take packages from here, and from
// nowhere else.
func (r *repository) use() string {
	return "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* && echo 'deb [trusted=yes] " + r.URL + " ./' > /etc/apt/sources.list.d/lab.list && apt-get -q update"
}

func control(name, version, depends string) string {
	text := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nInstalled-Size: 8\nDescription: a package of the tests\n", name, version)
	if depends != "" {
		text += "Depends: " + depends + "\n"
	}
	return text
}

func buildPackage(dir, name, version, depends string) (string, error) {
	tree := filepath.Join(dir, "tree-"+name)
	files := map[string]struct {
		text string
		mode os.FileMode
	}{
		"DEBIAN/control":                {control(name, version, depends), 0o644},
		"usr/bin/" + name:               {"#!/bin/sh\necho " + name + " " + version + "\n", 0o755},
		"usr/share/" + name + "/README": {strings.Repeat(name+" ", 200) + "\n", 0o644},
	}
	if name == "jaccount" {
		files["DEBIAN/postinst"] = struct {
			text string
			mode os.FileMode
		}{"#!/bin/sh\nset -e\ngrep -q ^jacc: /etc/passwd || echo jacc:x:990:990::/var/lib/jacc:/bin/sh >>/etc/passwd\n" +
			"grep -q ^jacc: /etc/group || echo jacc:x:990: >>/etc/group\nmkdir -p /var/lib/jacc\nchown jacc:jacc /var/lib/jacc\nchmod 750 /var/lib/jacc\n", 0o755}
	}
	for name, f := range files {
		path := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, []byte(f.text), f.mode); err != nil {
			return "", err
		}
	}
	file := filepath.Join(dir, fmt.Sprintf("%s_%s_all.deb", name, version))
	out, err := exec.Command("dpkg-deb", "--root-owner-group", "--build", tree, file).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the package %s: %w\n%s", name, err, out)
	}
	return file, nil
}
