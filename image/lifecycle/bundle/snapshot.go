package bundle

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

// snapshotFile is in the directory only as long as the bundle is not whole.
const snapshotFile = "snapshot.json"

// snapshot is what the registry had at one moment. Everything later goes by digests.
type snapshot struct {
	Scope scope `json:"scope"`
	// Bundle has what a listing says; the rest is filled in when all is there.
	Bundle Bundle `json:"bundle"`
}

// scope is what a snapshot is of. One that is read back must be of the same.
type scope struct {
	Owner        string          `json:"owner"`
	Registry     string          `json:"registry"`
	Projects     []string        `json:"projects"`
	Repositories []string        `json:"repositories"`
	Wanted       []digest.Digest `json:"wanted"`
}

func (r *Request) scope() scope {
	s := scope{Owner: r.Owner.ID, Registry: r.Registry.Host(), Projects: sorted(r.Projects), Repositories: sorted(r.Repositories), Wanted: r.wanted()}
	return s
}

func sorted(list []string) []string {
	all := append([]string{}, list...)
	slices.Sort(all)
	return slices.Compact(all)
}

// errOtherScope is for a DIR.partial of another bundle.
var errOtherScope = errors.New("it was begun for another person, or for other repositories")

// snapshot reads the snapshot of an earlier run back, or takes one.
func (m *maker) snapshot(ctx context.Context) (snapshot, error) {
	want := m.r.scope()
	if old, err := m.oldSnapshot(); err != nil {
		return snapshot{}, err
	} else if old != nil {
		same := old.Scope
		same.Wanted = want.Wanted // more may have run meanwhile
		if !reflect.DeepEqual(same, want) {
			return snapshot{}, fault.Newf(errOtherScope, "choose another directory, or remove it: rm -r "+m.disk.dir, "cannot go on with %s", m.disk.dir)
		}
		if slices.Equal(old.Scope.Wanted, want.Wanted) && !m.r.Refresh {
			return *old, nil
		}
	}
	m.progress(Progress{Stage: Listing})
	s := snapshot{Scope: want, Bundle: Bundle{
		Version: Version, Program: m.r.Program, Made: m.r.Now.UTC().Truncate(time.Second), Reason: m.r.Reason, Owner: m.r.Owner, Registry: m.r.Registry.Host(),
		Images: []Image{}, Records: []Record{}, Gone: []Gone{},
	}}
	repositories, err := m.repositories(ctx)
	if err != nil {
		return snapshot{}, err
	}
	s.Bundle.Repositories = repositories
	for _, repository := range repositories {
		images, leftOut, err := m.list(ctx, repository, want.Wanted)
		if err != nil {
			return snapshot{}, err
		}
		s.Bundle.Images = append(s.Bundle.Images, images...)
		s.Bundle.LeftOut += leftOut
	}
	if err := m.checkPins(s.Bundle); err != nil {
		return snapshot{}, err
	}
	return s, m.disk.writeJSON(snapshotFile, s)
}

// oldSnapshot is nil when there is none, or when it is not whole: then nothing that it
// says is needed.
func (m *maker) oldSnapshot() (*snapshot, error) {
	text, err := os.ReadFile(m.disk.path(snapshotFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var s snapshot
	if json.Unmarshal(text, &s) != nil || s.Bundle.Version != Version {
		return nil, nil //nolint:nilerr // another is taken
	}
	return &s, nil
}

// repositories are the names of all that were asked for, sorted.
func (m *maker) repositories(ctx context.Context) ([]string, error) {
	names := []string{}
	for _, project := range m.r.Projects {
		for repository, err := range m.r.Source.Repositories(ctx, project) {
			if harbor.Status(err) == http.StatusNotFound {
				return nil, fault.Newf(err, "check the name in Harbor", "there is no project %s", project)
			}
			if err != nil {
				return nil, fmt.Errorf("listing the repositories of %s: %w", project, err)
			}
			if err := checkRepository(repository.Name); err != nil {
				return nil, fmt.Errorf("listing the repositories of %s: %w", project, err)
			}
			names = append(names, repository.Name)
		}
	}
	for _, name := range m.r.Repositories {
		project, rest, _ := strings.Cut(name, "/")
		if _, err := m.r.Source.Repository(ctx, project, rest); harbor.Status(err) == http.StatusNotFound {
			return nil, fault.Newf(err, "check the name in Harbor", "there is no repository %s", name)
		} else if err != nil {
			return nil, fmt.Errorf("looking for the repository %s: %w", name, err)
		}
		names = append(names, name)
	}
	return sorted(names), nil
}

// list is what of a repository goes into the bundle, and how much does not.
func (m *maker) list(ctx context.Context, repository string, wanted []digest.Digest) (images []Image, leftOut int, err error) {
	project, rest, _ := strings.Cut(repository, "/")
	seen := map[digest.Digest]bool{} // a list in pages may say something twice
	for artifact, err := range m.r.Source.Artifacts(ctx, project, rest) {
		if err != nil {
			return nil, 0, fmt.Errorf("listing the images of %s: %w", repository, err)
		}
		if err := checkDigest(artifact.Digest); err != nil {
			return nil, 0, fmt.Errorf("listing the images of %s: %w", repository, err)
		}
		if seen[artifact.Digest] {
			continue
		}
		seen[artifact.Digest] = true
		children, err := m.children(ctx, repository, artifact)
		if err != nil {
			return nil, 0, err
		}
		if len(artifact.Tags) == 0 && !slices.ContainsFunc(append(children, artifact.Digest), func(d digest.Digest) bool { return slices.Contains(wanted, d) }) {
			leftOut++
			continue
		}
		image, err := m.item(ctx, repository, artifact, children)
		if err != nil {
			return nil, 0, err
		}
		images = append(images, image)
	}
	slices.SortFunc(images, func(a, b Image) int { return cmp.Compare(a.Digest, b.Digest) })
	return images, leftOut, nil
}

// children are the manifests in an index, which have accessories of their own that
// Harbor does not list with the index.
func (m *maker) children(ctx context.Context, repository string, artifact harbor.Artifact) ([]digest.Digest, error) {
	if !isIndex(artifact.MediaType) {
		return nil, nil
	}
	top := imgspec.Descriptor{Digest: artifact.Digest, MediaType: artifact.MediaType}
	var all []digest.Digest
	_, err := explore(ctx, top, func(ctx context.Context, d imgspec.Descriptor) ([]byte, error) {
		all = append(all, d.Digest)
		return m.manifest(ctx, repository, d)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the index %s@%s: %w", repository, artifact.Digest, err)
	}
	return all[1:], nil
}

func (m *maker) item(ctx context.Context, repository string, artifact harbor.Artifact, children []digest.Digest) (Image, error) {
	image := Image{Repository: repository, Digest: artifact.Digest, MediaType: artifact.MediaType, Kind: artifact.Type, Tags: []string{}, Pushed: when(artifact.Pushed)}
	for _, tag := range artifact.Tags {
		if err := checkTag(tag.Name); err != nil {
			return Image{}, fmt.Errorf("listing the images of %s: %w", repository, err)
		}
		image.Tags = append(image.Tags, tag.Name)
	}
	image.Tags = sorted(image.Tags)
	for _, pin := range m.r.Pins {
		if pin.Repository == repository && (pin.Digest == image.Digest || slices.Contains(children, pin.Digest)) {
			image.Pins = append(image.Pins, pin.Reason)
			m.pinned[key{repository, pin.Digest}] = true
		}
	}
	for i, subject := range append([]digest.Digest{image.Digest}, children...) {
		if i == 0 && len(artifact.Accessories) == 0 {
			continue // the list says it of the artifact itself
		}
		if err := m.accessories(ctx, &image, subject, 0); err != nil {
			return Image{}, err
		}
	}
	slices.SortFunc(image.Accessories, func(a, b Accessory) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Digest, b.Digest))
	})
	return image, nil
}

// when is a time of Harbor's, which writes the beginning of the year 1 for never.
func when(t time.Time) time.Time {
	if t.Year() <= 1 {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Second)
}

// accessories adds what belongs to subject, and what belongs to that.
func (m *maker) accessories(ctx context.Context, image *Image, subject digest.Digest, depth int) error {
	project, rest, _ := strings.Cut(image.Repository, "/")
	for a, err := range m.r.Source.Accessories(ctx, project, rest, subject.String()) {
		if err == nil {
			err = checkDigest(a.Digest)
		}
		if err == nil && depth > mostDepth {
			err = errors.New("they have accessories themselves, and those again, without an end")
		}
		if err != nil {
			return fmt.Errorf("listing what belongs to %s@%s: %w", image.Repository, subject, err)
		}
		if slices.ContainsFunc(image.Accessories, func(o Accessory) bool { return o.Digest == a.Digest }) {
			continue
		}
		image.Accessories = append(image.Accessories, Accessory{Type: a.Type, Digest: a.Digest, Subject: subject})
		if err := m.accessories(ctx, image, a.Digest, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// checkPins refuses to make a bundle without something that is cited.
func (m *maker) checkPins(b Bundle) error {
	for _, pin := range m.r.Pins {
		if !slices.Contains(b.Repositories, pin.Repository) {
			continue
		}
		if !m.pinned[key{pin.Repository, pin.Digest}] {
			return fault.Newf(nil, "look for it in Harbor's audit log; if it is lost for good, remove the pin: jadm unpin "+pin.Repository+"@"+pin.Digest.String(),
				"%s@%s is pinned (%s), and not in the registry", pin.Repository, pin.Digest, pin.Reason)
		}
	}
	return nil
}
