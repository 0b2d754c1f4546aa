package inside

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"
)

// TestPlanIsWhole: what a run is told reaches its first process.
func TestPlanIsWhole(t *testing.T) {
	want := plan{HostProc: true, Command: Command{
		Root: "/r", Args: []string{"a"}, Env: []string{"B=1"}, Dir: "/d", Hostname: "h", IDs: "single",
		Files: map[string][]byte{"f": {0, 255}}, Binds: []Bind{{Source: "/s", Target: "/t", Writable: true}},
		Restrictions: Restrictions{
			Mounts: []Mount{{Type: "tmpfs", Source: "tmpfs", Target: "/t", Options: []string{"ro"}}}, User: &User{UID: 1, GID: 2, Groups: []uint32{3}},
			NoNetwork: true, Capabilities: []string{}, Masked: []string{"/m"}, ReadOnly: []string{"/ro"},
		},
	}}
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got plan
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Command{}, "Stdin", "Stdout", "Stderr", "Terminal")); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

func TestMountAttributes(t *testing.T) {
	for _, c := range []struct {
		options []string
		want    uint64
	}{
		{nil, 0},
		{[]string{"rw", "rbind", "rprivate"}, 0},
		{[]string{"ro"}, unix.MOUNT_ATTR_RDONLY},
		{[]string{"nosuid", "nodev", "noexec", "ro"}, unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC | unix.MOUNT_ATTR_RDONLY},
	} {
		if got := (Mount{Options: c.options}).attributes(); got != c.want {
			t.Errorf("%v: %#x, not %#x", c.options, got, c.want)
		}
	}
}
