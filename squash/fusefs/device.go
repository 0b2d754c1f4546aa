package fusefs

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// requestSize is room for the longest request: struct fuse_in_header, two names
// or a name and a symlink's target, or a write of maxWrite bytes. Longer values
// of SETXATTR the kernel refuses itself.
const requestSize = 16 << 10

// readDevice waits for a request. unix.ENODEV means that the file system is
// unmounted.
func readDevice(fd int, buf []byte) (int, error) {
	for {
		n, err := unix.Read(fd, buf)
		switch err {
		case nil:
			if n == 0 {
				return 0, unix.ENODEV
			}
			return n, nil
		case unix.EINTR, unix.ENOENT, unix.EAGAIN: // ENOENT: the asker went away meanwhile
			continue
		}
		return 0, err
	}
}

// send passes a reply or a notification to the kernel.
func send(fd int, message []byte) error {
	for {
		_, err := unix.Write(fd, message)
		if err != unix.EINTR {
			return err
		}
	}
}

// finish fills in struct fuse_out_header. The body of an error is left out.
func finish(reply []byte, unique uint64, errno unix.Errno) []byte {
	if errno != 0 {
		reply = reply[:outHeaderSize]
	}
	native.PutUint32(reply, uint32(len(reply)))
	native.PutUint32(reply[4:], uint32(-int32(errno)))
	native.PutUint64(reply[8:], unique)
	return reply
}

// clone opens another descriptor for the same mount, with a queue of its own,
// so that threads do not wait for each other's locks in the kernel.
func clone(fd int) (int, error) {
	const ioctlClone = 0x8004e500 // FUSE_DEV_IOC_CLONE
	other, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("opening /dev/fuse: %w", err)
	}
	from := uint32(fd)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(other), ioctlClone, uintptr(unsafe.Pointer(&from))); errno != 0 {
		unix.Close(other)
		return 0, fmt.Errorf("cloning a FUSE descriptor: %w", errno)
	}
	return other, nil
}
