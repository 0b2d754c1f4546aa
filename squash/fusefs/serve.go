package fusefs

import (
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// Server serves one mount.
type Server struct {
	running sync.WaitGroup // workers
	closed  chan struct{}
}

// Serve answers the requests of a FUSE file system that is already mounted with
// the open /dev/fuse fd, which from here on belongs to the Server. It returns
// when the kernel and we have agreed on the protocol; requests are then
// answered until the last mount is gone. Errors wrap ErrProtocol or those of
// the device.
func Serve(fd int, f *FS) (*Server, error) { return serve(fd, f, nil) }

// serve calls observe, if not nil, for every request, concurrently.
func serve(fd int, f *FS, observe func(opcode)) (*Server, error) {
	return serveThrough(fd, f, observe, openRings)
}

// serveThrough takes requests through the rings that open makes, if any.
func serveThrough(fd int, f *FS, observe func(opcode), open func(*FS, int) *ringPool) (*Server, error) {
	unix.CloseOnExec(fd)
	// With O_NONBLOCK a worker would spin.
	if err := unix.SetNonblock(fd, false); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("talking to the kernel through FUSE: %w", err)
	}
	agreed, err := negotiate(fd, func() *ringPool { return open(f, fd) })
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("talking to the kernel through FUSE: %w", err)
	}
	s := &Server{closed: make(chan struct{})}
	workers := threads(f.opts.Threads)
	leaveProcessor(workers)
	pusher := newPusher(f, fd)
	start := func(i int) {
		own := fd
		if i > 0 {
			// Not allowed, or not known to this kernel: then they share.
			if cloned, err := clone(fd); err == nil {
				own = cloned
			}
		}
		s.running.Add(1)
		go func() {
			defer s.running.Done()
			w := newWorker(f, agreed, pusher, own)
			w.pushes = workers > 1 && agreed.rings == nil
			_ = w.run(observe) // ends with the mount
			if own != fd {
				unix.Close(own)
			}
		}()
	}
	start(0)
	rest := func() {
		for i := 1; i < workers; i++ {
			start(i)
		}
	}
	if agreed.rings != nil {
		// One worker is enough for what never comes through rings: FORGET and
		// INTERRUPT.
		s.startRings(agreed, pusher, observe, sync.OnceFunc(rest))
	} else {
		rest()
	}
	go func() {
		s.running.Wait()
		unix.Close(fd)
		close(s.closed)
	}()
	return s, nil
}

// leaveProcessor makes sure that not all of Go's processors are held by workers
// that wait for the kernel: the one left runs what a reader starts beside them.
func leaveProcessor(workers int) {
	if runtime.GOMAXPROCS(0) <= workers {
		runtime.GOMAXPROCS(workers + 1)
	}
}

// cpus is how many CPUs this process may use, also by its cgroup.
var cpus = runtime.GOMAXPROCS(0)

// threads follows the CPUs that this process may use. More would hurt: the
// kernel wakes the worker that has waited longest, whose caches are coldest
// (twice as many took 1.2 times as long for a sequential read). Two at least,
// as one may wait for the storage.
func threads(wanted int) int {
	if wanted > 0 {
		return wanted
	}
	return min(max(cpus, 2), 32)
}

// Wait returns when the file system is unmounted everywhere.
func (s *Server) Wait() { <-s.closed }
