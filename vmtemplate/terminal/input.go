package terminal

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// input reads what is typed. A read that waits can be ended without losing a byte,
// which an *os.File on a terminal cannot: after a shell the next key would be
// swallowed.
type input struct {
	file *os.File
	wake int // eventfd
}

func openInput(file *os.File) (*input, error) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("making an event: %w", err)
	}
	return &input{file: file, wake: wake}, nil
}

func (in *input) close() { unix.Close(in.wake) }

// forever is a time that does not end.
const forever = -1

// read waits for input. It returns 0 bytes without an error when within has passed, and
// io.EOF when nothing will come any more.
func (in *input) read(ctx context.Context, buf []byte, within time.Duration) (int, error) {
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		_, _ = unix.Write(in.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	})
	defer func() {
		if !stop() {
			<-woken // the event might be closed next
		}
	}()
	milliseconds := forever
	if within > 0 {
		milliseconds = int(within.Milliseconds())
	}
	for {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		ready := []unix.PollFd{{Fd: int32(in.file.Fd()), Events: unix.POLLIN}, {Fd: int32(in.wake), Events: unix.POLLIN}}
		n, err := unix.Poll(ready, milliseconds)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, fmt.Errorf("waiting for input: %w", err)
		case n == 0:
			return 0, nil
		case ready[1].Revents != 0:
			var count [8]byte
			_, _ = unix.Read(in.wake, count[:]) // of an earlier context, if this one goes on
			continue
		}
		n, err = unix.Read(int(in.file.Fd()), buf)
		switch {
		case err == unix.EINTR || err == unix.EAGAIN:
			continue
		case err == unix.EIO || n == 0 && err == nil: // EIO: the terminal is gone
			return 0, io.EOF
		case err != nil:
			return 0, fmt.Errorf("reading input: %w", err)
		}
		return n, nil
	}
}
