package pbs

import (
	"bufio"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// EnoughMemory is what a job should have in which an image is converted, bytes: jrun
// takes up to 256 MiB of it, and the pages of the file that it writes count, too.
const EnoughMemory = 512 << 20

// MemoryLimit is how much memory this process may use, bytes: the smallest of what
// its cgroups (pbs_cgroups: mem=) and its resource limits (pmem=, vmem=) say, or
// math.MaxInt64.
func MemoryLimit() int64 {
	limit := int64(math.MaxInt64)
	for _, resource := range []int{unix.RLIMIT_AS, unix.RLIMIT_DATA} {
		var r unix.Rlimit
		if unix.Getrlimit(resource, &r) == nil && r.Cur < uint64(limit) {
			limit = int64(r.Cur)
		}
	}
	return min(limit, cgroupLimit("/proc/self/cgroup", "/sys/fs/cgroup"))
}

// cgroupLimit reads cgroups(7), of both versions: a line of own is
// "number:controllers:path", and every directory on the path has a limit.
func cgroupLimit(own, root string) int64 {
	limit := int64(math.MaxInt64)
	f, err := os.Open(own)
	if err != nil {
		return limit
	}
	defer f.Close()
	scanner := bufio.NewScanner(f)
	for scanner.Scan() {
		fields := strings.SplitN(scanner.Text(), ":", 3)
		if len(fields) != 3 {
			continue
		}
		base, name := root, "memory.max"
		switch {
		case strings.Contains(","+fields[1]+",", ",memory,"):
			base, name = filepath.Join(root, "memory"), "memory.limit_in_bytes"
		case fields[1] != "":
			continue
		}
		for dir := filepath.Clean("/" + fields[2]); ; dir = filepath.Dir(dir) {
			text, err := os.ReadFile(filepath.Join(base, dir, name))
			if n, parseErr := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && parseErr == nil {
				limit = min(limit, n)
			}
			if dir == "/" {
				break
			}
		}
	}
	return limit
}
