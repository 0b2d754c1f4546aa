package fusefs

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What is used of include/uapi/linux/io_uring.h.
const (
	setupSQE128       = 1 << 10 // submissions of 128 bytes, with 80 for a command
	setupSingleIssuer = 1 << 12 // only the thread that made it submits
	setupDeferTaskrun = 1 << 13 // the kernel's part of the work is done in io_uring_enter only
	setupNoSQArray    = 1 << 16 // submissions in the order of their slots (Linux 6.6)

	enterGetEvents = 1 << 0

	opURingCmd = 46 // IORING_OP_URING_CMD

	offsetRings       = 0          // IORING_OFF_SQ_RING: both rings
	offsetSubmissions = 0x10000000 // IORING_OFF_SQES

	completionSize = 16 // struct io_uring_cqe
)

// Where struct io_uring_sqe has the fields of a command.
const (
	sqeOpcode   = 0
	sqeFD       = 4
	sqeCmdOp    = 8
	sqeAddr     = 16
	sqeLen      = 24
	sqeUserData = 32
	sqeCmd      = 48
)

// ioURingParams is struct io_uring_params.
type ioURingParams struct {
	sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFD uint32
	_                                                                      [3]uint32
	sq                                                                     struct {
		head, tail, ringMask, ringEntries, flags, dropped, array, _ uint32
		_                                                           uint64
	}
	cq struct {
		head, tail, ringMask, ringEntries, overflow, cqes, flags, _ uint32
		_                                                           uint64
	}
}

// ioURing is a submission and a completion queue shared with the kernel. One
// thread uses it.
type ioURing struct {
	fd      int
	rings   []byte // mapped: heads, tails and completions
	sqes    []byte // mapped: submissions
	sqeSize int

	sqHead, sqTail, cqHead, cqTail *uint32 // in rings; the kernel moves sqHead and cqTail
	sqMask, cqMask                 uint32
	completions                    []byte // in rings
}

// newIOURing makes room for so many submissions, and twice as many completions.
func newIOURing(entries, flags uint32) (*ioURing, error) {
	p := ioURingParams{flags: flags | setupNoSQArray}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, fmt.Errorf("setting up an io_uring: %w", errno)
	}
	u := &ioURing{fd: int(fd), sqeSize: 64}
	if flags&setupSQE128 != 0 {
		u.sqeSize = 128
	}
	const protection, kind = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	var err error
	// Since Linux 5.4 one mapping has both rings, the completions last.
	length := int(p.cq.cqes) + int(p.cqEntries)*completionSize
	if u.rings, err = unix.Mmap(u.fd, offsetRings, length, protection, kind); err == nil {
		u.sqes, err = unix.Mmap(u.fd, offsetSubmissions, int(p.sqEntries)*u.sqeSize, protection, kind)
	}
	if err != nil {
		u.close()
		return nil, fmt.Errorf("mapping an io_uring: %w", err)
	}
	at := func(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&u.rings[offset])) }
	u.sqHead, u.sqTail, u.sqMask = at(p.sq.head), at(p.sq.tail), *at(p.sq.ringMask)
	u.cqHead, u.cqTail, u.cqMask = at(p.cq.head), at(p.cq.tail), *at(p.cq.ringMask)
	u.completions = u.rings[p.cq.cqes:]
	return u, nil
}

// command queues a command to a file. It returns the command's own bytes, empty
// at first, to be filled in before enter. There must be room.
func (u *ioURing) command(fd int, op uint32, userData uint64) []byte {
	tail := *u.sqTail // nobody else moves it
	slot := int(tail&u.sqMask) * u.sqeSize
	sqe := u.sqes[slot : slot+u.sqeSize]
	clear(sqe)
	sqe[sqeOpcode] = opURingCmd
	native.PutUint32(sqe[sqeFD:], uint32(fd))
	native.PutUint32(sqe[sqeCmdOp:], op)
	native.PutUint64(sqe[sqeUserData:], userData)
	atomic.StoreUint32(u.sqTail, tail+1)
	return sqe
}

// enter submits what was queued and waits until there are so many completions.
// It may return earlier.
func (u *ioURing) enter(wait uint32) unix.Errno {
	submit := *u.sqTail - atomic.LoadUint32(u.sqHead)
	_, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(u.fd), uintptr(submit), uintptr(wait), enterGetEvents, 0, 0)
	return errno
}

// completion takes one that has come, if any.
func (u *ioURing) completion() (userData uint64, result int32, ok bool) {
	head := *u.cqHead
	if head == atomic.LoadUint32(u.cqTail) {
		return 0, 0, false
	}
	cqe := u.completions[(head&u.cqMask)*completionSize:]
	userData, result = native.Uint64(cqe), int32(native.Uint32(cqe[8:]))
	atomic.StoreUint32(u.cqHead, head+1)
	return userData, result, true
}

// waiting reports whether a completion has come.
func (u *ioURing) waiting() bool { return *u.cqHead != atomic.LoadUint32(u.cqTail) }

func (u *ioURing) close() {
	if u.sqes != nil {
		_ = unix.Munmap(u.sqes)
	}
	if u.rings != nil {
		_ = unix.Munmap(u.rings)
	}
	unix.Close(u.fd)
}
