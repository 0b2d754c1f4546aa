package vmlease

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/printable"
)

// Lease is a VM that somebody has for a while.
type Lease struct {
	VM        string    `json:"vm"`                 // as the portal calls it; no two are called the same
	Owner     string    `json:"owner"`              // ID; empty if the portal names nobody
	Host      string    `json:"host,omitempty"`     // its name in the network, if it differs from VM
	Ends      time.Time `json:"ends,omitzero"`      // zero: never
	Destroyed time.Time `json:"destroyed,omitzero"` // when its disk goes, or went, if that is known; not before Ends
}

// Source knows leases.
type Source interface {
	// Leases are all of them, in no order. After an error the rest is not known.
	Leases(ctx context.Context) iter.Seq2[Lease, error]
}

// Gone reports whether the VM's disk was gone at now.
func (l Lease) Gone(now time.Time) bool { return !l.Destroyed.IsZero() && !now.Before(l.Destroyed) }

// Ended reports whether the lease was over at now.
func (l Lease) Ended(now time.Time) bool { return !l.Ends.IsZero() && !now.Before(l.Ends) }

// Is reports whether a host is the lease's VM. Where one of the names has no domain, the
// host's alone counts.
func (l Lease) Is(host string) bool { return sameHost(l.VM, host) || sameHost(l.Host, host) }

func sameHost(a, b string) bool {
	a, b = strings.ToLower(strings.TrimSuffix(a, ".")), strings.ToLower(strings.TrimSuffix(b, "."))
	first, domain, _ := strings.Cut(a, ".")
	other, otherDomain, _ := strings.Cut(b, ".")
	return first != "" && first == other && (domain == "" || otherDomain == "" || domain == otherDomain)
}

// OwnerID is the account in what portals write: u001, u001@example.ac.jp, EXAMPLE\u001.
func OwnerID(text string) string {
	text = strings.TrimSpace(text)
	if at := strings.LastIndexByte(text, '\\'); at >= 0 {
		text = text[at+1:]
	}
	id, _, _ := strings.Cut(text, "@")
	return id
}

// mostName bounds names of VMs, hosts and owners, in bytes.
const mostName = 255

// check refuses what cannot be a lease. Names go into letters, files and command
// lines.
func (l Lease) check() error {
	if l.VM == "" {
		return errors.New("it has no VM")
	}
	for _, name := range []string{l.VM, l.Owner, l.Host} {
		if len(name) > mostName || !printable.Is(name) {
			return fmt.Errorf("%.80q cannot be a name", name)
		}
	}
	if !l.Destroyed.IsZero() && l.Destroyed.Before(l.Ends) {
		return fmt.Errorf("%s is destroyed at %s, before it ends", l.VM, l.Destroyed.Format(time.RFC3339))
	}
	return nil
}

// mostLeases is more than a site has.
const mostLeases = 100_000

// all reads a source to its end, and refuses a VM that is in it twice.
func all(ctx context.Context, s Source) ([]Lease, error) {
	var leases []Lease
	seen := map[string]bool{}
	for l, err := range s.Leases(ctx) {
		if err == nil {
			err = l.check()
		}
		if err == nil && seen[l.VM] {
			err = fmt.Errorf("the VM %s is there twice", l.VM)
		}
		if err == nil && len(leases) == mostLeases {
			err = fmt.Errorf("there are more than %d leases", mostLeases)
		}
		if err != nil {
			return nil, fmt.Errorf("reading leases: %w", err)
		}
		seen[l.VM] = true
		leases = append(leases, l)
	}
	return leases, nil
}
