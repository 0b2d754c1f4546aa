//go:build e2e

package integration

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// network is two nodes, called node1 and node2, that are joined by a wire and reach
// nothing else. A node has its own processes, host name, boot id, /tmp and shared memory;
// all else of the file system is common, as by NFS. The kernel is one, but its abstract
// sockets, by which jrun's processes meet, belong to a network namespace.
type network struct {
	t     *testing.T
	s     *session // on node1
	nodes []*node
	rsh   string // reaches the other node, as ssh does

	servers []*exec.Cmd // what answers rsh
}

// newNetwork makes one for the session's user.
func newNetwork(t *testing.T, s *session) *network {
	t.Helper()
	needRoot(t, "makes network namespaces")
	w := &network{t: t, rsh: filepath.Join(s.dir, "rsh")}
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", w.rsh, "./rsh").CombinedOutput(); err != nil {
		t.Fatalf("building rsh: %v: %s", err, out)
	}
	// Addresses for documentation (RFC 5737), which are nowhere else.
	hosts := s.write("hosts", "127.0.0.1 localhost\n192.0.2.1 node1\n192.0.2.2 node2\n", 0o644)
	t.Cleanup(func() {
		for _, n := range w.nodes {
			n.stop() // and the kernel takes the wire away
		}
		for _, server := range w.servers {
			server.Wait()
		}
	})
	// UCX looks for wires in /sys, which shows those of whoever has mounted it.
	const script = `hostname "$1" && mount --bind "$2" /etc/hosts &&
		mount --rbind /sys/fs/cgroup /mnt && mount -t sysfs sysfs /sys && mount --move /mnt /sys/fs/cgroup &&
		mount -t tmpfs tmpfs /tmp && mount -t tmpfs tmpfs /dev/shm && ip link set lo up &&
		cat /proc/sys/kernel/random/uuid >/tmp/boot_id && mount --bind /tmp/boot_id /proc/sys/kernel/random/boot_id`
	for i := range 2 {
		w.nodes = append(w.nodes, bootNode(t, i+1, []string{"--net", "--uts", "--ipc"}, script, fmt.Sprint("node", i+1), hosts))
	}
	w.root("ip", "link", "add", "wire", "netns", itoa(w.nodes[0].pid), "type", "veth", "peer", "name", "wire", "netns", itoa(w.nodes[1].pid))
	for i, n := range w.nodes {
		w.root(append(n.inside(), "ip", "address", "add", fmt.Sprintf("192.0.2.%d/24", i+1), "dev", "wire")...)
		w.root(append(n.inside(), "ip", "link", "set", "wire", "up")...)
	}
	for i, n := range w.nodes {
		// The kernel may take a second, and UCX passes over what is not up.
		eventually(t, "the wire is up", func() bool {
			state, err := os.ReadFile(fmt.Sprintf("/proc/%d/root/sys/class/net/wire/operstate", n.pid))
			return err == nil && string(state) == "up\n"
		})
		w.serve(n, fmt.Sprintf("192.0.2.%d", i+1), s)
	}
	first := *s
	first.node = w.nodes[0]
	w.s = &first
	return w
}

// root runs a command as root.
func (w *network) root(line ...string) {
	w.t.Helper()
	if out, err := exec.Command(line[0], line[1:]...).CombinedOutput(); err != nil {
		w.t.Fatalf("%q: %v: %s", line, err, out)
	}
}

// serve makes a node reachable by rsh. The node's end is the server's.
func (w *network) serve(n *node, address string, s *session) {
	w.t.Helper()
	line := append(n.inside(), w.rsh, "-serve", address, itoa(s.user.UID), itoa(s.user.GID))
	cmd := exec.Command(line[0], line[1:]...)
	for key, value := range s.user.Environment() {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.servers = append(w.servers, cmd)
	if said, err := bufio.NewReader(out).ReadString('\n'); err != nil || said != "ready\n" {
		w.t.Fatalf("node %d cannot be reached: %q, %v", n.number, said, err)
	}
}

// on lists the user's processes on a node that were started by this command line.
func (w *network) on(n *node, args ...string) []proc {
	return slices.DeleteFunc(allProcesses(w.s.user), func(p proc) bool {
		return !n.has(p) || len(args) > 0 && !slices.Equal(p.args, args)
	})
}

// has says whether a process runs on the node.
func (n *node) has(p proc) bool {
	here, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", n.pid))
	there, theirErr := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", p.pid))
	return err == nil && theirErr == nil && here == there
}

// requireClean checks that the nodes, which go on, soon have nothing of the user's.
func (w *network) requireClean() {
	w.t.Helper()
	var left []string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		left = nil
		for _, n := range w.nodes {
			left = append(left, w.leftOn(n)...)
		}
		if len(left) == 0 {
			return
		}
	}
	w.t.Errorf("left behind:\n  %s", strings.Join(left, "\n  "))
}

// leftOn lists what is the user's on a node and on no other.
func (w *network) leftOn(n *node) (left []string) {
	pid, name := itoa(n.pid), fmt.Sprintf("on node%d: ", n.number)
	for _, p := range w.on(n) {
		left = append(left, fmt.Sprintf("%sprocess %d %q", name, p.pid, p.args))
	}
	for _, line := range slices.Concat(mountsIn(pid, fmt.Sprintf("user_id=%d,", w.s.user.UID)), sockets(pid, w.s.user)) {
		left = append(left, name+line)
	}
	root := "/proc/" + pid + "/root/"
	for _, file := range leftoversBelow(root, w.s.user) {
		if inside := strings.TrimPrefix(file, root); strings.HasPrefix(inside, "tmp/") || strings.HasPrefix(inside, "dev/shm/") {
			left = append(left, name+inside)
		}
	}
	return left
}
