// Command slowfs shows a directory as a file system whose every read takes some
// time longer, as on a busy NFS or Lustre server. Benchmarks put a store on it.
//
//	slowfs -delay 1ms SOURCE DIR
//
// It runs until DIR is unmounted. As root it lets other users in.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

func main() {
	delay := flag.Duration("delay", time.Millisecond, "how long each read takes more")
	flag.Parse()
	if flag.NArg() != 2 {
		fmt.Fprintln(os.Stderr, "usage: slowfs [-delay TIME] SOURCE DIR")
		os.Exit(2)
	}
	if err := serve(flag.Arg(0), flag.Arg(1), *delay); err != nil {
		fmt.Fprintln(os.Stderr, "slowfs:", err)
		os.Exit(1)
	}
}

func serve(source, dir string, delay time.Duration) error {
	loopback, err := fs.NewLoopbackRoot(source)
	if err != nil {
		return fmt.Errorf("opening %s: %w", source, err)
	}
	root := &node{LoopbackNode: loopback.(*fs.LoopbackNode), delay: delay}
	root.RootData.RootNode = root
	server, err := fs.Mount(dir, root, &fs.Options{MountOptions: fuse.MountOptions{
		AllowOther: os.Getuid() == 0, DirectMount: os.Getuid() == 0, FsName: "slowfs", MaxReadAhead: 128 << 10,
	}})
	if err != nil {
		return fmt.Errorf("mounting at %s: %w", dir, err)
	}
	server.Wait()
	return nil
}

type node struct {
	*fs.LoopbackNode
	delay time.Duration
}

var (
	_ fs.NodeOpener      = (*node)(nil)
	_ fs.NodeWrapChilder = (*node)(nil)
)

// WrapChild makes the nodes below slow too.
func (n *node) WrapChild(_ context.Context, child fs.InodeEmbedder) fs.InodeEmbedder {
	return &node{LoopbackNode: child.(*fs.LoopbackNode), delay: n.delay}
}

// Open wraps the file that the loopback opens.
func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	handle, fuseFlags, errno := n.LoopbackNode.Open(ctx, flags)
	if errno != 0 {
		return nil, 0, errno
	}
	return &file{FileHandle: handle, delay: n.delay}, fuseFlags, 0
}

type file struct {
	fs.FileHandle
	delay time.Duration
}

var (
	_ fs.FileReader   = (*file)(nil)
	_ fs.FileReleaser = (*file)(nil)
)

// Read waits before it reads.
func (f *file) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	time.Sleep(f.delay)
	return f.FileHandle.(fs.FileReader).Read(ctx, dest, off)
}

// Release closes the loopback's file.
func (f *file) Release(ctx context.Context) syscall.Errno {
	return f.FileHandle.(fs.FileReleaser).Release(ctx)
}
