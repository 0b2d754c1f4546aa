package rootless

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// IDs says which ids exist in the namespace.
type IDs string

// The possibilities.
const (
	Ranges IDs = "ranges" // root and the user's subordinate ids
	Single IDs = "single" // root alone
	Real   IDs = "real"   // jbuild was started by root: all ids, no user namespace
)

// mappings are those of a user namespace: root is the caller, and the subordinate ids
// follow, if there are any and the programs that set them.
func mappings() (ids IDs, uids, gids []specs.LinuxIDMapping) {
	uids = []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(os.Getuid()), Size: 1}}
	gids = []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(os.Getgid()), Size: 1}}
	if os.Getenv("JBUILD_IDS") == string(Single) || !haveHelpers() {
		return Single, uids, gids
	}
	name := os.Getenv("USER")
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	subuids, subgids := subordinate("/etc/subuid", name), subordinate("/etc/subgid", name)
	if len(subuids) == 0 || len(subgids) == 0 {
		return Single, uids, gids
	}
	return Ranges, append(uids, subuids...), append(gids, subgids...)
}

func haveHelpers() bool {
	for _, p := range []string{"newuidmap", "newgidmap"} {
		if _, err := exec.LookPath(p); err != nil {
			return false
		}
	}
	return true
}

func subordinate(file, name string) []specs.LinuxIDMapping {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	return parseSubordinate(f, name, strconv.Itoa(os.Getuid()))
}

// parseSubordinate reads lines NAME:FIRST:COUNT of subuid(5), whose first field may be
// the uid in both files. They are mapped one after another, from 1.
func parseSubordinate(r io.Reader, name, uid string) []specs.LinuxIDMapping {
	var all []specs.LinuxIDMapping
	next := uint64(1)
	for lines := bufio.NewScanner(r); lines.Scan(); {
		field := strings.Split(strings.TrimSpace(lines.Text()), ":")
		if len(field) != 3 || field[0] != name && field[0] != uid {
			continue
		}
		first, err1 := strconv.ParseUint(field[1], 10, 32)
		count, err2 := strconv.ParseUint(field[2], 10, 32)
		if err1 != nil || err2 != nil || count == 0 || next+count > 1<<32-1 {
			continue
		}
		all = append(all, specs.LinuxIDMapping{ContainerID: uint32(next), HostID: uint32(first), Size: uint32(count)})
		next += count
	}
	return all
}
