// Command faults shows a directory as a file system that can be told to fail.
// Tests put a store on it.
//
//	faults SOURCE DIR
//
// It counts the operations that change something: create, mkdir, write, fsync,
// close, rename, change of mode or size. A line "N ERRNO" on standard input
// makes the N-th from then on fail with the number ERRNO, once; N 0 none. The
// answer, a line on standard output, is how many there were since the line
// before and what the failing one was, "-" for none. It ends with its input.
package main

import (
	"bufio"
	"fmt"
	"os"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: faults SOURCE DIR")
		os.Exit(2)
	}
	if err := serve(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

func serve(source, dir string) error {
	loopback, err := fs.NewLoopbackRoot(source)
	if err != nil {
		return fmt.Errorf("opening %s: %w", source, err)
	}
	p := &plan{}
	root := &node{LoopbackNode: loopback.(*fs.LoopbackNode), plan: p}
	root.RootData.RootNode = root
	server, err := fs.Mount(dir, root, &fs.Options{MountOptions: fuse.MountOptions{
		AllowOther: true, DirectMount: true, FsName: "faults",
	}})
	if err != nil {
		return fmt.Errorf("mounting at %s: %w", dir, err)
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var at, number int
		if _, err := fmt.Sscan(lines.Text(), &at, &number); err != nil {
			return fmt.Errorf("reading the command %q: %w", lines.Text(), err)
		}
		count, what := p.arm(at, syscall.Errno(number))
		fmt.Println(count, what)
	}
	return server.Unmount()
}
