package rootless

import (
	"testing"

	"golang.org/x/sys/unix"
)

// call is what a filter sees of a system call.
type call struct {
	architecture, number uint32
	arguments            [6]uint32 // their lower halves
}

// load is the word at an offset in struct seccomp_data.
func (c call) load(t *testing.T, offset uint32) uint32 {
	t.Helper()
	switch {
	case offset == offsetNumber:
		return c.number
	case offset == offsetArchitecture:
		return c.architecture
	case offset >= offsetArguments && offset < offsetArguments+48 && offset%8 == 0:
		return c.arguments[(offset-offsetArguments)/8]
	}
	t.Fatalf("the filter loads offset %d", offset)
	return 0
}

// run executes a filter as the kernel does; it knows the instructions that ours has.
func run(t *testing.T, program []unix.SockFilter, c call) uint32 {
	t.Helper()
	var accumulator uint32
	for at := 0; at < len(program); at++ {
		switch i := program[at]; i.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			accumulator = c.load(t, i.K)
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			accumulator &= i.K
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			if accumulator == i.K {
				at += int(i.Jt)
			} else {
				at += int(i.Jf)
			}
		case unix.BPF_RET | unix.BPF_K:
			return i.K
		default:
			t.Fatalf("instruction %d has code %#x", at, i.Code)
		}
	}
	t.Fatal("the filter has no end")
	return 0
}

func TestOwnershipFilter(t *testing.T) {
	const faked, done = unix.SECCOMP_RET_ERRNO, unix.SECCOMP_RET_ALLOW
	node := func(mode, device uint32) call {
		return call{auditArchitecture, unix.SYS_MKNODAT, [6]uint32{0, 0, mode | 0o644, device}}
	}
	cases := map[string]struct {
		call call
		want uint32
	}{
		"write":                       {call{auditArchitecture, unix.SYS_WRITE, [6]uint32{}}, done},
		"fchmodat":                    {call{auditArchitecture, unix.SYS_FCHMODAT, [6]uint32{}}, done},
		"setgroups of 32-bit":         {call{auditArchitecture + 1, unix.SYS_SETGROUPS, [6]uint32{}}, done},
		"a character device":          {node(unix.S_IFCHR, 0x103), faked},
		"a block device":              {node(unix.S_IFBLK, 0x801), faked},
		"a whiteout":                  {node(unix.S_IFCHR, 0), done},
		"a fifo":                      {node(unix.S_IFIFO, 0), done},
		"a fifo with a device number": {node(unix.S_IFIFO, 5), done},
		"a socket":                    {node(unix.S_IFSOCK, 5), done},
		"a file":                      {node(unix.S_IFREG, 5), done},
	}
	for _, number := range ownershipCalls {
		c := call{auditArchitecture, number, [6]uint32{3, 33, 33}}
		if got := run(t, ownershipFilter(), c); got != faked {
			t.Errorf("call %d: %#x", number, got)
		}
	}
	for name, c := range cases {
		if got := run(t, ownershipFilter(), c.call); got != c.want {
			t.Errorf("%s: %#x, not %#x", name, got, c.want)
		}
	}
}
