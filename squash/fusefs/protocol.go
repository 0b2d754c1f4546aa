package fusefs

import "encoding/binary"

// The messages are those of include/uapi/linux/fuse.h, in the byte order of the
// machine.
var native = binary.NativeEndian

type opcode uint32

// Requests that are answered in some other way than by ENOSYS.
const (
	opLookup      opcode = 1
	opForget      opcode = 2
	opGetattr     opcode = 3
	opSetattr     opcode = 4
	opReadlink    opcode = 5
	opSymlink     opcode = 6
	opMknod       opcode = 8
	opMkdir       opcode = 9
	opUnlink      opcode = 10
	opRmdir       opcode = 11
	opRename      opcode = 12
	opLink        opcode = 13
	opOpen        opcode = 14
	opRead        opcode = 15
	opWrite       opcode = 16
	opStatfs      opcode = 17
	opRelease     opcode = 18
	opSetxattr    opcode = 21
	opGetxattr    opcode = 22
	opListxattr   opcode = 23
	opRemovexattr opcode = 24
	opInit        opcode = 26
	opOpendir     opcode = 27
	opReaddir     opcode = 28
	opReleasedir  opcode = 29
	opCreate      opcode = 35
	opDestroy     opcode = 38
	opIoctl       opcode = 39
	opNotifyReply opcode = 41
	opBatchForget opcode = 42
	opFallocate   opcode = 43
	opReaddirplus opcode = 44
	opRename2     opcode = 45
	opTmpfile     opcode = 51
)

// Lengths of structures, in bytes.
const (
	inHeaderSize  = 40 // fuse_in_header
	outHeaderSize = 16 // fuse_out_header
	attrSize      = 88 // fuse_attr
	entryOutSize  = 40 + attrSize
	direntSize    = 24 // fuse_dirent without its name
)

// request is one message from the kernel.
type request struct {
	opcode opcode
	unique uint64 // names the request in its reply
	node   NodeID
	thread uint32 // of the asker, as the mounter's pid namespace numbers it
	body   []byte // behind the header
}

// parseRequest reads the header. It reports false for what has none.
func parseRequest(message []byte) (request, bool) {
	if len(message) < inHeaderSize || uint64(native.Uint32(message)) != uint64(len(message)) {
		return request{}, false
	}
	return request{
		opcode: opcode(native.Uint32(message[4:])),
		unique: native.Uint64(message[8:]),
		node:   NodeID(native.Uint64(message[16:])),
		thread: native.Uint32(message[32:]),
		body:   message[inHeaderSize:],
	}, true
}

// readIn is what READ, READDIR and READDIRPLUS ask for: struct fuse_read_in.
type readIn struct {
	offset uint64
	size   uint32 // bytes
}

func parseReadIn(body []byte) (readIn, bool) {
	if len(body) < 40 {
		return readIn{}, false
	}
	return readIn{offset: native.Uint64(body[8:]), size: native.Uint32(body[16:])}, true
}

// cString returns the bytes before the first NUL, which must be there.
func cString(body []byte) ([]byte, bool) {
	for i, c := range body {
		if c == 0 {
			return body[:i], true
		}
	}
	return nil, false
}

// appendAttr appends struct fuse_attr.
func appendAttr(out []byte, a *Attr) []byte {
	out = native.AppendUint64(out, a.Ino)
	out = native.AppendUint64(out, a.Size)
	out = native.AppendUint64(out, a.Blocks)
	for range 3 { // atime, mtime, ctime
		out = native.AppendUint64(out, a.MTime)
	}
	out = append(out, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) // their nanoseconds
	out = native.AppendUint32(out, a.Mode)
	out = native.AppendUint32(out, a.Nlink)
	out = native.AppendUint32(out, a.UID)
	out = native.AppendUint32(out, a.GID)
	out = native.AppendUint32(out, a.Rdev)
	return append(out, 0, 0, 0, 0, 0, 0, 0, 0) // blksize: the kernel's choice; flags
}

// appendEntry appends struct fuse_entry_out.
func appendEntry(out []byte, a *Attr) []byte {
	out = native.AppendUint64(out, uint64(a.Node))
	out = native.AppendUint64(out, 0) // generation: numbers are never used again
	out = native.AppendUint64(out, forever)
	out = native.AppendUint64(out, forever)
	out = native.AppendUint64(out, 0) // nanoseconds of both
	return appendAttr(out, a)
}

// appendNoEntry appends the entry that says that there is none, which the
// kernel remembers, where ENOENT would be asked again.
func appendNoEntry(out []byte) []byte {
	out = append(out, noEntry[:]...)
	native.PutUint64(out[len(out)-entryOutSize+16:], forever)
	return out
}

var noEntry [entryOutSize]byte

// appendDirent appends struct fuse_dirent with its name, padded to 8 bytes.
func appendDirent(out []byte, e *DirEntry) []byte {
	out = native.AppendUint64(out, e.Ino)
	out = native.AppendUint64(out, e.Off)
	out = native.AppendUint32(out, uint32(len(e.Name)))
	out = native.AppendUint32(out, e.Mode>>12) // DT_DIR and so on
	out = append(out, e.Name...)
	return append(out, make([]byte, pad8(len(e.Name)))...)
}

// pad8 is how much is missing to a multiple of 8.
func pad8(n int) int { return -n & 7 }

// forever is the longest timeout, in seconds, that the kernel takes for one
// that never ends without overflowing its jiffies.
const forever = 1<<31 - 1
