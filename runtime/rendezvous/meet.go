package rendezvous

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// maxSquatters is how many names taken by other users are stepped over.
const maxSquatters = 64

// ErrGone says that the creator ended while we were asking; meet again.
var ErrGone = errors.New("the process that was asked has just ended")

// Meet returns a connection to the creator or, when there is none, the listening
// socket that makes this process the creator. Names are "@" and stem, which
// everybody who wants the same thing has the same, and a number; they have at
// most 107 bytes.
func Meet(ctx context.Context, stem string) (*net.UnixConn, *net.UnixListener, error) {
	for n := 0; n < maxSquatters; {
		address := &net.UnixAddr{Name: fmt.Sprintf("@%s/%d", stem, n), Net: "unix"}
		conn, err := Dial(ctx, address.Name)
		switch {
		case err == nil:
			uid, _, err := Peer(conn)
			if err == nil && uid == os.Getuid() {
				return conn, nil, nil
			}
			conn.Close()
			n++
		case errors.Is(err, unix.ECONNREFUSED):
			listener, err := net.ListenUnix("unix", address)
			if err == nil {
				return nil, listener, nil
			}
			if !errors.Is(err, unix.EADDRINUSE) {
				return nil, nil, fmt.Errorf("listening for other processes: %w", err)
			}
		case errors.Is(err, unix.EAGAIN): // the queue of waiting processes is full
			select {
			case <-ctx.Done():
				return nil, nil, ctx.Err()
			case <-time.After(5 * time.Millisecond):
			}
		default:
			return nil, nil, fmt.Errorf("looking for the process to ask: %w", err)
		}
	}
	return nil, nil, errors.New("other users hold every name of the socket to meet at")
}

// Dial connects to a name, which begins with "@".
func Dial(ctx context.Context, name string) (*net.UnixConn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", name)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UnixConn), nil
}

// Peer returns the uid and pid of the process at the other end.
func Peer(conn *net.UnixConn) (uid, pid int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err = errors.Join(err, credErr); err != nil {
		return 0, 0, fmt.Errorf("asking who is connected: %w", err)
	}
	return int(cred.Uid), int(cred.Pid), nil
}
