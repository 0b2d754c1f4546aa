package fusefs

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrProtocol means that the kernel speaks a FUSE protocol that is too old.
var ErrProtocol = errors.New("the kernel's FUSE protocol is not supported")

// The protocol. Minor 23 fixed the length of fuse_init_out; what came later is
// asked for by flags, and used if the kernel offers it.
const (
	protocolMajor = 7
	protocolMinor = 38
	minimalMinor  = 23
)

// Flags of FUSE_INIT.
const (
	flagAsyncRead         = 1 << 0  // several reads of one file at once
	flagDoReaddirplus     = 1 << 13 // always: a stat follows most listings, and it saves lookups
	flagNoOpen            = 1 << 17 // ENOSYS to OPEN means: do not ask again
	flagParallelDirops    = 1 << 18 // lookups in one directory at once
	flagMaxPages          = 1 << 22 // maxPages is set
	flagCacheSymlinks     = 1 << 23
	flagNoOpendir         = 1 << 24 // ENOSYS to OPENDIR means: do not ask again
	flagExplicitInvalData = 1 << 25 // pages go only when we say so
	flagInitExt           = 1 << 30 // flags2 is set
	flag2OverIOURing      = 1 << 9  // of flags2: requests may come through rings
	wantedFlags           = flagAsyncRead | flagDoReaddirplus | flagNoOpen | flagParallelDirops |
		flagMaxPages | flagCacheSymlinks | flagNoOpendir | flagExplicitInvalData
)

const (
	// maxRead is the largest READ that we answer, in bytes. What the kernel
	// asks for depends on the read-ahead of the mount, 128 KiB at first.
	maxRead = 1 << 20
	// maxWrite is the smallest that the kernel takes: writes are refused.
	maxWrite = 4096
	// maxBackground is how many read-ahead requests may be under way, and
	// congestion when the kernel holds back with more.
	maxBackground = 64
	congestion    = 48
	pageSize      = 4096
)

// session is what was agreed on.
type session struct {
	noOpen, noOpendir bool
	rings             *ringPool // requests come through them, if not nil
}

// negotiate answers FUSE_INIT. Where the kernel offers rings, open is asked for
// them, and may return nil.
func negotiate(fd int, open func() *ringPool) (session, error) {
	buf := make([]byte, requestSize)
	for {
		n, err := readDevice(fd, buf)
		if err != nil {
			return session{}, fmt.Errorf("reading the first FUSE request: %w", err)
		}
		req, ok := parseRequest(buf[:n])
		if !ok || req.opcode != opInit || len(req.body) < 16 {
			return session{}, fmt.Errorf("%w: the first request is not FUSE_INIT", ErrProtocol)
		}
		major, minor := native.Uint32(req.body), native.Uint32(req.body[4:])
		readahead, offered := native.Uint32(req.body[8:]), native.Uint32(req.body[12:])
		reply := make([]byte, outHeaderSize, outHeaderSize+64)
		switch {
		case major > protocolMajor: // it will ask again in our version
			reply = appendInitOut(reply, 0, 0, nil)
			if err := send(fd, finish(reply, req.unique, 0)); err != nil {
				return session{}, fmt.Errorf("answering FUSE_INIT: %w", err)
			}
			continue
		case major < protocolMajor || minor < minimalMinor:
			_ = send(fd, finish(reply, req.unique, unix.EPROTO))
			return session{}, fmt.Errorf("%w: version %d.%d", ErrProtocol, major, minor)
		}
		flags := offered & wantedFlags
		agreed := session{noOpen: flags&flagNoOpen != 0, noOpendir: flags&flagNoOpendir != 0}
		if offersRings(offered, req.body) {
			agreed.rings = open()
		}
		reply = appendInitOut(reply, readahead, flags, agreed.rings)
		if err := send(fd, finish(reply, req.unique, 0)); err != nil {
			if agreed.rings != nil {
				agreed.rings.close()
			}
			return session{}, fmt.Errorf("answering FUSE_INIT: %w", err)
		}
		return agreed, nil
	}
}

// offersRings reads flags2 of struct fuse_init_in, if it is there.
func offersRings(offered uint32, body []byte) bool {
	return offered&flagInitExt != 0 && offered&flagMaxPages != 0 && len(body) >= 20 &&
		native.Uint32(body[16:])&flag2OverIOURing != 0
}

// appendInitOut appends struct fuse_init_out, 64 bytes.
func appendInitOut(out []byte, readahead, flags uint32, rings *ringPool) []byte {
	maxPages, flags2 := maxRead/pageSize, uint32(0)
	if rings != nil {
		maxPages, flags, flags2 = payloadSize/os.Getpagesize(), flags|flagInitExt, flag2OverIOURing
	}
	out = native.AppendUint32(out, protocolMajor)
	out = native.AppendUint32(out, protocolMinor)
	out = native.AppendUint32(out, readahead)
	out = native.AppendUint32(out, flags)
	out = native.AppendUint16(out, maxBackground)
	out = native.AppendUint16(out, congestion)
	out = native.AppendUint32(out, maxWrite)
	out = native.AppendUint32(out, 1) // time_gran, nanoseconds
	out = native.AppendUint16(out, uint16(maxPages))
	out = native.AppendUint16(out, 0) // map_alignment
	out = native.AppendUint32(out, flags2)
	return append(out, make([]byte, 64-36)...)
}
