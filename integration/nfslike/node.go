package nfslike

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Node is one client of a Server, mounted at a directory.
type Node struct {
	client *client
	dir    string
	fuse   *fuse.Server
	served chan struct{} // closed when nobody can ask any more
	once   sync.Once
	err    error // of unmounting
}

// Mount mounts the server's directory on dir as a node of its own. As root it
// lets other users in, whom the kernel judges by the modes of the files.
func (s *Server) Mount(dir string) (*Node, error) {
	root, err := s.root()
	if err != nil {
		return nil, err
	}
	c := newClient(s, root)
	isRoot := os.Getuid() == 0
	server, err := fuse.NewServer(c, dir, &fuse.MountOptions{
		Name: "nfslike", FsName: s.backing, Options: []string{"default_permissions"},
		AllowOther: isRoot, DirectMount: isRoot, DisableReadDirPlus: true,
		EnableLocks: !s.options.LocalLocks,
	})
	if err != nil {
		c.OnUnmount()
		return nil, fmt.Errorf("mounting at %s: %w", dir, err)
	}
	n := &Node{client: c, dir: dir, fuse: server, served: make(chan struct{})}
	go func() {
		server.Serve()
		close(n.served)
	}()
	if err := server.WaitMount(); err != nil {
		return nil, errors.Join(fmt.Errorf("waiting for the mount at %s: %w", dir, err), n.Unmount())
	}
	return n, nil
}

// Dir is where the node is mounted.
func (n *Node) Dir() string { return n.dir }

// Crash makes the node vanish from the server: what it has not written back is
// lost, its open files and locks are forgotten, its .nfsXXXX names stay. Its
// mount answers EIO to everything from then on, until Unmount.
func (n *Node) Crash() { n.client.crash() }

// Unmount takes the mount away. If files are still open there it is detached, so
// that it is gone from the tree, and crashed, so that nothing of it reaches the
// server any more; unless Crash was called before, that is an error.
func (n *Node) Unmount() error {
	n.once.Do(func() { n.err = n.unmount() })
	return n.err
}

func (n *Node) unmount() error {
	select {
	case <-n.served:
		return nil // by another's hand
	default:
	}
	err := n.umount()
	if err == nil {
		<-n.served
		return nil
	}
	if n.client.crashed.Load() {
		err = nil
	} else {
		n.Crash()
		err = fmt.Errorf("unmounting %s, which is now detached: %w", n.dir, err)
	}
	return errors.Join(err, unix.Unmount(n.dir, unix.MNT_DETACH))
}

// umount asks nicely.
func (n *Node) umount() error {
	if os.Getuid() != 0 {
		return n.fuse.Unmount()
	}
	for deadline := time.Now().Add(100 * time.Millisecond); ; time.Sleep(10 * time.Millisecond) {
		err := unix.Unmount(n.dir, unix.UMOUNT_NOFOLLOW)
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return err
		}
	}
}
