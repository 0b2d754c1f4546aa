// Command probe is the only program of the test images that hold no shell. It
// is linked statically, needs nothing of its image, and prints what it sees.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// Seen is what the probe prints as JSON.
type Seen struct {
	Args             []string
	WorkingDirectory string
	UID, GID         int
	PID              int
}

func main() {
	dir, err := os.Getwd()
	if err != nil {
		dir = ""
	}
	seen := Seen{Args: os.Args, WorkingDirectory: dir, UID: os.Getuid(), GID: os.Getgid(), PID: os.Getpid()}
	if err := json.NewEncoder(os.Stdout).Encode(seen); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}
