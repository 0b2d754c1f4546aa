package doctor

import (
	"context"
	"io/fs"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
)

// Status is what came of a check.
type Status string

// The words stand in JSON, too.
const (
	OK      Status = "ok"
	Warning Status = "warning" // images can be made
	Failed  Status = "failed"  // they cannot
	Skipped Status = "skipped" // there is nothing to check here
)

// Finding is what one check has found.
type Finding struct {
	Check  string // its name, for programs
	Status Status
	What   message.Text
	Why    error // nil when What says it all
	Next   []message.Text
}

// Machine is what is looked at.
type Machine struct {
	// Files is the root directory.
	Files fs.FS
	// Run runs a program and is what it writes.
	Run func(ctx context.Context, name string, args ...string) (string, error)
	// Find looks for a program in PATH.
	Find func(name string) (string, error)
	// Free is the space in bytes below a directory, for its owner.
	Free func(dir string) (int64, error)
	// Dial reports whether somebody listens at an address.
	Dial func(ctx context.Context, address string) error
	Now  func() time.Time

	User string // name of who asks
	UID  int

	Config    site.Config
	ConfigErr error // of reading jbuild.toml
	DataDir   string

	// Enter enters a namespace as builds do and mounts an overlay in it; ranges: with
	// subordinate ids.
	Enter func(ctx context.Context) (ranges bool, err error)
	// Registry asks the registry whether it is one, with its certificate verified. LoggedIn
	// is the name of who is logged in there.
	Registry func(ctx context.Context) (Answer, error)
	LoggedIn func() (user string, err error)
}

// Answer is what a registry answers. The zero value is that of none.
type Answer struct {
	Status int       // of HTTP
	Date   time.Time // by its clock; zero if it does not say
}

// Examine makes all checks, in the order in which their failures would be met.
func Examine(ctx context.Context, m *Machine) []Finding {
	answer, refused := m.ask(ctx)
	findings := []Finding{m.config(), m.namespaces(ctx), m.subordinate(), m.programs(), m.fuse(), m.space()}
	findings = append(findings, m.registry(answer, refused), m.login(), m.clock(ctx, answer))
	return append(findings, m.updates(ctx), m.restart(), m.firewall(ctx), m.page(ctx))
}

// Sound reports whether images can be made.
func Sound(findings []Finding) bool {
	for _, f := range findings {
		if f.Status == Failed {
			return false
		}
	}
	return true
}

func ok(check string, what message.Text) Finding {
	return Finding{Check: check, Status: OK, What: what}
}

func skipped(check string, what message.Text) Finding {
	return Finding{Check: check, Status: Skipped, What: what}
}

func warn(check string, what message.Text, next ...message.Text) Finding {
	return Finding{Check: check, Status: Warning, What: what, Next: next}
}

func failed(check string, what message.Text, why error, next ...message.Text) Finding {
	return Finding{Check: check, Status: Failed, What: what, Why: why, Next: next}
}
