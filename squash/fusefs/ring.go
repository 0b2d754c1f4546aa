package fusefs

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Commands of FUSE over io_uring: enum fuse_uring_cmd.
const (
	cmdRegister       = 1
	cmdCommitAndFetch = 2
)

// struct fuse_uring_req_header, and where its parts are.
const (
	ringHeaderSize = 288
	ringOpIn       = 128 // behind fuse_in_header or fuse_out_header: the operation's own structure
	ringOpInSize   = 128
	ringEntry      = 256           // struct fuse_uring_ent_in_out
	ringCommitID   = ringEntry + 8 // names the request in the command that commits its reply
	ringPayload    = ringEntry + 16
)

// payloadSize is the longest reply through a ring, in bytes, and with that the
// longest READ. Every entry has a buffer of that length, of which it keeps what
// it has ever used; so it is less than maxRead.
const payloadSize = 256 << 10

const (
	ringIovecs   = ringHeaderSize               // two struct iovec behind the header, which REGISTER points to
	headerStride = 384                          // of entries
	bufferStride = payloadSize + 2*pageSize     // of entries: header, payload, scratch
	payloadStart = pageSize                     // in the buffer; the reply's header is before it
	replyStart   = payloadStart - outHeaderSize // of a reply as respond makes it
)

// entry is one place for a request and its reply.
type entry struct {
	queue  int
	header []byte // struct fuse_uring_req_header, and the iovecs
	buffer []byte // a reply as respond makes it; the kernel sees what is behind its header
	served bool   // the kernel has sent a request through it since it was registered
}

// ringThread serves entries of one or more queues.
type ringThread struct {
	worker  *worker
	io      *ioURing
	memory  []byte // mapped, for all entries
	entries []entry
}

// newRingThread must be called on the thread that will run it.
func newRingThread(w *worker, queues []int) (*ringThread, error) {
	// No memory is taken before it is touched; huge pages would take more.
	headers := (len(queues)*headerStride + pageSize - 1) &^ (pageSize - 1)
	memory, err := unix.Mmap(-1, 0, headers+len(queues)*bufferStride, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("mapping buffers of a ring: %w", err)
	}
	_ = unix.Madvise(memory, unix.MADV_NOHUGEPAGE)
	t := &ringThread{worker: w, memory: memory}
	t.io, err = newIOURing(uint32(len(queues)), setupSQE128|setupSingleIssuer|setupDeferTaskrun)
	if err != nil {
		_ = unix.Munmap(memory)
		return nil, err
	}
	for i, q := range queues {
		buffer := memory[headers+i*bufferStride:][:bufferStride]
		t.entries = append(t.entries, entry{
			queue:  q,
			header: memory[i*headerStride:][:headerStride],
			buffer: buffer[replyStart : payloadStart+payloadSize+scratch : payloadStart+payloadSize+scratch],
		})
	}
	return t, nil
}

func (t *ringThread) close() {
	t.io.close()
	_ = unix.Munmap(t.memory)
}

// run registers the entries and serves until the file system is unmounted. It
// calls failed when the kernel does not take an entry. What comes meanwhile
// through other entries of the thread waits.
func (t *ringThread) run(observe func(opcode), failed func()) {
	for i := range t.entries {
		t.register(i)
	}
	for live := len(t.entries); live > 0; {
		// One call hands in a reply and brings the next request.
		wait := uint32(1)
		if t.io.waiting() {
			wait = 0
		}
		switch t.io.enter(wait) {
		case 0, unix.EINTR:
		case unix.EAGAIN, unix.EBUSY, unix.ENOMEM: // the kernel is short of memory
			time.Sleep(time.Millisecond)
		default:
			failed()
			return
		}
		i, result, ok := t.io.completion()
		if !ok {
			continue
		}
		e := &t.entries[i]
		switch {
		case result == 0:
			e.served = true
			t.serve(int(i), observe)
		case ended(unix.Errno(-result)):
			live--
		case e.served: // a reply was not taken, and the entry is lost to the kernel
			e.served = false
			t.register(int(i))
		default:
			live--
			failed()
		}
	}
}

// ended reports whether an error means that the file system is unmounted.
func ended(errno unix.Errno) bool {
	return errno == unix.ENOTCONN || errno == unix.ECONNABORTED || errno == unix.ECANCELED || errno == unix.ENODEV
}

func (t *ringThread) register(i int) {
	e := &t.entries[i]
	iovecs := e.header[ringIovecs:]
	native.PutUint64(iovecs, address(e.header))
	native.PutUint64(iovecs[8:], ringHeaderSize)
	native.PutUint64(iovecs[16:], address(e.buffer[outHeaderSize:]))
	native.PutUint64(iovecs[24:], payloadSize)
	sqe := t.io.command(t.worker.fd, cmdRegister, uint64(i))
	native.PutUint64(sqe[sqeAddr:], address(iovecs))
	native.PutUint32(sqe[sqeLen:], 2)
	putCommand(sqe[sqeCmd:], 0, e.queue)
}

// putCommand fills in struct fuse_uring_cmd_req.
func putCommand(cmd []byte, commitID uint64, queue int) {
	native.PutUint64(cmd[8:], commitID)
	native.PutUint16(cmd[16:], uint16(queue))
}

// serve answers the request that is in an entry.
func (t *ringThread) serve(i int, observe func(opcode)) {
	e, w := &t.entries[i], t.worker
	commitID := native.Uint64(e.header[ringCommitID:])
	w.fixed = e.buffer
	message, ok := assembleRequest(w.request, e.header, e.buffer[outHeaderSize:outHeaderSize+payloadSize])
	if observe != nil {
		if req, ok := parseRequest(message); ok {
			observe(req.opcode)
		}
	}
	var reply []byte
	if ok {
		reply = w.respond(message)
		w.push(message)
	}
	putReply(e, reply, commitID)
	w.endRead()
	w.large.free()
	putCommand(t.io.command(w.fd, cmdCommitAndFetch, uint64(i))[sqeCmd:], commitID, e.queue)
}

// assembleRequest puts the parts of a request together in buf, as a read of the
// device would: what is in the payload's place would otherwise be overwritten
// by the reply. It reports false for what the kernel does not send.
func assembleRequest(buf, header, payload []byte) ([]byte, bool) {
	length, inPayload := uint64(native.Uint32(header)), uint64(native.Uint32(header[ringPayload:]))
	if length > uint64(len(buf)) || inPayload > uint64(len(payload)) || length < inHeaderSize+inPayload {
		return nil, false
	}
	inHeader := length - inHeaderSize - inPayload
	if inHeader > ringOpInSize {
		return nil, false
	}
	n := copy(buf, header[:inHeaderSize])
	n += copy(buf[n:], header[ringOpIn:ringOpIn+inHeader])
	n += copy(buf[n:], payload[:inPayload])
	return buf[:n], true
}

// putReply puts a reply, which usually is in the entry's buffer already, where
// the kernel looks for it. Each request must have one: no reply, and one that
// is too long, become an error.
func putReply(e *entry, reply []byte, unique uint64) {
	if len(reply) < outHeaderSize || len(reply) > outHeaderSize+payloadSize {
		reply = finish(e.buffer[:outHeaderSize], unique, unix.EIO)
	}
	if body := reply[outHeaderSize:]; len(body) > 0 && &reply[0] != &e.buffer[0] {
		copy(e.buffer[outHeaderSize:], body)
	}
	copy(e.header, reply[:outHeaderSize])
	native.PutUint32(e.header[ringPayload:], uint32(len(reply)-outHeaderSize))
}

func address(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }
