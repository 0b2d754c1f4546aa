// Command tmrsh stands in for pbs_tmrsh(8B): it has the MoM of a test start a
// program as a task of its job: tmrsh HOST PROGRAM [ARGUMENT...].
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "tmrsh HOST PROGRAM [ARGUMENT...]")
		os.Exit(2)
	}
	status, err := run(os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "tmrsh:", err)
		os.Exit(254)
	}
	os.Exit(status)
}

// run asks the MoM, whose socket is beside the program, and copies what it answers:
// the task's output, and its status in the last byte.
func run(host string, command []string) (int, error) {
	exe, err := os.Executable()
	if err != nil {
		return 0, err
	}
	conn, err := net.Dial("unix", filepath.Join(filepath.Dir(exe), "mom"))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	ask := map[string]any{"job": os.Getenv("PBS_JOBID"), "host": host, "command": command}
	if err := json.NewEncoder(conn).Encode(ask); err != nil {
		return 0, err
	}
	answer, err := io.ReadAll(conn)
	if err != nil || len(answer) == 0 {
		return 0, fmt.Errorf("the MoM did not answer: %w", err)
	}
	_, err = os.Stdout.Write(answer[:len(answer)-1])
	return int(answer[len(answer)-1]), err
}
