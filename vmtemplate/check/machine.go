package check

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/hostlib"
	"github.com/jrun-hpc/jrun/runtime/identity"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// oldestGlibc is what NVIDIA's driver libraries need: those of older branches, and of
// newer ones (docs/gpu.md, "Images that need nothing swapped").
const (
	oldestGlibc = "2.17"
	newerGlibc  = "2.27"
)

// machineRule: programs are for the servers' processors, and their C library is there
// and fits what the servers bring.
type machineRule struct{ unvisited }

func (machineRule) judge(x *examination) ([]Finding, error) {
	want, known := machines[x.Architecture]
	shell, have := identity.Shell(x.Files, "")
	if have {
		l, err := hostlib.OpenIn(x.Files, strings.TrimPrefix(shell, "/"))
		if err != nil {
			return libcFindings(x), nil //nolint:nilerr // a shell that is no ELF file may be a script
		}
		switch {
		case known && l.Machine != want:
			what := message.Of("check.architecture", strings.ToLower(strings.TrimPrefix(l.Machine.String(), "EM_")), x.Architecture)
			return []Finding{finding("architecture", Blocks, what, message.Of("check.architecture.next", x.Architecture))}, nil
		case x.libc.Kind == hostlib.NoLibc && slices.ContainsFunc(l.Needed, hostlib.IsLibc):
			return []Finding{finding("no-libc", Blocks, message.Of("check.no-libc", shell), message.Of("check.no-libc.next"))}, nil
		}
	}
	return libcFindings(x), nil
}

func libcFindings(x *examination) []Finding {
	wantsGPU := x.Site.CUDA.Version != ""
	switch c := x.libc; {
	case c.Kind == hostlib.Musl && wantsGPU:
		return []Finding{finding("musl", Warns, message.Of("check.musl-gpu"), message.Of("check.musl.next"))}
	case c.Kind == hostlib.Musl:
		return []Finding{finding("musl", Advises, message.Of("check.musl"), message.Of("check.musl.next"))}
	case c.Kind != hostlib.Glibc:
	case hostlib.Newer(oldestGlibc, c.Version):
		return []Finding{finding("old-glibc", Warns, message.Of("check.old-glibc", c.Version, oldestGlibc), message.Of("check.old-glibc.next"))}
	case wantsGPU && hostlib.Newer(newerGlibc, c.Version):
		return []Finding{finding("old-glibc", Advises, message.Of("check.old-glibc-gpu", c.Version, newerGlibc), message.Of("check.old-glibc.next"))}
	}
	return nil
}

// shellRule: job scripts are run by a shell of the image.
type shellRule struct{ unvisited }

func (shellRule) judge(x *examination) ([]Finding, error) {
	has := func(name string) bool {
		info, err := fs.Stat(x.Files, name)
		return err == nil && info.Mode().IsRegular()
	}
	switch sh, bash := has("bin/sh"), has("bin/bash"); {
	case !sh && !bash:
		return []Finding{finding("no-shell", Blocks, message.Of("check.no-shell"), append(x.packages.install("bash", "bash", "bash"), message.Of("check.no-shell.next"))...)}, nil
	case !bash:
		return []Finding{finding("no-bash", Warns, message.Of("check.no-bash"), append(x.packages.install("bash", "bash", "bash"), message.Of("check.no-bash.next"))...)}, nil
	case !sh:
		return []Finding{finding("no-sh", Warns, message.Of("check.no-sh"), message.Plain("ln -s bash /bin/sh"))}, nil
	}
	return nil, nil
}
