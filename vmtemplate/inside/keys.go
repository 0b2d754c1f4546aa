package inside

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// keys reads a terminal and can be closed without taking what is typed next. (A
// goroutine in read(2) would take the answer to the next question.)
type keys struct {
	fd          int
	woken, wake int // a pipe: Read waits at one end, too; Close closes the other

	mu      sync.Mutex
	closed  bool
	reading bool
}

func newKeys(fd int) (*keys, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	return &keys{fd: fd, woken: p[0], wake: p[1]}, nil
}

// Read returns what has been typed, or io.EOF when k is closed. It is called by one
// goroutine at a time.
func (k *keys) Read(b []byte) (int, error) {
	if !k.begin() {
		return 0, io.EOF
	}
	defer k.end()
	for {
		fds := []unix.PollFd{{Fd: int32(k.fd), Events: unix.POLLIN}, {Fd: int32(k.woken), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return 0, err
		}
		if fds[1].Revents != 0 {
			return 0, io.EOF
		}
		if fds[0].Revents == 0 {
			continue
		}
		n, err := unix.Read(k.fd, b)
		switch {
		case errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN):
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (k *keys) begin() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reading = !k.closed
	return k.reading
}

// end closes what a Read that was going on has kept Close from closing.
func (k *keys) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reading = false
	if k.closed {
		_ = unix.Close(k.woken)
	}
}

// Close makes Read return.
func (k *keys) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil
	}
	k.closed = true
	err := unix.Close(k.wake) // the other end is readable from now on
	if !k.reading {
		err = errors.Join(err, unix.Close(k.woken))
	}
	return err
}
