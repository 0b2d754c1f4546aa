// Package bench is what a page can do beside the guided session: with the workspace in
// which a shell runs, and with one's images in the registry. It has the interfaces, which
// package guide implements, and what they speak of.
//
// Paths inside are absolute, and come from a page: none leads out of the workspace, and
// no device or pipe is read, whatever programs inside do meanwhile.
package bench

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// Errors by which a page decides, beside those of package flow. They are wrapped.
var (
	ErrNoShell     = errors.New("no shell runs")
	ErrMissing     = errors.New("there is no such file or directory")
	ErrExists      = errors.New("there is a file of that name")
	ErrNotFile     = errors.New("this is not a file that can be sent or replaced")
	ErrNoRoom      = errors.New("the disk is full")
	ErrIncomplete  = errors.New("the connection was lost")
	ErrUnsupported = errors.New("the registry cannot do that")
	ErrMember      = errors.New("is a member already")
	ErrRequest     = errors.New("that cannot be asked for")
)

// Bench is the workspace in which a shell runs. All its methods return ErrNoShell when
// none does.
type Bench interface {
	// List lists a directory. ErrMissing.
	List(ctx context.Context, path string) (Listing, error)
	// Open opens a file or a directory for taking it out. Close it. ErrMissing, ErrNotFile.
	Open(ctx context.Context, path string) (File, error)
	// Put makes a file of what content gives; bytes is how long it will be, -1 when that
	// is not known. ErrExists unless overwrite is set; ErrMissing, ErrNotFile, ErrNoRoom,
	// ErrIncomplete.
	Put(ctx context.Context, path string, content io.Reader, bytes int64, overwrite bool) error
	// MakeFolder makes a directory in one that is there; one that is there already is as
	// good. ErrExists for something else of that name, ErrMissing, ErrNotFile.
	MakeFolder(ctx context.Context, path string) error
	// Busy names the program that would lose something if the shell ended now: one that has
	// the terminal in the shell's place, or was stopped. It is empty for none.
	Busy(ctx context.Context) (program string, err error)
	// HangUp ends that program, as closing the window of a terminal does.
	HangUp(ctx context.Context) error
	// Changes are what differs from the base image.
	Changes(ctx context.Context) (flow.Changes, error)
	// Recipe is the Dockerfile that would make the same.
	Recipe(ctx context.Context) (string, error)
	// Search finds packages that can be installed.
	Search(ctx context.Context, words string) (Found, error)
}

// Kind is what a name in a directory stands for.
type Kind string

// The kinds.
const (
	Regular   Kind = "file"
	Directory Kind = "directory"
	Link      Kind = "link"
	Other     Kind = "other" // nothing that can be taken out
)

// Listing is a directory.
type Listing struct {
	Path    string
	Entries []Entry
	More    bool // there are more than these
}

// Entry is a name in a directory.
type Entry struct {
	Name     string
	Kind     Kind
	Bytes    int64 // of a file
	Modified time.Time
}

// File is what is taken out.
type File interface {
	// Name is what it should be called outside.
	Name() string
	// Bytes is how long it is; -1 when that is not known.
	Bytes() int64
	// Send writes it.
	Send(ctx context.Context, out io.Writer) error
	io.Closer
}

// Found is what a search came to.
type Found struct {
	Packages []Package
	Prepare  string // a command to run first, so that more is found; may be empty
}

// Package is one that can be installed, or is.
type Package struct {
	Manager   string // apt, dnf, pip, conda
	Name      string
	Version   string // may be empty
	Summary   message.Text
	Command   string // installs it
	Installed string // the version that is there; empty: it is not
}

// Images are one's own in the registry.
type Images interface {
	// Images are all, with what the registry knows of them. flow.ErrNoLogin, and the other
	// errors of flow.Registry.
	Images(ctx context.Context) (Shelf, error)
	// DeleteTag removes a tag of the user's own project, and with its last tag the image.
	// flow.ErrImmutable, flow.ErrNotFound, flow.ErrForbidden, ErrUnsupported.
	DeleteTag(ctx context.Context, repository, tag string) error
	// AddMember lets somebody use the user's project. flow.ErrNotFound: nobody is called
	// so; ErrMember, flow.ErrForbidden, ErrUnsupported.
	AddMember(ctx context.Context, user string, role Role) error
	// RemoveMember takes that back.
	RemoveMember(ctx context.Context, id int64) error
}

// Shelf is a project with its images.
type Shelf struct {
	Project string
	Harbor  bool // otherwise there is neither a quota, nor members, nor can tags be deleted
	Quota   *flow.Quota
	Images  []Image
	Members []Member
	// Shares tells whether the user may see and change the members.
	Shares bool
}

// Image is a repository.
type Image struct {
	Repository  string // with the registry's host
	Name        string // without the project
	Description string
	Tags        []Tag
}

// Tag is one version of an image.
type Tag struct {
	Name           string
	Reference      string // as jrun takes it
	Bytes          int64  // as it is fetched
	Pushed, Pulled time.Time
	Immutable      bool
	Scan           *Scan // nil: there is none
}

// Scan is what a scanner says, in Harbor's words.
type Scan struct {
	Status         string // Success, Pending, Running, Error, …
	Severity       string // the worst
	Total, Fixable int
}

// Role is what a member may do.
type Role string

// The roles that a page may give.
const (
	Guest     Role = "guest"     // use the images
	Developer Role = "developer" // upload, too
)

// Member is somebody who may use a project.
type Member struct {
	ID   int64
	Name string
	Role message.Text
	Own  bool // the user
}
