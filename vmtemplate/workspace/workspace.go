package workspace

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/storage"
)

// prefix distinguishes workspaces from other containers of the store.
const prefix = "workspace-"

// State is what is known of a workspace beside its files.
type State struct {
	Base    string        `json:"base"`
	Digest  digest.Digest `json:"digest"` // of the base's manifest
	Created time.Time     `json:"created"`
	Used    time.Time     `json:"used"` // when something was last run in it
	Pushes  []Push        `json:"pushes,omitempty"`

	// Env, Workdir and the like that were set for the image, beside the base's.
	Env     []string `json:"env,omitempty"`
	Workdir string   `json:"workdir,omitempty"`

	LeaveOut []string `json:"leave_out,omitempty"` // paths that stay out of images
}

// Push is an upload.
type Push struct {
	Image  string        `json:"image"` // HOST/PROJECT/REPOSITORY:TAG
	Digest digest.Digest `json:"digest"`
	At     time.Time     `json:"at"`
}

// Workspace is an image that is being made. Open ones are locked.
type Workspace struct {
	Name  string
	State State

	st        *Store
	container storage.Container
	held      *held
}

// Summary is a workspace in a list.
type Summary struct {
	Name  string
	State State
	Bytes int64 // of what is not the base's
	InUse bool  // another jbuild has it open
}

// validName is what a directory, a host's name and an image's name can be.
var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$`)

// CheckName refuses names that a workspace cannot have.
func CheckName(name string) error {
	if validName.MatchString(name) && !strings.Contains(name, "..") {
		return nil
	}
	return message.Fail(message.Of("workspace.bad-name", name), nil, message.Of("workspace.bad-name.next"))
}

// ErrInUse is wrapped by errors about workspaces that another process has open.
var ErrInUse = errors.New("two at once would spoil its files")

// lockWorkspace takes a workspace's lock. Locks have names that no other lock has.
func (st *Store) lockWorkspace(name string) (func(), error) {
	return st.lock(prefix+name, message.Fail(message.Of("workspace.busy", name), ErrInUse, message.Of("workspace.busy.next")))
}

// Create makes a workspace from a base.
func (st *Store) Create(name string, base Base) (*Workspace, error) {
	now := time.Now().UTC().Truncate(time.Second)
	return st.create(name, base, State{Base: base.Name, Digest: base.Digest, Created: now, Used: now}, nil)
}

// create makes a workspace, which has its name only after fill, if that is not nil, has
// put into it what it begins with: until then it is nobody's, and the next jbuild would
// remove it.
func (st *Store) create(name string, base Base, state State, fill func(*Workspace) error) (*Workspace, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	release, err := st.lockWorkspace(name)
	if err != nil {
		return nil, err
	}
	w := &Workspace{Name: name, State: state, st: st, held: hold(state, release)}
	w.wrote()
	if err := w.make(base, fill); err != nil {
		release()
		return nil, err
	}
	return w, nil
}

func (w *Workspace) make(base Base, fill func(*Workspace) error) error {
	if w.st.Has(w.Name) {
		return w.exists()
	}
	metadata, err := json.Marshal(w.State)
	if err != nil {
		return fmt.Errorf("noting what the workspace is: %w", err)
	}
	names := []string{prefix + w.Name}
	if fill != nil {
		names = nil
	}
	c, err := w.st.store.CreateContainer("", names, base.id, "", string(metadata), &storage.ContainerOptions{})
	if errors.Is(err, storage.ErrDuplicateName) {
		return w.exists()
	}
	if err != nil {
		return message.Fail(message.Of("workspace.create", w.Name), err)
	}
	w.container = *c
	if fill == nil {
		return nil
	}
	if err = fill(w); err == nil {
		w.st.sync()
		err = w.st.store.SetNames(c.ID, []string{prefix + w.Name})
	}
	if err != nil {
		return errors.Join(err, w.st.store.DeleteContainer(c.ID))
	}
	return nil
}

func (w *Workspace) exists() error {
	return message.Fail(message.Of("workspace.exists", w.Name), nil, message.Of("workspace.exists.go-on", w.Name), message.Of("workspace.exists.other"))
}

// Open opens a workspace for working in it. Close it.
func (st *Store) Open(name string) (*Workspace, error) {
	c, release, err := st.lockContainer(name)
	if err != nil {
		return nil, err
	}
	w := &Workspace{Name: name, st: st, container: *c}
	if err := json.Unmarshal([]byte(c.Metadata), &w.State); err != nil {
		release()
		return nil, fmt.Errorf("reading what workspace %s is: %w", name, err)
	}
	w.held = hold(w.State, release)
	return w, nil
}

// lockContainer finds a workspace and takes its lock. What was found before the lock was
// there may have got another name, or another state, from whoever had it.
func (st *Store) lockContainer(name string) (c *storage.Container, release func(), err error) {
	if _, err := st.container(name); err != nil {
		return nil, nil, err
	}
	if release, err = st.lockWorkspace(name); err != nil {
		return nil, nil, err
	}
	if c, err = st.container(name); err != nil {
		release()
		return nil, nil, err
	}
	return c, release, nil
}

func (st *Store) container(name string) (*storage.Container, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	c, err := st.store.Container(prefix + name)
	if errors.Is(err, storage.ErrContainerUnknown) {
		return nil, message.Fail(message.Of("workspace.missing", name), nil, message.Of("workspace.missing.next"))
	}
	if err != nil {
		return nil, fmt.Errorf("finding workspace %s: %w", name, err)
	}
	return c, nil
}

// Dir is a directory for what belongs to the workspace and not to the image: what was
// typed, the recipe. It is removed with it.
func (w *Workspace) Dir() (string, error) {
	dir, err := w.st.store.ContainerDirectory(w.container.ID)
	if err != nil {
		return "", fmt.Errorf("finding the directory of workspace %s: %w", w.Name, err)
	}
	return dir, nil
}

// mount returns where the workspace's files are. They are mounted for this process
// only, until Close.
func (w *Workspace) mount() (string, error) {
	root, err := w.st.store.Mount(w.container.ID, "")
	if err != nil {
		return "", message.Fail(message.Of("workspace.mount", w.Name), err)
	}
	return root, nil
}

// Root is the directory with the workspace's files, until Close.
func (w *Workspace) Root() (string, error) { return w.mount() }

// List returns all workspaces, those that were used last first.
func (st *Store) List(ctx context.Context) ([]Summary, error) {
	containers, err := st.store.Containers()
	if err != nil {
		return nil, fmt.Errorf("listing workspaces: %w", err)
	}
	var all []Summary
	for _, c := range containers {
		for _, name := range c.Names {
			name, ours := strings.CutPrefix(name, prefix)
			if !ours {
				continue
			}
			s := Summary{Name: name, Bytes: st.ownBytes(ctx, c.LayerID)}
			if err := json.Unmarshal([]byte(c.Metadata), &s.State); err != nil {
				return nil, fmt.Errorf("reading what workspace %s is: %w", name, err)
			}
			release, err := st.tryLock(prefix+name, ErrInUse)
			if s.InUse = err != nil; !s.InUse {
				release()
			}
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b Summary) int {
		return cmp.Or(b.State.Used.Compare(a.State.Used), cmp.Compare(a.Name, b.Name))
	})
	return all, nil
}

// ownBytes sums up the files of a layer that is not committed, which the store does
// not: what it says of sizes needs a mount.
func (st *Store) ownBytes(ctx context.Context, layer string) int64 {
	var sum int64
	upper := filepath.Join(st.store.GraphRoot(), st.store.GraphDriverName(), layer, "diff")
	_ = filepath.WalkDir(upper, func(_ string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return fs.SkipAll
		}
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				sum += info.Size()
			}
		}
		return nil // what cannot be read does not count
	})
	return sum
}

// Remove deletes a workspace with all that was changed in it.
func (st *Store) Remove(name string) error {
	c, release, err := st.lockContainer(name)
	if err != nil {
		return err
	}
	defer release()
	if err := st.store.DeleteContainer(c.ID); err != nil {
		return message.Fail(message.Of("workspace.remove", name), err)
	}
	st.removeImported(c.ImageID)
	return nil
}

// removeImported removes a base that came with a workspace, and that has no name but for
// that. The store refuses to while another workspace needs it.
func (st *Store) removeImported(id string) {
	base, err := st.store.Image(id)
	other := func(name string) bool { return !strings.HasPrefix(name, importedBase) }
	if err == nil && len(base.Names) > 0 && !slices.ContainsFunc(base.Names, other) {
		_, _ = st.store.DeleteImage(base.ID, true)
	}
}

// Rename gives a workspace another name.
func (st *Store) Rename(name, other string) error {
	if err := CheckName(other); err != nil {
		return err
	}
	c, release, err := st.lockContainer(name)
	if err != nil {
		return err
	}
	defer release()
	if other != name {
		release, err := st.lockWorkspace(other)
		if err != nil {
			return err
		}
		defer release()
	}
	if _, err := st.store.Container(prefix + other); err == nil {
		return message.Fail(message.Of("workspace.exists", other), nil, message.Of("workspace.exists.other"))
	}
	if err := st.store.SetNames(c.ID, []string{prefix + other}); err != nil {
		return fmt.Errorf("renaming workspace %s: %w", name, err)
	}
	return nil
}

// Has reports whether there is a workspace of that name.
func (st *Store) Has(name string) bool {
	_, err := st.store.Container(prefix + name)
	return err == nil
}

// OpenAny opens a workspace, or an image of the store as if it were one: what is
// changed in that is lost when it is closed.
func (st *Store) OpenAny(name string) (*Workspace, error) {
	if CheckName(name) == nil && st.Has(name) {
		return st.Open(name)
	}
	base, err := st.local(name)
	if err != nil {
		return nil, missingImage(name, err)
	}
	return st.openImage(name, base.Name, base.id)
}

// openImage makes a workspace of an image that is gone when it is closed.
func (st *Store) openImage(name, base, id string) (*Workspace, error) {
	c, err := st.store.CreateContainer("", nil, id, "", "", &storage.ContainerOptions{Volatile: true})
	if err != nil {
		return nil, message.Fail(message.Of("workspace.create", name), err)
	}
	state := State{Base: base}
	return &Workspace{Name: name, State: state, st: st, container: *c, held: hold(state, func() { _ = st.store.DeleteContainer(c.ID) })}, nil
}

// ID is the workspace's own for as long as it exists, whatever it is called.
func (w *Workspace) ID() string { return w.container.ID }

// BaseID is its base's in the store.
func (w *Workspace) BaseID() string { return w.container.ImageID }

// OpenBase opens the workspace's base as it is, for looking at.
func (w *Workspace) OpenBase() (*Workspace, error) {
	return w.st.openImage(w.Name, w.State.Base, w.container.ImageID)
}

// BaseConfig is what the base says about running programs.
func (w *Workspace) BaseConfig() (ocispec.ImageConfig, error) { return w.config() }

// StartDir is where commands start, if nothing else is said.
func (w *Workspace) StartDir() (string, error) {
	c, err := w.Config()
	return firstOf(c.WorkingDir, "/root"), err
}
