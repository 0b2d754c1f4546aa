package provenance

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ThisMachine describes the machine whose files are below root, which is "/" but
// in tests. What cannot be found out is empty.
func ThisMachine(root, jrun string) Machine {
	m := Machine{Jrun: jrun, OS: prettyName(root), GPUDrivers: gpuDrivers(root)}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
		m.Architecture = unix.ByteSliceToString(u.Machine[:])
	}
	return m
}

// prettyName is PRETTY_NAME of os-release(5).
func prettyName(root string) string {
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if value, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
				return strings.Trim(value, `"'`)
			}
		}
	}
	return ""
}

// gpuDrivers are the kernel's, with their versions: "nvidia 550.54.14". AMD's has
// one only when it is not the kernel's own.
func gpuDrivers(root string) []string {
	var drivers []string
	if b, err := os.ReadFile(filepath.Join(root, "proc/driver/nvidia/version")); err == nil {
		line, _, _ := strings.Cut(string(b), "\n")
		for _, word := range strings.Fields(line) {
			if isVersion(word) {
				drivers = append(drivers, "nvidia "+word)
				break
			}
		}
	}
	if b, err := os.ReadFile(filepath.Join(root, "sys/module/amdgpu/version")); err == nil {
		drivers = append(drivers, "amdgpu "+strings.TrimSpace(string(b)))
	}
	return drivers
}

// isVersion recognises 550.54.14 among the words of NVIDIA's line.
func isVersion(word string) bool {
	return strings.Contains(word, ".") && strings.Trim(word, "0123456789.") == "" && word[0] != '.'
}
