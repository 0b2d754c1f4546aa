package vmlease

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

// reportKind is the kind of documents that reports are.
const reportKind = "workspaces"

// Reports are the newest ones of each user and machine. They may be used by several
// goroutines and processes.
type Reports struct{ dir state.Dir }

// OpenReports returns those in dir.
func OpenReports(dir state.Dir) Reports { return Reports{dir} }

// errMachines is for a user with too many machines.
var errMachines = fmt.Errorf("you have reported from %d machines already; those that are gone are forgotten in time", mostMachines)

// documentName tells machines apart, and clones of one that have its ID.
func (r Report) documentName() string {
	return prefix(r.User) + sumOf(r.Machine+"/"+strings.ToLower(r.Host))
}

// prefix begins the names of a user's documents. Accounts are the same in any case.
func prefix(user string) string { return fileName(strings.ToLower(user)) + "/" }

// mostFileName is what a name from outside may take of a file's, escaped.
const mostFileName = 150

// fileName is a name that a document can have: the same, or if that is too long for a
// file, a sum of it.
func fileName(name string) string {
	if len(url.QueryEscape(name)) <= mostFileName {
		return name
	}
	return "sum-" + sumOf(name)
}

func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// Put keeps a report in place of the last one of its user and machine.
func (s Reports) Put(r Report) error {
	unlock, err := s.dir.Lock(reportKind)
	if err != nil {
		return err
	}
	defer unlock()
	names, err := s.dir.Names(reportKind)
	if err != nil {
		return err
	}
	others := 0
	for _, name := range names {
		if strings.HasPrefix(name, prefix(r.User)) && name != r.documentName() {
			others++
		}
	}
	if others >= mostMachines {
		return errMachines
	}
	return s.dir.Save(reportKind, r.documentName(), r)
}

// Of are a user's reports.
func (s Reports) Of(user string) ([]Report, error) { return s.load(prefix(user)) }

// All are those of all users.
func (s Reports) All() ([]Report, error) { return s.load("") }

// load reads the documents whose names begin with prefix. One that is damaged is
// skipped: its machine reports again.
func (s Reports) load(prefix string) ([]Report, error) {
	names, err := s.dir.Names(reportKind)
	if err != nil {
		return nil, err
	}
	var all []Report
	for _, name := range names {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		var r Report
		err := s.dir.Load(reportKind, name, &r)
		if errors.Is(err, state.ErrNotFound) || errors.Is(err, state.ErrDamaged) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// Forget removes a report, unless a newer one has taken its place. It reports whether
// it did.
func (s Reports) Forget(r Report) (bool, error) {
	unlock, err := s.dir.Lock(reportKind)
	if err != nil {
		return false, err
	}
	defer unlock()
	var now Report
	err = s.dir.Load(reportKind, r.documentName(), &now)
	if errors.Is(err, state.ErrNotFound) || err == nil && now.Received.After(r.Received) {
		return false, nil
	}
	if err != nil && !errors.Is(err, state.ErrDamaged) {
		return false, err
	}
	return true, s.dir.Remove(reportKind, r.documentName())
}
