//go:build e2e

package integration

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jrun-hpc/jrun/integration/ordinary"
	"golang.org/x/sys/unix"
)

// cluster is some nodes that share a directory as NFS shares it (package nfslike).
// A node has a mount namespace and a pid namespace of its own, so that its
// processes cannot look at those of the others, and sees the directory at the same
// path.
type cluster struct {
	t      *testing.T
	shared string
	nodes  []*node
	in     io.Writer
	out    *bufio.Reader
}

// node is one of a cluster's machines.
type node struct {
	number int // from 1
	init   *exec.Cmd
	pid    int // of the process that keeps its namespaces, as seen from outside
}

// newCluster makes a cluster; options are those of nfsmount.
func newCluster(t *testing.T, s *session, nodes int, options ...string) *cluster {
	t.Helper()
	needRoot(t, "mounts a file system on several nodes")
	c := &cluster{t: t, shared: filepath.Join(s.dir, "shared")}
	binary := filepath.Join(s.dir, "nfsmount")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "./nfsmount").CombinedOutput(); err != nil {
		t.Fatalf("building nfsmount: %v: %s", err, out)
	}
	args := append(slices.Clone(options), filepath.Join(s.dir, "server"))
	dirs := []string{filepath.Join(s.dir, "server"), c.shared}
	for i := range nodes {
		dir := filepath.Join(s.dir, fmt.Sprint("node", i+1))
		args, dirs = append(args, dir), append(dirs, dir)
	}
	for _, dir := range dirs {
		if err := s.user.Mkdir(dir); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(binary, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.in, c.out = in, bufio.NewReader(out)
	t.Cleanup(func() {
		for _, n := range c.nodes {
			n.stop()
		}
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the shared file system: %v", err)
		}
		for _, dir := range dirs[2:] {
			unix.Unmount(dir, unix.MNT_DETACH) // if it is still there
		}
	})
	c.expect("mounted")
	for i, dir := range dirs[2:] {
		c.nodes = append(c.nodes, c.boot(i+1, dir))
	}
	return c
}

func (c *cluster) expect(answer string) {
	c.t.Helper()
	line, err := c.out.ReadString('\n')
	if err != nil || strings.TrimSpace(line) != answer {
		c.t.Fatalf("the shared file system says %q, %v; want %q", line, err, answer)
	}
}

// boot starts a node that sees dir as the shared directory.
func (c *cluster) boot(number int, dir string) *node {
	c.t.Helper()
	return bootNode(c.t, number, nil, `mount --bind "$1" "$2"`, dir, c.shared)
}

// bootNode starts a node with further namespaces of its own, which are options of
// unshare. A shell script with arguments makes it what it is.
func bootNode(t *testing.T, number int, namespaces []string, script string, args ...string) *node {
	t.Helper()
	n := &node{number: number}
	// The shell stays as the node's init, to reap orphans.
	script = `mount -t proc proc /proc && ` + script + ` && echo ready && sleep infinity; exit`
	line := slices.Concat([]string{"--mount", "--pid", "--fork", "--kill-child"}, namespaces, []string{"sh", "-c", script, "sh"}, args)
	n.init = exec.Command("unshare", line...)
	var stderr bytes.Buffer
	n.init.Stderr = &stderr
	out, err := n.init.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.init.Start(); err != nil {
		t.Fatal(err)
	}
	said, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || said != "ready\n" {
		n.init.Wait()
		t.Fatalf("node %d does not start: %q, %v: %s", number, said, err, stderr.String())
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", n.init.Process.Pid, n.init.Process.Pid))
	if err == nil {
		n.pid, err = strconv.Atoi(strings.TrimSpace(string(children)))
	}
	if err != nil {
		t.Fatalf("node %d: %v", number, err)
	}
	return n
}

// inside is the beginning of a command line that runs on the node as root.
func (n *node) inside() []string {
	return []string{"nsenter", "-t", strconv.Itoa(n.pid), "-m", "-u", "-i", "-n", "-p", "--"}
}

// enter is the beginning of a command line that runs on the node as user, in a directory
// of the node.
func (n *node) enter(user *ordinary.Account, dir string) []string {
	return append(n.inside(),
		"setpriv", "--reuid", strconv.Itoa(user.UID), "--regid", strconv.Itoa(user.GID), "--init-groups", "--pdeathsig", "KILL", "--",
		"env", "-C", dir)
}

// stop ends all processes of a node, as a loss of power does.
func (n *node) stop() {
	if n.pid != 0 {
		syscall.Kill(n.pid, syscall.SIGKILL)
		n.init.Wait()
		n.pid = 0
	}
}

// crash makes a node vanish, with what it had not written back.
func (c *cluster) crash(n *node) {
	c.t.Helper()
	fmt.Fprintln(c.in, "crash", n.number)
	c.expect(fmt.Sprint("crashed ", n.number))
	n.stop()
}

// on is the session on a node of the cluster, with the store on what is shared.
func (c *cluster) on(s *session, n *node) *session {
	there := *s
	there.env = map[string]string{}
	for key, value := range s.env {
		there.env[key] = value
	}
	there.node, there.cwd = n, "/"
	there.setStore(filepath.Join(c.shared, "store"))
	return &there
}

// backing is the store as it is on the server.
func (c *cluster) backing(s *session) *session {
	there := *s
	there.store = filepath.Join(s.dir, "server", "store")
	return &there
}

// requireClean checks what the store has on the server after everything has ended
// and garbage was collected: no lease, no claim, no temporary file.
func (c *cluster) requireClean(s *session) {
	c.t.Helper()
	requireNoClaims(c.t, c.backing(s))
}

// requireNoClaims checks that a store has no lease, no claim and no temporary file.
func requireNoClaims(t *testing.T, s *session) {
	t.Helper()
	left := unfinished(s.store)
	err := filepath.WalkDir(filepath.Join(s.store, "user", itoa(s.user.UID), "leases"), func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !strings.HasSuffix(path, ".used") {
			left = append(left, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if len(left) > 0 {
		t.Errorf("left in the store: %q", left)
	}
}
