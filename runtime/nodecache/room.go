package nodecache

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/rendezvous"
)

// RoomError says that there is no room for a copy.
type RoomError struct {
	NeedBytes, UsedBytes, LimitBytes, FreeBytes int64
}

func (e *RoomError) Error() string {
	const mega = 1e6
	return fmt.Sprintf("it needs %.0f MB; other copies take %.0f of the %.0f MB that they may, and %.0f MB are free",
		float64(e.NeedBytes)/mega, float64(e.UsedBytes)/mega, float64(e.LimitBytes)/mega, float64(e.FreeBytes)/mega)
}

// fits is nil when there is room for need more bytes. Without a limit, copies
// take at most half of what would be free without them.
func fits(need, used, limit, free int64) error {
	if limit <= 0 {
		limit = (free + used) / 2
	}
	if used+need > limit || need > free {
		return &RoomError{need, used, limit, free}
	}
	return nil
}

// checkRoom asks whether there is room for a copy of i, whose own socket is stem.
func (d *directory) checkRoom(o Options, i Image, stem string) error {
	u, err := d.usage()
	if err != nil {
		return err
	}
	used := unnamedBytes(stem)
	if k, err := d.openKept(); err == nil {
		used += k.usedBytes()
		k.close()
	}
	return fits(i.SizeBytes, used, o.LimitBytes, u.FreeBytes)
}

// Names of sockets are SOCKETS/<uid>/<where>/<contents>/<size>, and the number of
// package rendezvous.
const sockets = "jrun-copy"

func socketPrefix() string { return fmt.Sprintf("%s/%d/", sockets, os.Getuid()) }

// socketStem is where the processes meet that want a copy of i: those who see the
// same pids and uids.
func socketStem(i Image) (string, error) {
	var where []string
	for _, kind := range []string{"user", "pid"} {
		name, err := os.Readlink("/proc/self/ns/" + kind)
		if err != nil {
			return "", fmt.Errorf("reading the name of the %s namespace: %w", kind, err)
		}
		where = append(where, strings.Trim(strings.TrimPrefix(name, kind+":"), "[]"))
	}
	return fmt.Sprintf("%s%s/%s/%d", socketPrefix(), strings.Join(where, "."), i.id(), i.SizeBytes), nil
}

// unnamedBytes is the size of all copies of this user that keepers hold, and that
// are in the making, but for that which has its socket at own.
func unnamedBytes(own string) int64 {
	var sum int64
	for _, name := range rendezvous.Names(socketPrefix()) {
		parts := strings.Split(name, "/")
		if strings.HasPrefix(name, own+"/") || len(parts) != 6 {
			continue
		}
		bytes, err := strconv.ParseInt(parts[4], 10, 64)
		if err == nil && bytes > 0 && isOurs(name) {
			sum += bytes
		}
	}
	return sum
}

// isOurs asks the kernel who listens: anybody can take a name.
func isOurs(name string) bool {
	conn, err := rendezvous.Dial(context.Background(), "@"+name)
	if err != nil {
		return false
	}
	defer conn.Close()
	uid, _, err := rendezvous.Peer(conn)
	return err == nil && uid == os.Getuid()
}
