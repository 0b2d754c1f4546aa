package hostlib

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	configFile = "/etc/ld.so.conf"
	cacheFile  = "/etc/ld.so.cache"
)

// defaults are the directories of every loader, where they exist.
var defaults = []string{"/lib64", "/usr/lib64", "/lib", "/usr/lib"}

// Directories are those in which the loader of the system at root looks, in its
// order: those of ld.so.conf, and its own. They are real directories, without
// symbolic links, as they are called on that system.
func Directories(root string) []string { return searchPath(root, configFile) }

func searchPath(root, config string) []string {
	var dirs []string
	for _, dir := range append(configured(root, config, 0), defaults...) {
		target, err := resolve(root, dir)
		if err != nil || slices.Contains(dirs, target) {
			continue
		}
		if info, err := os.Stat(filepath.Join(root, target)); err == nil && info.IsDir() {
			dirs = append(dirs, target)
		}
	}
	return dirs
}

// resolve follows the symbolic links of a path on the system at root. Another root
// than "/" is a tree made for tests, and its links are relative.
func resolve(root, name string) (string, error) {
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		return "", err
	}
	target, err := filepath.EvalSymlinks(filepath.Join(root, name))
	if err != nil {
		return "", err
	}
	if root == "/" {
		return target, nil
	}
	return "/" + strings.TrimPrefix(strings.TrimPrefix(target, root), "/"), nil
}

// maxInclusions is the depth to which files may include others.
const maxInclusions = 5

// configured reads ld.so.conf, see ldconfig(8).
func configured(root, name string, depth int) []string {
	f, err := os.Open(filepath.Join(root, name))
	if err != nil || depth > maxInclusions {
		return nil
	}
	defer f.Close()
	var dirs []string
	for scanner := bufio.NewScanner(f); scanner.Scan(); {
		line, _, _ := strings.Cut(scanner.Text(), "#")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
		case fields[0] == "include" && len(fields) > 1:
			for _, pattern := range fields[1:] {
				if !filepath.IsAbs(pattern) {
					pattern = filepath.Join(filepath.Dir(name), pattern)
				}
				files, _ := filepath.Glob(filepath.Join(root, pattern)) // a malformed pattern includes nothing
				for _, file := range files {
					dirs = append(dirs, configured(root, strings.TrimPrefix(file, strings.TrimSuffix(root, "/")), depth+1)...)
				}
			}
		case filepath.IsAbs(fields[0]):
			dirs = append(dirs, fields[0])
		}
	}
	return dirs
}
