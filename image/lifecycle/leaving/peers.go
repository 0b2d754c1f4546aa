package leaving

import (
	"context"
	"errors"
	"iter"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/opencontainers/go-digest"
)

// Registry is Harbor, asked by an administrator.
type Registry interface {
	Project(ctx context.Context, name string) (harbor.Project, error)
	Projects(ctx context.Context, part string) iter.Seq2[harbor.Project, error]
	CreateProject(ctx context.Context, p harbor.NewProject) error
	DeleteProject(ctx context.Context, name string) error
	Summary(ctx context.Context, project string) (harbor.Summary, error)

	Members(ctx context.Context, project string) iter.Seq2[harbor.Member, error]
	AddUser(ctx context.Context, project, user string, role harbor.Role) (int64, error)
	AddGroup(ctx context.Context, project string, groupID int64, role harbor.Role) (int64, error)
	UpdateMember(ctx context.Context, project string, member int64, role harbor.Role) error
	RemoveMember(ctx context.Context, project string, member int64) error

	Robots(ctx context.Context, projectID int64) iter.Seq2[harbor.Robot, error]
	DisableRobot(ctx context.Context, id int64) error
	EnableRobot(ctx context.Context, id int64) error
	DeleteRobot(ctx context.Context, id int64) error

	Repositories(ctx context.Context, project string) iter.Seq2[harbor.Repository, error]
	DeleteRepository(ctx context.Context, project, name string) error
	Artifacts(ctx context.Context, project, repository string) iter.Seq2[harbor.Artifact, error]
	CopyArtifact(ctx context.Context, from harbor.Source, project, repository string) error
	DeleteArtifact(ctx context.Context, project, repository, reference string) error
	ImmutableRules(ctx context.Context, project string) iter.Seq2[harbor.ImmutableRule, error]
	CreateImmutableRule(ctx context.Context, project string, r harbor.ImmutableRule) (int64, error)
	UpdateImmutableRule(ctx context.Context, project string, r harbor.ImmutableRule) error
	AddTag(ctx context.Context, project, repository, reference, tag string) error
	DeleteTag(ctx context.Context, project, repository, reference, tag string) error
}

var _ Registry = (*harbor.Client)(nil)

// ErrDamaged is wrapped by errors of a Bundler about a bundle that is not whole, and
// will not be by waiting.
var ErrDamaged = errors.New("the bundle is not whole")

// Contents says what is to be in a bundle.
type Contents struct {
	Person  people.Person
	Project string
	Images  []Image
}

// Proof is what reading a bundle back has shown.
type Proof struct {
	Checksum string          // of the whole
	Digests  []digest.Digest // of the images in it; of indexes with all that they hold
}

// Bundler makes images files that need no registry; package bundle.
type Bundler interface {
	// Make fills a directory, or goes on where it was interrupted. It may be called
	// something else until it is whole (Shelf.Remove knows).
	Make(ctx context.Context, dir string, c Contents) error
	// Verify reads every byte. The error wraps ErrDamaged if it is not as it was made.
	Verify(ctx context.Context, dir string) (Proof, error)
	// Restore pushes some of a bundle's images, with their tags, into a project. What is
	// there already is no error; a tag that stands for something else is moved.
	Restore(ctx context.Context, dir, project string, images []Image) error
}

// Shelf has the directories that bundles are in.
type Shelf interface {
	// Move gives a directory another place. It is complete when it is there; a move
	// that has been done is no error; when neither is there it wraps fs.ErrNotExist.
	Move(ctx context.Context, from, to string) error
	// Remove removes a directory; one that is not there is no error.
	Remove(ctx context.Context, dir string) error
}

// ErrUndeliverable is wrapped by errors of a Post about a letter that will not arrive,
// today or tomorrow.
var ErrUndeliverable = errors.New("the letter cannot be delivered")

// Post sends letters; package notice. A letter of a key is sent once, ever.
type Post interface {
	Send(ctx context.Context, l Letter) error
}

// Directory is the part of people.Directory that is needed.
type Directory interface {
	Person(ctx context.Context, id string) (people.Person, error)
}

// Realm is a project's part of the site's store of converted images.
type Realm interface {
	// InUse are the images that jobs run in now.
	InUse(ctx context.Context, project string) ([]digest.Digest, error)
	// Clear removes all but what is pinned, and returns that.
	Clear(ctx context.Context, project string) (kept []digest.Digest, err error)
}

// Uses knows what is cited; package usage.
type Uses interface {
	Cited(ctx context.Context) (map[digest.Digest]string, error) // with the reason
}

// Credentials are the robots that jadm user add has made for a person outside of the
// person's project; package onboarding.
type Credentials interface {
	Disable(ctx context.Context, id string) error
	Enable(ctx context.Context, id string) error
	Remove(ctx context.Context, id string) error
}

// Ownership knows which projects are jadm's, by their ids at Harbor; package desired.
type Ownership interface {
	// Remade says that a project was made again: what was known of the old one holds for
	// the new one. Told twice it does nothing.
	Remade(project string, was, is int64) error
}

// Trail finds what the audit log has about a departure; package audit.
type Trail interface {
	Acts(ctx context.Context, departure string) ([]string, error) // IDs
}

// Documents is where departures are kept: a state.Dir.
type Documents interface {
	Load(kind, name string, value any) error
	Save(kind, name string, value any) error
	Names(kind string) ([]string, error)
	Lock(kind string) (unlock func(), err error)
}

var _ Documents = state.Dir{}
