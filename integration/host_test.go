//go:build e2e

package integration

import (
	"io/fs"
	"os/user"
	"runtime"
	"strconv"
	"syscall"
	"testing"
)

// Small questions about the machine.

func cpus() int { return runtime.NumCPU() }

func itoa(n int) string { return strconv.Itoa(n) }

func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

func groupName(t *testing.T, gid int) string {
	t.Helper()
	group, err := user.LookupGroupId(itoa(gid))
	if err != nil {
		t.Fatal(err)
	}
	return group.Name
}
