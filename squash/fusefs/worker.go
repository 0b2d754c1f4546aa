package fusefs

import (
	"errors"
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
	fresh   reader.Fresh // of the READ that is being answered
	request []byte
	small   [outHeaderSize + 512]byte // for replies of known, small length
	large   *[]byte                   // while a reply needs it, from replyBuffers[class]
	class   int
	fixed   []byte // if not nil, room for replies, whose place is not ours to choose
}

func newWorker(f *FS, s session, p *pusher, fd int) *worker {
	return &worker{fs: f, session: s, fd: fd, pusher: p, request: make([]byte, requestSize)}
}

// run serves until the file system is unmounted, or the device fails.
func (w *worker) run(observe func(opcode)) error {
	for {
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
		if reply != nil {
			w.deliver(reply)
		}
		w.done(w.request[:n])
	}
}

// done ends the use of what respond used.
func (w *worker) done(message []byte) {
	w.freeLarge()
	if len(w.fresh.Blocks) == 0 {
		return
	}
	req, _ := parseRequest(message)
	in, _ := parseReadIn(req.body)
	w.pusher.push(w.fs.r, req.node, &w.fresh, in.size)
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
