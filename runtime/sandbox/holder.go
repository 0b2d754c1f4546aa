package sandbox

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/jrun-hpc/jrun/presence"
	"github.com/jrun-hpc/jrun/runtime/rendezvous"
	"github.com/jrun-hpc/jrun/squash/fusefs"
	"github.com/jrun-hpc/jrun/squash/profile"
	"github.com/jrun-hpc/jrun/squash/reader"
	"golang.org/x/sys/unix"
)

// holder serves one image to one sandbox.
type holder struct {
	plan       *plan
	listener   *net.UnixListener
	namespaces []*os.File // U1, M2, U2
	startUp    *startUp

	mu      sync.Mutex
	ranks   int
	express []*net.UnixListener // see serveOffer
}

// holderMain goes on where jrun_stage_holder ended: in U1 and M1, with FUSE
// mounted but not served, and U2 made.
func holderMain(fuseFD, innerFD int, builder runningBuilder) int {
	status := os.NewFile(holderStatusFD, "status")
	unix.CloseOnExec(holderStatusFD)
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE)
	h, server, err := prepare(fuseFD, innerFD, builder)
	if err != nil {
		fmt.Fprintln(status, err)
		return 1
	}
	if inside, err := mountNamespace(h.namespaces[1]); err == nil {
		go endWithJob(h.plan.Job, inside)
	}
	go h.accept()
	fmt.Fprintln(status, statusReady)
	status.Close()
	releaseStdio()
	release := keepLease(os.NewFile(holderLeaseFD, "lease"))
	server.Wait() // until the kernel has unmounted the last namespace that shows the image
	release()
	return 0
}

func prepare(fuseFD, innerFD int, builder runningBuilder) (*holder, *fusefs.Server, error) {
	for fd := uintptr(holderListenFD); fd <= holderLeaseFD; fd++ {
		unix.CloseOnExec(int(fd))
	}
	p, err := readPlan(holderPlanFD)
	unix.Close(holderPlanFD)
	if err != nil {
		return nil, nil, err
	}
	image := os.NewFile(holderImageFD, "image")
	start := watchStartUp(p.Profile, image)
	server, err := serveImage(p, image, start.recorder, fuseFD)
	if err != nil {
		return nil, nil, err
	}
	mountNS, err := builder.wait()
	if err != nil {
		return nil, nil, err
	}
	// From here on only M2 shows the image, and ends with its last process.
	if err := unix.Unmount(p.MountDir, unix.MNT_DETACH); err != nil {
		return nil, nil, fmt.Errorf("detaching the image from the holder's namespace: %w", err)
	}
	outerNS, err := os.Open("/proc/self/ns/user")
	if err != nil {
		return nil, nil, fmt.Errorf("opening the outer user namespace: %w", err)
	}
	socket := os.NewFile(holderListenFD, "listener")
	defer socket.Close()
	listener, err := net.FileListener(socket)
	if err != nil {
		return nil, nil, fmt.Errorf("taking over the socket: %w", err)
	}
	h := &holder{
		plan:       p,
		listener:   listener.(*net.UnixListener),
		namespaces: []*os.File{outerNS, mountNS, os.NewFile(uintptr(innerFD), "inner")},
		startUp:    start,
	}
	h.watch(holderSpawnerFD) // a creator that dies before it enters is missed too
	return h, server, nil
}

// serveImage starts to answer the kernel's requests. Every file belongs to uid
// 0 of U1, which is the caller.
func serveImage(p *plan, image *os.File, reads *profile.Recorder, fuseFD int) (*fusefs.Server, error) {
	info, err := image.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening the image: %w", err)
	}
	r, err := reader.Open(reads, info.Size(), reader.Options{ReadAhead: reader.Advise(image)})
	if err != nil {
		return nil, fmt.Errorf("opening the image: %w", err)
	}
	var synthetic []fusefs.Synthetic
	dirs, files := p.mountPoints()
	for _, name := range dirs {
		synthetic = append(synthetic, fusefs.Synthetic{Path: name, Kind: fusefs.Dir, Mode: 0o755})
	}
	for _, name := range files {
		synthetic = append(synthetic, fusefs.Synthetic{Path: name, Kind: fusefs.File, Mode: 0o644})
	}
	for _, f := range p.Files {
		mode := uint32(0o644)
		if f.Program {
			mode = 0o755
		}
		synthetic = append(synthetic, fusefs.Synthetic{Path: f.Path, Kind: fusefs.File, Mode: mode, Content: f.Content})
	}
	fsys, err := fusefs.New(r, fusefs.Options{Synthetic: synthetic, HideTrusted: true})
	if err != nil {
		return nil, fmt.Errorf("preparing to serve the image: %w", err)
	}
	server, err := fusefs.Serve(fuseFD, fsys)
	if err != nil {
		return nil, fmt.Errorf("serving the image: %w", err)
	}
	return server, nil
}

// keepLease tells garbage collection on other hosts that the image is in use, until
// the function returned is called.
func keepLease(lease *os.File) (release func()) {
	info, err := lease.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		presence.Keep(lease, stop)
		close(stopped)
	}()
	return func() {
		close(stop)
		<-stopped
	}
}

// accept lets processes of the same user in until the last one has ended.
func (h *holder) accept() {
	for {
		conn, err := h.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		go h.admit(conn)
	}
}

func (h *holder) admit(conn *net.UnixConn) {
	defer conn.Close()
	namespaces, ok := h.admitPeer(conn)
	if !ok {
		return // too late; it will be told by the end of the connection
	}
	if rendezvous.Send(conn, namespaces, reply{Note: h.plan.Note}) == nil {
		h.takeOffer(conn)
	}
}

// admitPeer counts the process at the other end as a rank, if it is the user's.
func (h *holder) admitPeer(conn *net.UnixConn) (namespaces []*os.File, ok bool) {
	// In U1 the caller is 0, and everybody else the overflow uid.
	uid, pid, err := rendezvous.Peer(conn)
	if err != nil || uid != 0 {
		return nil, false
	}
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil || !h.watch(pidfd) {
		return nil, false // one of us has ended already
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.namespaces, h.namespaces != nil
}

// watch counts a rank until the process of pidfd ends. It reports false when
// the sandbox is already ending.
func (h *holder) watch(pidfd int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.namespaces == nil {
		unix.Close(pidfd)
		return false
	}
	h.ranks++
	go func() {
		waitPidfd(pidfd)
		unix.Close(pidfd)
		h.leave()
	}()
	return true
}

// leave ends the sandbox after its last rank: nobody can come in any more, and
// the processes that the job left behind alone keep M2 alive.
func (h *holder) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ranks--; h.ranks > 0 {
		return
	}
	h.startUp.save() // a program that took less than the time that is recorded
	h.listener.Close()
	for _, l := range h.express {
		l.Close()
	}
	rendezvous.CloseAll(h.namespaces)
	h.namespaces = nil
}

// waitPidfd returns when the process has ended.
func waitPidfd(pidfd int) {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, -1)
		if n > 0 || (err != nil && !errors.Is(err, unix.EINTR)) {
			return
		}
	}
}

// releaseStdio lets go of the job's pipes and terminal, whose readers wait for
// the last writer to close them.
func releaseStdio() {
	if debugging() {
		return
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer null.Close()
	for fd := range 3 {
		_ = unix.Dup3(int(null.Fd()), fd, 0)
	}
}
