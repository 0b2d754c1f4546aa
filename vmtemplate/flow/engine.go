package flow

import (
	"context"
	"errors"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/change"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// Errors by which the session decides how to go on. Engines wrap them.
var (
	ErrNoLogin     = errors.New("no login is kept")
	ErrWrongLogin  = errors.New("wrong user name or password")
	ErrLocked      = errors.New("the account is locked for a moment")
	ErrUnreachable = errors.New("the registry cannot be reached")
	ErrForbidden   = errors.New("the registry does not allow it")
	ErrNotFound    = errors.New("not found")
	ErrImmutable   = errors.New("the tag may not be replaced")
	ErrNoSpace     = errors.New("the project's quota is used up")
	ErrInUse       = errors.New("the workspace is in use elsewhere")
)

// Workspaces is where images are made.
type Workspaces interface {
	// List returns all, the one used last first.
	List(ctx context.Context) ([]Workspace, error)
	// New makes a workspace of a base image, which it fetches if need be.
	New(ctx context.Context, name, base string, report func(Transfer)) error
	// Shell runs a shell as root in a workspace. Its exit status does not matter to us.
	Shell(ctx context.Context, name, prompt string, c Console) error
	// Changes tells what differs from the base image.
	Changes(ctx context.Context, name string) (Changes, error)
	// LeaveOut keeps files out of images; they stay in the workspace.
	LeaveOut(ctx context.Context, name string, paths []string) error
	// Recipe is the Dockerfile that would make the same.
	Recipe(ctx context.Context, name string) (string, error)
	// Remove removes a workspace and all that is in it.
	Remove(ctx context.Context, name string) error
}

// Workspace is an image being made.
type Workspace struct {
	Name     string
	Base     string // reference
	Used     time.Time
	Bytes    int64
	Uploaded string // reference of its last upload; empty: never
}

// Changes is what was done in a workspace.
type Changes struct {
	Packages []Package
	Files    int   // that go into the image, and are not a package's bookkeeping
	Bytes    int64 // of them
	Left     []Left
	Suspects []Suspect
}

// None reports whether a workspace is as its base.
func (c Changes) None() bool { return len(c.Packages) == 0 && c.Files == 0 }

// Package is a package that came, went, or has another version.
type Package struct {
	Manager string // apt, pip, conda, R
	Name    string
	Was, Is string // versions; empty: not there
}

// Left is what stays out of images, of one kind.
type Left struct {
	Why   change.Reason
	Files int
	Bytes int64
}

// Suspect is a file that would be in the image and looks like a secret.
type Suspect struct {
	Path string
	Why  message.Text
}

// Registry is where images come from and go to. Its requests are stopped by their
// contexts.
type Registry interface {
	// Host is the registry's name.
	Host() string
	// User is whose login is kept, after the registry has accepted it. ErrNoLogin,
	// ErrWrongLogin, ErrLocked, ErrUnreachable.
	User(ctx context.Context) (string, error)
	// Login keeps a login if the registry accepts it. ErrWrongLogin, ErrLocked,
	// ErrUnreachable.
	Login(ctx context.Context, user, password string) error
	// Bases are the images to begin with, of the shared projects.
	Bases(ctx context.Context) ([]Image, error)
	// Own are the images of the user's project.
	Own(ctx context.Context) ([]Image, error)
	// Tags are a repository's, newest first. ErrNotFound, ErrForbidden, ErrUnreachable.
	Tags(ctx context.Context, repository string) ([]Tag, error)
	// Quota is how much a project holds and may. ErrNotFound, ErrForbidden.
	Quota(ctx context.Context, project string) (Quota, error)
}

// Image is a repository with what its owner says about it.
type Image struct {
	Repository  string // with the registry's host
	Description string
	Bytes       int64 // of the newest, as it is fetched
	Updated     time.Time
	Scan        *Scan // of the newest; nil: there is none
}

// Tag is one version of an image.
type Tag struct {
	Name      string
	Bytes     int64 // as it is fetched
	Pushed    time.Time
	Immutable bool  // may not be replaced
	Scan      *Scan // nil: there is none
}

// Scan is what a scanner has found in an image.
type Scan struct {
	Severity       string // the worst, in Harbor's words: None, Low, … Critical
	Total, Fixable int
}

// Quota is a project's storage.
type Quota struct {
	Used, Limit int64 // bytes; Limit is 0 when there is none
}

// Uploader takes workspaces to the registry.
type Uploader interface {
	// Upload makes an image of a workspace and uploads it. What a broken upload has sent
	// need not be sent again. ErrWrongLogin, ErrForbidden, ErrNoSpace, ErrImmutable,
	// ErrUnreachable.
	Upload(ctx context.Context, name, reference string, report func(Transfer)) (Uploaded, error)
}

// Transfer is how far an up- or download is.
type Transfer struct {
	Phase     message.Text // what is being done; may be empty
	Done, All int64        // bytes; All is 0 when it is not known yet
	There     int64        // bytes of All that are there already
}

// Uploaded is what an upload came to.
type Uploaded struct {
	Digest string
	Sent   int64 // bytes that were really sent
}
