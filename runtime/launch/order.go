package launch

import (
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/jrun-hpc/jrun/runtime/sandbox"
)

// sortByDepth puts directories before what lies in them and keeps the order
// otherwise.
func sortByDepth(list []sandbox.Bind) {
	slices.SortStableFunc(list, func(a, b sandbox.Bind) int {
		return strings.Count(a.Destination, "/") - strings.Count(b.Destination, "/")
	})
}

func ownedByCaller(name string) bool {
	info, err := os.Stat(name)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}
