// Command probe is the only program of the test images that hold no shell. It
// is linked statically, needs nothing of its image, and prints what it sees.
//
//	probe [WORD...]        what it is: [Seen] as JSON
//	probe --walk DIR...    the trees below directories, as package torture tells,
//	                       in encoding/gob: names need not be text
package main

import (
	"encoding/gob"
	"encoding/json"
	"fmt"
	"os"

	"github.com/jrun-hpc/jrun/integration/torture"
)

// Seen is what a process can tell of itself.
type Seen struct {
	Args             []string
	WorkingDirectory string
	UID, GID         int
	PID              int
}

func main() {
	if err := answer(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

func answer(args []string) error {
	if len(args) > 1 && args[1] == "--walk" {
		trees := map[string]map[string]torture.File{}
		for _, dir := range args[2:] {
			tree, err := torture.Walk(dir)
			if err != nil {
				return err
			}
			trees[dir] = tree
		}
		return gob.NewEncoder(os.Stdout).Encode(trees)
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(Seen{Args: args, WorkingDirectory: dir, UID: os.Getuid(), GID: os.Getgid(), PID: os.Getpid()})
}
