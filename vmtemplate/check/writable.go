package check

import (
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// writableRule: a directory into which everybody may write, where only programs are, is
// a sign of a program that writes beside itself. The image is read-only.
type writableRule struct{ found paths }

func (r *writableRule) visit(e *entry) {
	if !e.dir() || e.mode&0o002 == 0 {
		return
	}
	for _, ordinary := range []string{"tmp", "var", "run", "dev", "proc", "sys", "home", "root", "mnt", "media"} {
		if e.path == ordinary || strings.HasPrefix(e.path, ordinary+"/") {
			return
		}
	}
	r.found.add(e.path)
}

func (r *writableRule) judge(*examination) ([]Finding, error) {
	if r.found.empty() {
		return nil, nil
	}
	return []Finding{finding("writable", Advises, message.Of("check.writable"), message.Of("check.writable.next")).at(r.found)}, nil
}
