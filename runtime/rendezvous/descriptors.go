package rendezvous

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Send sends files and a message of any length.
func Send(conn *net.UnixConn, files []*os.File, message any) error {
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

// Receive is the other end of [Send]. It returns [ErrGone]
// if the sender ended first.
func Receive(conn *net.UnixConn, message any) ([]*os.File, error) {
	first, control := make([]byte, 1), make([]byte, unix.CmsgSpace(8*4))
	n, controlLen, _, _, err := conn.ReadMsgUnix(first, control)
	if n == 0 || errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
		return nil, ErrGone
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
		CloseAll(files)
		return nil, ErrGone
	}
	if err == nil {
		err = json.Unmarshal(text, message)
	}
	if err == nil && len(files) != int(first[0]) {
		err = fmt.Errorf("%d descriptors came instead of %d", len(files), first[0])
	}
	if err != nil {
		CloseAll(files)
		return nil, fmt.Errorf("receiving a message: %w", err)
	}
	return files, nil
}

// CloseAll closes descriptors that were received.
func CloseAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
