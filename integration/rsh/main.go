// Command rsh stands in for ssh between the nodes of a test: launchers of MPI start
// their daemons on other nodes with it.
//
//	rsh [-x] HOST COMMAND...       as ssh: a shell on HOST runs the words
//	rsh -serve ADDRESS UID GID     what answers on a node, as root
//
// There are no keys: whoever reaches the address is served as the one user. So the
// address must be in a network that only the test can reach.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// port is that of sshd.
const port = "22"

// unreachable is ssh's own status when it cannot run the command.
const unreachable = 255

func main() {
	var err error
	status := 0
	switch {
	case len(os.Args) == 5 && os.Args[1] == "-serve":
		err = serve(os.Args[2], os.Args[3], os.Args[4])
	case len(os.Args) > 3 && os.Args[1] == "-x": // no X11, as Hydra says
		status, err = call(os.Args[2], strings.Join(os.Args[3:], " "))
	case len(os.Args) > 2:
		status, err = call(os.Args[1], strings.Join(os.Args[2:], " "))
	default:
		err = errors.New("usage: rsh [-x] HOST COMMAND..., or rsh -serve ADDRESS UID GID")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "rsh:", err)
		status = unreachable
	}
	os.Exit(status)
}

// message is one step of what a node tells: output, or at last the status.
type message struct {
	Output []byte `json:",omitempty"`
	Status *int   `json:",omitempty"`
}

// call has host run a script and copies what it writes.
func call(host, script string) (int, error) {
	conn, err := net.Dial("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := json.NewEncoder(conn).Encode(script); err != nil {
		return 0, err
	}
	for answers := json.NewDecoder(conn); ; {
		var m message
		if err := answers.Decode(&m); err != nil {
			return 0, fmt.Errorf("%s is gone: %w", host, err)
		}
		if m.Status != nil {
			return *m.Status, nil
		}
		if _, err := os.Stdout.Write(m.Output); err != nil {
			return 0, err
		}
	}
}

// serve runs what callers want until it is killed. It says when it can be reached.
func serve(address, uid, gid string) error {
	user, err := strconv.ParseUint(uid, 10, 32)
	if err != nil {
		return err
	}
	group, err := strconv.ParseUint(gid, 10, 32)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(address, port))
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go answer(conn, &syscall.Credential{Uid: uint32(user), Gid: uint32(group)})
	}
}

// answer runs one script as the user, without a terminal and in a session of its own, as
// sshd does. Of its environment only what this process has itself is there.
func answer(conn net.Conn, user *syscall.Credential) {
	defer conn.Close()
	var script string
	if err := json.NewDecoder(conn).Decode(&script); err != nil {
		return
	}
	out := &sender{json.NewEncoder(conn)}
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user, Setsid: true}
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	status := cmd.ProcessState.ExitCode() // -1 after a signal, or when it did not start
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		_ = out.to.Encode(message{Output: fmt.Appendln(nil, err)})
	}
	if status < 0 {
		status = unreachable
	}
	_ = out.to.Encode(message{Status: &status}) // unless the caller has hung up
}

// sender tells a caller what a script writes.
type sender struct{ to *json.Encoder }

func (s *sender) Write(p []byte) (int, error) {
	return len(p), s.to.Encode(message{Output: p})
}
