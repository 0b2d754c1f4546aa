package fusefs

import "golang.org/x/sys/unix"

// respond works out the reply to a request; nil means that there is none. The
// reply is valid until the next call.
func (w *worker) respond(message []byte) []byte {
	req, ok := parseRequest(message)
	if !ok || req.unique == 0 {
		return nil // the kernel sends no such thing; a reply would be a notification
	}
	reply := w.small[:outHeaderSize]
	var errno unix.Errno
	switch req.opcode {
	case opForget, opBatchForget, opNotifyReply:
		return nil
	case opRead:
		reply, errno = w.read(&req)
	case opLookup:
		reply, errno = w.lookup(&req)
	case opReaddir, opReaddirplus:
		reply, errno = w.readdir(&req)
	case opIoctl:
		// Each open() of Python asks whether it is a terminal.
		errno = unix.ENOTTY
	case opGetattr:
		reply, errno = w.getattr(&req)
	case opReadlink:
		reply, errno = w.readlink(&req)
	case opOpen, opOpendir:
		reply, errno = w.open(&req)
	case opGetxattr, opListxattr:
		reply, errno = w.xattr(&req)
	case opStatfs:
		reply = w.statfs()
	case opRelease, opReleasedir, opDestroy:
	case opSetattr, opSymlink, opMknod, opMkdir, opUnlink, opRmdir, opRename, opRename2, opLink,
		opWrite, opCreate, opTmpfile, opSetxattr, opRemovexattr, opFallocate:
		errno = unix.EROFS // the kernel asks only when the mount lacks MS_RDONLY
	default:
		errno = unix.ENOSYS // for most of these it will not ask again
	}
	return finish(reply, req.unique, errno)
}

func (w *worker) read(req *request) ([]byte, unix.Errno) {
	in, ok := parseReadIn(req.body)
	if !ok || in.size > maxRead {
		return w.small[:], unix.EINVAL
	}
	w.reading = true
	w.pusher.reads.Add(1)
	reply := w.reply(int(in.size))
	n, errno := w.fs.Read(req.node, reply[outHeaderSize:outHeaderSize+int(in.size)], in.offset, &w.fresh)
	return reply[:outHeaderSize+n], errno
}

func (w *worker) lookup(req *request) ([]byte, unix.Errno) {
	name, ok := cString(req.body)
	if !ok {
		return w.small[:], unix.EINVAL
	}
	reply := w.reply(entryOutSize)
	a, errno := w.fs.Lookup(req.node, text(name))
	if errno == unix.ENOENT {
		return appendNoEntry(reply), 0
	}
	return appendEntry(reply, &a), errno
}

func (w *worker) getattr(req *request) ([]byte, unix.Errno) {
	a, errno := w.fs.GetAttr(req.node)
	reply := w.reply(16 + attrSize)
	reply = native.AppendUint64(reply, forever)
	reply = native.AppendUint64(reply, 0) // its nanoseconds, and padding
	return appendAttr(reply, &a), errno
}

func (w *worker) readlink(req *request) ([]byte, unix.Errno) {
	target, errno := w.fs.Readlink(req.node)
	return append(w.reply(len(target)), target...), errno
}

// open says that it need not be called: the kernel then opens files itself, and
// keeps their pages and listings.
func (w *worker) open(req *request) ([]byte, unix.Errno) {
	const (
		keepCache = 1 << 1 // FOPEN_KEEP_CACHE
		cacheDir  = 1 << 3 // FOPEN_CACHE_DIR
	)
	if len(req.body) < 8 {
		return w.small[:], unix.EINVAL
	}
	not, flags := w.session.noOpen, uint32(keepCache)
	if req.opcode == opOpendir {
		not, flags = w.session.noOpendir, keepCache|cacheDir
	}
	if native.Uint32(req.body)&unix.O_ACCMODE != unix.O_RDONLY {
		return w.small[:], unix.EROFS
	}
	if not {
		return w.small[:], unix.ENOSYS
	}
	reply := w.reply(16)
	reply = native.AppendUint64(reply, 0)
	reply = native.AppendUint32(reply, flags)
	return native.AppendUint32(reply, 0), 0
}

// xattr answers GETXATTR and LISTXATTR. A size of 0 asks how long the answer is.
func (w *worker) xattr(req *request) ([]byte, unix.Errno) {
	if len(req.body) < 8 {
		return w.small[:], unix.EINVAL
	}
	size := int(native.Uint32(req.body))
	var value []byte
	var errno unix.Errno
	if req.opcode == opListxattr {
		value, errno = w.fs.ListXattr(req.node)
	} else if name, ok := cString(req.body[8:]); ok {
		value, errno = w.fs.GetXattr(req.node, text(name))
	} else {
		errno = unix.EINVAL
	}
	switch {
	case errno != 0:
		return w.small[:], errno
	case size == 0:
		return native.AppendUint64(w.reply(8), uint64(uint32(len(value)))), 0
	case len(value) > size:
		return w.small[:], unix.ERANGE
	}
	return append(w.reply(len(value)), value...), 0
}

func (w *worker) statfs() []byte {
	s := w.fs.StatFS()
	reply := w.reply(80) // struct fuse_kstatfs
	reply = native.AppendUint64(reply, s.Blocks)
	reply = append(reply, make([]byte, 16)...) // free, available
	reply = native.AppendUint64(reply, s.Inodes)
	reply = native.AppendUint64(reply, 0) // free
	reply = native.AppendUint32(reply, s.BlockSize)
	reply = native.AppendUint32(reply, s.NameMax)
	reply = native.AppendUint32(reply, s.BlockSize) // frsize
	return append(reply, make([]byte, 28)...)
}

// readdir encodes entries until the next one does not fit. READDIRPLUS has
// their attributes besides. An entry whose inode cannot be read is only a name,
// and stat will tell what is wrong with it.
func (w *worker) readdir(req *request) ([]byte, unix.Errno) {
	in, ok := parseReadIn(req.body)
	if !ok || in.size > maxRead {
		return w.small[:], unix.EINVAL
	}
	reply := w.reply(int(in.size))
	limit := outHeaderSize + int(in.size)
	plus := req.opcode == opReaddirplus
	errno := w.fs.ReadDir(req.node, in.offset, func(e *DirEntry) bool {
		length := direntSize + len(e.Name) + pad8(len(e.Name))
		if plus {
			length += entryOutSize
		}
		if len(reply)+length > limit {
			return false
		}
		if plus {
			reply = w.appendPlus(reply, e)
		}
		reply = appendDirent(reply, e)
		return true
	})
	return reply, errno
}

func (w *worker) appendPlus(reply []byte, e *DirEntry) []byte {
	if e.HasAttr() {
		if a, errno := w.fs.EntryAttr(e); errno == 0 {
			return appendEntry(reply, &a)
		}
	}
	return append(reply, noEntry[:]...)
}
