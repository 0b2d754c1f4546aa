package gpu

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// compatDirs are where images have NVIDIA's package cuda-compat: the user-space half
// of a newer driver, which works with the kernel half of an older one on GPUs for
// data centres.
var compatDirs = []string{"usr/local/cuda/compat", "usr/local/cuda/compat/lib.real", "usr/local/cuda/compat/lib"}

// compat returns the directory of the package in the image and the driver that it is of.
func (i *Image) compat() (dir, version string) {
	if i.Files == nil {
		return "", ""
	}
	for _, dir := range compatDirs {
		names, err := fs.Glob(i.Files, path.Join(dir, "libcuda.so.*.*"))
		if err == nil && len(names) > 0 {
			_, version, _ := strings.Cut(path.Base(names[0]), ".so.")
			return "/" + dir, version
		}
	}
	return "", ""
}

// hasCompat reports whether the package helps with this driver: it must be of a later
// branch, as in NVIDIA's hook enable-cuda-compat.
func (p *planner) hasCompat(driver string) bool {
	_, version := p.image.compat()
	ours, err1 := strconv.Atoi(firstPart(driver))
	theirs, err2 := strconv.Atoi(firstPart(version))
	return err1 == nil && err2 == nil && theirs > ours
}

func firstPart(version string) string {
	part, _, _ := strings.Cut(version, ".")
	return part
}

// useCompat puts the package before the host's libraries, if it helps.
func (p *planner) useCompat(driver string) {
	dir, version := p.image.compat()
	switch {
	case dir == "":
	case p.hasCompat(driver):
		p.search = append(p.search, dir)
		p.judge(Granted, dir, "", "CUDA's compatibility package of the image (driver %s) is used, since the host's driver %s is older", version, driver)
	default:
		p.judge(Noted, dir, "", "CUDA's compatibility package of the image (driver %s) is not used: the host's driver %s is not of an older branch", version, driver)
	}
}

// has reports whether the image has a file at an absolute path.
func (i *Image) has(name string) bool {
	if i.Files == nil || !path.IsAbs(name) {
		return false
	}
	_, err := fs.Stat(i.Files, strings.TrimPrefix(path.Clean(name), "/"))
	return err == nil
}
