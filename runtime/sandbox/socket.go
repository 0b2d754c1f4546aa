package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// maxSquatters is how many names taken by other users are stepped over.
const maxSquatters = 64

// errGone says that the holder ended while we were asking; ask again.
var errGone = errors.New("the sandbox has just ended")

// socketName is in the abstract namespace (unix(7)): it has no file, and is
// free again as soon as nobody holds the socket.
func socketName(key Key, n int) string {
	return fmt.Sprintf("@jrun/%d/%s/%d", os.Getuid(), key, n)
}

// rendezvous returns a connection to the sandbox's holder or, when there is
// none, the listening socket that makes this process the creator.
func rendezvous(ctx context.Context, key Key) (*net.UnixConn, *net.UnixListener, error) {
	for n := 0; n < maxSquatters; {
		address := &net.UnixAddr{Name: socketName(key, n), Net: "unix"}
		conn, err := dial(ctx, address)
		switch {
		case err == nil:
			uid, _, err := peer(conn)
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
				return nil, nil, fmt.Errorf("listening for the sandbox's other processes: %w", err)
			}
		case errors.Is(err, unix.EAGAIN): // the queue of waiting processes is full
			select {
			case <-ctx.Done():
				return nil, nil, ctx.Err()
			case <-time.After(5 * time.Millisecond):
			}
		default:
			return nil, nil, fmt.Errorf("looking for the sandbox: %w", err)
		}
	}
	return nil, nil, errors.New("other users hold every name that this sandbox could have")
}

func dial(ctx context.Context, address *net.UnixAddr) (*net.UnixConn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", address.Name)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UnixConn), nil
}

// peer returns the uid and pid of the process at the other end.
func peer(conn *net.UnixConn) (uid, pid int, err error) {
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

// sendDescriptors sends files and a message of any length.
func sendDescriptors(conn *net.UnixConn, files []*os.File, message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("encoding a message: %w", err)
	}
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	// The descriptors travel with the first byte; the text may need many writes.
	if _, _, err := conn.WriteMsgUnix([]byte{byte(len(fds))}, unix.UnixRights(fds...), nil); err != nil {
		return fmt.Errorf("sending descriptors: %w", err)
	}
	if _, err := conn.Write(text); err != nil {
		return fmt.Errorf("sending a message: %w", err)
	}
	return conn.CloseWrite()
}

// receiveDescriptors is the other end of sendDescriptors. It returns errGone
// if the sender ended first.
func receiveDescriptors(conn *net.UnixConn, message any) ([]*os.File, error) {
	first, control := make([]byte, 1), make([]byte, unix.CmsgSpace(8*4))
	n, controlLen, _, _, err := conn.ReadMsgUnix(first, control)
	if n == 0 || errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
		return nil, errGone
	}
	if err != nil {
		return nil, fmt.Errorf("receiving descriptors: %w", err)
	}
	messages, err := unix.ParseSocketControlMessage(control[:controlLen])
	if err != nil {
		return nil, fmt.Errorf("receiving descriptors: %w", err)
	}
	var files []*os.File
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return files, fmt.Errorf("receiving descriptors: %w", err)
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	text, err := io.ReadAll(conn)
	if errors.Is(err, unix.ECONNRESET) || (err == nil && len(text) == 0) {
		closeAll(files)
		return nil, errGone
	}
	if err == nil {
		err = json.Unmarshal(text, message)
	}
	if err == nil && len(files) != int(first[0]) {
		err = fmt.Errorf("%d descriptors came instead of %d", len(files), first[0])
	}
	if err != nil {
		closeAll(files)
		return nil, fmt.Errorf("receiving a message: %w", err)
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
