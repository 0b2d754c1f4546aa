package check

import (
	"io/fs"
	"strings"

	"github.com/jrun-hpc/jrun/shellword"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// modesRule: under jrun every file belongs to the job's user, so that only the owner's
// three bits count, and nobody has root's right to pass over them. Files that only root
// can read elsewhere (0600, 0640) are readable; the ones that are not are those whose
// owner may not: root never noticed.
type modesRule struct {
	unreadable, closed, notExecutable paths
	essential                         bool
	programs                          []string // that the owner may run and not read
}

// unmissed are kept from everybody on purpose: passwords, and programs that need root.
var unmissed = map[string]bool{
	"etc/shadow": true, "etc/gshadow": true, "etc/shadow-": true, "etc/gshadow-": true, "usr/bin/sudo": true, "usr/bin/sudoreplay": true,
	"usr/sbin/visudo": true, "usr/libexec/sudo/sesh": true, "etc/sudoers": true,
}

func (r *modesRule) visit(e *entry) {
	switch {
	case unmissed[e.path]:
	case e.dir() && e.mode&0o500 != 0o500:
		r.closed.add(e.path)
		first, rest, _ := strings.Cut(e.path, "/")
		if rest == "" && (first == "." || first == "usr" || first == "bin" || first == "lib" || first == "lib64" || first == "etc") {
			r.essential = true
		}
	case !e.regular():
	case e.mode&0o111 != 0 && e.mode&0o100 == 0:
		r.notExecutable.add(e.path)
	case e.mode&0o400 != 0 || e.mode&fs.ModeSetuid != 0:
	case e.mode&0o100 != 0:
		r.programs = append(r.programs, e.path)
	default:
		r.unreadable.add(e.path)
	}
}

// scripts are the programs that an interpreter must read; the kernel runs the others.
func (r *modesRule) scripts(files fs.FS) {
	for _, name := range r.programs {
		if head, err := readHead(files, name, 2); err == nil && string(head) == "#!" {
			r.unreadable.add(name)
		}
	}
}

func (r *modesRule) judge(x *examination) ([]Finding, error) {
	r.scripts(x.Files)
	var all []Finding
	if !r.closed.empty() {
		severity := Warns
		if r.essential {
			severity = Blocks
		}
		all = append(all, finding("closed-directory", severity, message.Of("check.closed-directory", r.closed.count()), chmod("u+rx", r.closed)...).at(r.closed))
	}
	if !r.unreadable.empty() {
		all = append(all, finding("unreadable", Warns, message.Of("check.unreadable-files", r.unreadable.count()), chmod("u+r", r.unreadable)...).at(r.unreadable))
	}
	if !r.notExecutable.empty() {
		all = append(all, finding("not-executable", Warns, message.Of("check.not-executable", r.notExecutable.count()), chmod("u+rx", r.notExecutable)...).at(r.notExecutable))
	}
	return all, nil
}

func chmod(change string, p paths) []message.Text {
	if p.more > 0 {
		return []message.Text{message.Of("check.chmod-all", change)}
	}
	command := "chmod " + change
	for _, name := range p.shown {
		command += " " + shellword.Quote(name)
	}
	return []message.Text{message.Plain(command)}
}
