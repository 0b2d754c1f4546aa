package fusefs

import (
	"errors"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/jrun-hpc/jrun/squash/reader"
)

// worker takes requests from a device and answers them, one after another.
type worker struct {
	fs      *FS
	session session
	fd      int
	pusher  *pusher
	pushes  bool         // while it does, others can answer
	fresh   reader.Fresh // of the READ that is being answered
	request []byte
	small   [outHeaderSize + 512]byte // for replies of known, small length
	large   largeBuffer               // while a reply needs it
	reading bool                      // a READ is being answered
	fixed   []byte                    // if not nil, room for replies, whose place is not ours to choose
}

func newWorker(f *FS, s session, p *pusher, fd int) *worker {
	return &worker{fs: f, session: s, fd: fd, pusher: p, request: make([]byte, requestSize)}
}

// yieldEvery is after how many requests a worker goes through Go's scheduler.
// If it never did, the runtime would take it for a goroutine that does not let
// others run, look after it all the time (TimerSlack) and take its processor.
const yieldEvery = 64

// run serves until the file system is unmounted, or the device fails.
func (w *worker) run(observe func(opcode)) error {
	for served := 0; ; served++ {
		if served%yieldEvery == 0 {
			runtime.Gosched()
		}
		n, err := readDevice(w.fd, w.request)
		if err != nil {
			return err
		}
		if observe != nil {
			if req, ok := parseRequest(w.request[:n]); ok {
				observe(req.opcode)
			}
		}
		reply := w.respond(w.request[:n])
		w.push(w.request[:n])
		w.endRead()
		if reply != nil {
			w.deliver(reply)
		}
		w.large.free()
	}
}

// endRead must come before the answer is sent: the next READ may be here before
// the sending is over.
func (w *worker) endRead() {
	if w.reading {
		w.reading = false
		w.pusher.reads.Add(-1)
	}
}

// push follows respond.
func (w *worker) push(message []byte) {
	if req, ok := parseRequest(message); ok && req.opcode == opRead {
		w.pusher.push(&req, &w.fresh, w.pushes)
	}
}

// deliver sends a reply. ENOENT is normal: whoever asked was interrupted.
// Anything else must not leave the asker waiting.
func (w *worker) deliver(reply []byte) {
	err := send(w.fd, reply)
	if err == nil || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
		return
	}
	unique := native.Uint64(reply[8:])
	_ = send(w.fd, finish(w.small[:outHeaderSize], unique, unix.EIO))
}

// text views bytes of the request as a string, which must not be kept.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
