// Command nfsmount shows a directory on several mount points, each as a node
// that has it mounted by NFS would see it. Package nfslike says what that is.
//
//	nfsmount [OPTION]... BACKING DIR...
//
// It says "mounted" when all are. A line "crash N" on its standard input makes
// the node of the N-th DIR, from 1, vanish; the answer is "crashed N". It
// unmounts all and ends with its input, or at SIGINT or SIGTERM.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/jrun-hpc/jrun/integration/nfslike"
)

func main() {
	var o nfslike.Options
	flag.Uint64Var(&o.Seed, "seed", 1, "make the choices of this number")
	flag.DurationVar(&o.AttrDelay, "attr-delay", 0, "how long a node may show old attributes, names and listings")
	flag.BoolVar(&o.StaleHandles, "stale-handles", false, "files that another node removed answer ESTALE to those who have them open")
	flag.Float64Var(&o.LostReplies, "lost-replies", 0, "probability that a reply is lost and the request repeated")
	flag.BoolVar(&o.NoLocks, "no-locks", false, "locks fail with ENOLCK")
	flag.BoolVar(&o.LocalLocks, "local-locks", false, "locks are known on their own node only")
	flag.BoolVar(&o.NoLinks, "no-links", false, "link fails with EOPNOTSUPP")
	flag.Parse()
	if flag.NArg() < 2 {
		fmt.Fprintln(os.Stderr, "usage: nfsmount [OPTION]... BACKING DIR...")
		flag.PrintDefaults()
		os.Exit(2)
	}
	if err := serve(flag.Arg(0), flag.Args()[1:], o); err != nil {
		fmt.Fprintln(os.Stderr, "nfsmount:", err)
		os.Exit(1)
	}
}

func serve(backing string, dirs []string, o nfslike.Options) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := nfslike.NewServer(backing, o)
	var nodes []*nfslike.Node
	defer func() {
		for _, node := range nodes {
			err = errors.Join(err, node.Unmount())
		}
	}()
	for _, dir := range dirs {
		node, err := server.Mount(dir)
		if err != nil {
			return err
		}
		nodes = append(nodes, node)
	}
	fmt.Println("mounted")
	lines := make(chan string)
	go func() {
		defer close(lines)
		for input := bufio.NewScanner(os.Stdin); input.Scan(); {
			lines <- input.Text()
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case line, more := <-lines:
			if !more {
				return nil
			}
			var number int
			if _, err := fmt.Sscanf(line, "crash %d", &number); err != nil || number < 1 || number > len(nodes) {
				return fmt.Errorf("there is no such command: %q", line)
			}
			nodes[number-1].Crash()
			fmt.Println("crashed", number)
		}
	}
}
