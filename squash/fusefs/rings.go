package fusefs

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// ringPool is the threads that serve a mount through io_uring, ready to start.
type ringPool struct {
	start   chan func(*ringThread) // what each thread does when the protocol is agreed on
	threads int
	served  map[int]int // by how many threads each queue is
	ended   sync.WaitGroup
}

// openRings makes rings for a device that is not served yet, or none if
// anything is in the way. Once rings are agreed on, the kernel keeps every
// request waiting until it has accepted or refused them; so whatever can fail
// must fail here.
func openRings(f *FS, fd int) *ringPool {
	queues, ok := possibleCPUs()
	if !ok || probeRing(fd) != nil {
		return nil
	}
	return makeRings(f, fd, layoutRings(queues, usableCPUs()))
}

// makeRings makes a thread for each list of queues.
func makeRings(f *FS, fd int, layout [][]int) *ringPool {
	p := &ringPool{start: make(chan func(*ringThread)), threads: len(layout), served: make(map[int]int)}
	made := make(chan error, len(layout))
	for _, queues := range layout {
		for _, q := range queues {
			p.served[q]++
		}
		p.ended.Add(1)
		go func() {
			defer p.ended.Done()
			// A ring belongs to the thread that made it; this one is never
			// unlocked, so it ends with the goroutine. It is not bound to its
			// queue's CPU, where it might have to wait for a job's process.
			runtime.LockOSThread()
			t, err := newRingThread(newWorker(f, session{}, nil, fd), queues)
			made <- err
			if err != nil {
				return
			}
			defer t.close()
			if serve, ok := <-p.start; ok {
				serve(t)
			}
		}()
	}
	var failed error
	for range layout {
		if err := <-made; err != nil {
			failed = err
		}
	}
	if failed != nil {
		p.close()
		return nil
	}
	return p
}

// close ends threads that were not started.
func (p *ringPool) close() {
	close(p.start)
	p.ended.Wait()
}

// startRings lets the rings take requests. When the kernel refuses one, it
// sends all requests to the device, unless every queue has another; fallBack
// must then start what serves them there.
func (s *Server) startRings(agreed session, pusher *pusher, observe func(opcode), fallBack func()) {
	p := agreed.rings
	for range p.threads {
		p.start <- func(t *ringThread) {
			t.worker.session, t.worker.pusher = agreed, pusher
			t.worker.pushes = p.mayPush(t)
			t.run(observe, fallBack)
		}
	}
	s.running.Go(p.ended.Wait)
}

// mayPush reports whether whatever else is asked for is answered by other
// threads, also what comes through the same queue.
func (p *ringPool) mayPush(t *ringThread) bool {
	return len(t.entries) == 1 && p.served[t.entries[0].queue] > 1
}

// errNotOffered means that commands do not reach the device.
var errNotOffered = errors.New("the device takes no commands through io_uring")

// probeRing tries, without any effect, whether this process may use io_uring
// and whether a command reaches the device: the kernel would keep every request
// waiting for rings that were agreed on and cannot be registered. The device
// refuses commands in short submissions before it looks at anything else.
func probeRing(fd int) error {
	u, err := newIOURing(1, 0)
	if err != nil {
		return err
	}
	defer u.close()
	u.command(fd, cmdRegister, 0)
	errno := u.enter(1)
	for errno == unix.EINTR {
		errno = u.enter(1)
	}
	if errno != 0 {
		return fmt.Errorf("entering an io_uring: %w", errno)
	}
	if _, result, ok := u.completion(); !ok || unix.Errno(-result) != unix.EINVAL {
		return fmt.Errorf("%w: %w", errNotOffered, unix.Errno(-result))
	}
	return nil
}
