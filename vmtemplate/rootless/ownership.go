package rootless

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fakeOwnership installs the filter for this process, all its threads, and all it
// starts. no_new_privs is not needed, as we are root of the namespace, and would keep
// setuid programs inside from being what they are.
func fakeOwnership() error {
	program := ownershipFilter()
	fprog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&fprog)))
	if errno != 0 {
		return fmt.Errorf("installing the filter for changes of owner: %w", errno)
	}
	if thread != 0 { // TSYNC's way to say that nothing was installed (seccomp(2))
		return fmt.Errorf("installing the filter for changes of owner: thread %d has another one", thread)
	}
	return nil
}

// Offsets in struct seccomp_data (linux/seccomp.h), of the lower halves of arguments
// on a little-endian machine.
const (
	offsetNumber       = 0
	offsetArchitecture = 4
	offsetArguments    = 16
)

// mknodCall is a system call that makes nodes.
type mknodCall struct {
	number  uint32
	modeArg uint32 // which argument is the mode; the device follows
}

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

// jumpIfEqual skips so many instructions, depending on whether the accumulator is k.
func jumpIfEqual(k uint32, equal, other uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: k, Jt: equal, Jf: other}
}

func and(mask uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: mask}
}

func answer(k uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k}
}

// ownershipFilter is the program in classic BPF (seccomp(2)). Calls of another
// architecture, such as those of 32-bit programs, are left alone.
func ownershipFilter() []unix.SockFilter {
	const (
		succeed = unix.SECCOMP_RET_ERRNO // with error number 0
		allow   = unix.SECCOMP_RET_ALLOW
	)
	program := []unix.SockFilter{
		load(offsetArchitecture),
		jumpIfEqual(auditArchitecture, 1, 0),
		answer(allow),
		load(offsetNumber),
	}
	for _, number := range ownershipCalls {
		program = append(program, jumpIfEqual(number, 0, 1), answer(succeed))
	}
	for _, c := range mknodCalls {
		mode := offsetArguments + 8*c.modeArg
		program = append(program,
			jumpIfEqual(c.number, 0, 8), // to what follows this call
			load(mode+8),
			jumpIfEqual(0, 5, 0), // device 0:0, a whiteout: to allow
			load(mode),
			and(unix.S_IFMT),
			jumpIfEqual(unix.S_IFCHR, 1, 0),
			jumpIfEqual(unix.S_IFBLK, 0, 1),
			answer(succeed),
			answer(allow),
		)
	}
	return append(program, answer(allow))
}
