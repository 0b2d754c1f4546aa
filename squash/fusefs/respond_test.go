package fusefs

import (
	"bytes"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// ask makes a message with the body's length in its header.
func ask(op opcode, node NodeID, body []byte) []byte {
	m := make([]byte, inHeaderSize, inHeaderSize+len(body))
	native.PutUint32(m, uint32(inHeaderSize+len(body)))
	native.PutUint32(m[4:], uint32(op))
	native.PutUint64(m[8:], 77)
	native.PutUint64(m[16:], uint64(node))
	return append(m, body...)
}

func askRead(op opcode, node NodeID, offset uint64, size uint32) []byte {
	body := make([]byte, 40)
	native.PutUint64(body[8:], offset)
	native.PutUint32(body[16:], size)
	return ask(op, node, body)
}

// openIn is the body of an OPEN or OPENDIR with flags.
func openIn(flags uint32) []byte { return native.AppendUint32(native.AppendUint32(nil, flags), 0) }

// errnoOf returns the error of a reply whose header is right.
func errnoOf(t *testing.T, reply []byte) unix.Errno {
	t.Helper()
	if len(reply) < outHeaderSize || int(native.Uint32(reply)) != len(reply) {
		t.Fatalf("reply of %d bytes: % x", len(reply), reply[:min(len(reply), 16)])
	}
	return unix.Errno(-int32(native.Uint32(reply[4:])))
}

// newTestWorker returns a worker without a device, which pushes nothing.
func newTestWorker(f *FS, s session) *worker { return newWorker(f, s, newPusher(f, -1), -1) }

// endOf ends the use of what respond used.
func endOf(w *worker, message []byte) {
	w.push(message)
	w.endRead()
	w.large.free()
}

func TestReplies(t *testing.T) {
	f := newFS(t, "zstd", Options{})
	hello := mustWalk(t, f, "etc/hello").Node
	sized := func(n uint32, rest string) []byte {
		return append(native.AppendUint64(nil, uint64(n)), rest...)
	}
	for name, tt := range map[string]struct {
		message []byte
		errno   unix.Errno
		length  int // of the body
	}{
		"lookup":                 {ask(opLookup, RootID, []byte("etc\x00")), 0, entryOutSize},
		"lookup of nothing":      {ask(opLookup, RootID, []byte("none\x00")), 0, entryOutSize},
		"lookup without NUL":     {ask(opLookup, RootID, []byte("etc")), unix.EINVAL, 0},
		"lookup in a file":       {ask(opLookup, hello, []byte("etc\x00")), unix.ENOTDIR, 0},
		"getattr":                {ask(opGetattr, RootID, make([]byte, 16)), 0, 16 + attrSize},
		"read":                   {askRead(opRead, hello, 2, 4096), 0, 4},
		"read that is too long":  {askRead(opRead, hello, 0, maxRead+1), unix.EINVAL, 0},
		"read cut short":         {ask(opRead, hello, make([]byte, 39)), unix.EINVAL, 0},
		"read of a directory":    {askRead(opRead, RootID, 0, 4096), unix.EISDIR, 0},
		"readdir without room":   {askRead(opReaddir, RootID, 0, 20), 0, 0},
		"readdir of two":         {askRead(opReaddir, RootID, 0, 64), 0, 64},
		"readdirplus of one":     {askRead(opReaddirplus, RootID, 0, 200), 0, entryOutSize + 32},
		"readdir past the end":   {askRead(opReaddir, RootID, 1<<63, 4096), 0, 0},
		"readdir of a file":      {askRead(opReaddir, hello, 0, 4096), unix.ENOTDIR, 0},
		"xattr's size":           {ask(opGetxattr, hello, sized(0, "user.comment\x00")), 0, 8},
		"xattr":                  {ask(opGetxattr, hello, sized(100, "user.comment\x00")), 0, 7},
		"xattr without room":     {ask(opGetxattr, hello, sized(3, "user.comment\x00")), unix.ERANGE, 0},
		"xattr without NUL":      {ask(opGetxattr, hello, sized(3, "user.comment")), unix.EINVAL, 0},
		"xattr cut short":        {ask(opGetxattr, hello, nil), unix.EINVAL, 0},
		"names of xattrs":        {ask(opListxattr, hello, sized(100, "")), 0, 13},
		"statfs":                 {ask(opStatfs, RootID, nil), 0, 80},
		"open":                   {ask(opOpen, hello, openIn(unix.O_RDONLY)), unix.ENOSYS, 0},
		"open for writing":       {ask(opOpen, hello, openIn(unix.O_RDWR)), unix.EROFS, 0},
		"open cut short":         {ask(opOpen, hello, nil), unix.EINVAL, 0},
		"readlink of a file":     {ask(opReadlink, hello, nil), unix.EINVAL, 0},
		"ioctl":                  {ask(opIoctl, hello, make([]byte, 32)), unix.ENOTTY, 0},
		"write":                  {ask(opWrite, hello, nil), unix.EROFS, 0},
		"interrupt":              {ask(36, RootID, make([]byte, 8)), unix.ENOSYS, 0},
		"a request of next year": {ask(4000, RootID, nil), unix.ENOSYS, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTestWorker(f, session{noOpen: true, noOpendir: true})
			defer endOf(w, tt.message)
			reply := w.respond(tt.message)
			if errno := errnoOf(t, reply); errno != tt.errno || len(reply) != outHeaderSize+tt.length {
				t.Errorf("%v and %d bytes, want %v and %d", errno, len(reply)-outHeaderSize, tt.errno, tt.length)
			}
			if unique := native.Uint64(reply[8:]); unique != 77 {
				t.Errorf("reply to %d", unique)
			}
		})
	}
}

// TestOpenWhereItIsNeeded is about kernels that do not know ENOSYS to OPENDIR.
func TestOpenWhereItIsNeeded(t *testing.T) {
	w := newTestWorker(newFS(t, "zstd", Options{}), session{noOpen: true})
	reply := w.respond(ask(opOpendir, RootID, openIn(unix.O_RDONLY)))
	if errno := errnoOf(t, reply); errno != 0 || len(reply) != outHeaderSize+16 {
		t.Errorf("opendir: %v, %d bytes", errno, len(reply))
	}
}

func TestNoReply(t *testing.T) {
	w := newTestWorker(newFS(t, "zstd", Options{}), session{})
	unnamed := ask(opLookup, RootID, []byte("etc\x00"))
	native.PutUint64(unnamed[8:], 0)
	for name, message := range map[string][]byte{
		"forget":       ask(opForget, RootID, make([]byte, 8)),
		"batch forget": ask(opBatchForget, RootID, make([]byte, 24)),
		"empty":        nil,
		"half header":  ask(opGetattr, RootID, nil)[:20],
		"wrong length": append(ask(opGetattr, RootID, nil), 0),
		"no name":      unnamed,
	} {
		if reply := w.respond(message); reply != nil {
			t.Errorf("%s: reply of %d bytes", name, len(reply))
		}
	}
}

// TestNoAllocations is about the requests that come by the thousand.
func TestNoAllocations(t *testing.T) {
	f := newFS(t, "zstd", Options{Synthetic: []Synthetic{{Path: "etc/ours", Kind: File, Content: []byte("x")}}})
	etc, hello := mustWalk(t, f, "etc").Node, mustWalk(t, f, "etc/hello").Node
	whole := mustWalk(t, f, "one-block")
	w := newTestWorker(f, session{})
	for name, message := range map[string][]byte{
		"lookup":                ask(opLookup, etc, []byte("hello\x00")),
		"lookup of nothing":     ask(opLookup, etc, []byte("none\x00")),
		"getattr":               ask(opGetattr, hello, make([]byte, 16)),
		"read of a fragment":    askRead(opRead, hello, 0, 4096),
		"read of a block":       askRead(opRead, whole.Node, 0, uint32(whole.Size)),
		"read in a block":       askRead(opRead, whole.Node, 4096, 4096),
		"listing":               askRead(opReaddirplus, etc, 0, 32<<10),
		"is it a terminal":      ask(opIoctl, hello, make([]byte, 32)),
		"forget":                ask(opForget, hello, make([]byte, 8)),
		"lookup of a file ours": ask(opLookup, etc, []byte("ours\x00")),
	} {
		allocs := testing.AllocsPerRun(200, func() {
			w.respond(message)
			endOf(w, message)
		})
		if allocs >= 1 { // less is a pool that was emptied
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}

// FuzzMessages sends whatever it likes. There must be one well-formed reply or
// none, and no more bytes than were asked for.
func FuzzMessages(f *testing.F) {
	image := newFS(f, "zstd", Options{Synthetic: []Synthetic{{Path: "etc/x/y"}, {Path: "etc/z", Kind: Symlink, Content: []byte("z")}}})
	for op := range opcode(56) {
		f.Add(ask(op, RootID, []byte("etc\x00")))
		f.Add(askRead(op, 2, 0, 4096))
	}
	f.Add(ask(opGetxattr, RootID, append(make([]byte, 8), "user.comment\x00"...)))
	silent := []opcode{opForget, opBatchForget, opNotifyReply}
	f.Fuzz(func(t *testing.T, message []byte) {
		w := newTestWorker(image, session{noOpen: true})
		defer endOf(w, message)
		before := bytes.Clone(message)
		reply := w.respond(message)
		if !bytes.Equal(before, message) {
			t.Error("the request was changed")
		}
		req, ok := parseRequest(message)
		if !ok || req.unique == 0 || slices.Contains(silent, req.opcode) {
			if reply != nil {
				t.Errorf("reply of %d bytes to nothing", len(reply))
			}
			return
		}
		errno := errnoOf(t, reply)
		if errno >= 512 || errno != 0 && len(reply) != outHeaderSize {
			t.Errorf("error %d with %d bytes", errno, len(reply))
		}
		if in, ok := parseReadIn(req.body); ok && (req.opcode == opRead || req.opcode == opReaddir || req.opcode == opReaddirplus) {
			if uint64(len(reply)) > outHeaderSize+uint64(in.size) {
				t.Errorf("%d bytes where %d were asked for", len(reply)-outHeaderSize, in.size)
			}
		}
	})
}
