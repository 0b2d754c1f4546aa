package bases

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/registry"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// pageSize is how many names are asked for at once.
const pageSize = 100

// mostPages bounds a list whose pages never end.
const mostPages = 1000

// listed yields the names of a paged list of the distribution specification
// ("Content discovery"); field is where they are.
func (c *Catalogue) listed(ctx context.Context, path, field, scope string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		q := registry.Request{Method: http.MethodGet, Path: path, Query: url.Values{"n": {strconv.Itoa(pageSize)}}, Scopes: []string{scope}, Wanted: []int{http.StatusOK}}
		for range mostPages {
			got, err := c.r.Patiently(ctx, q)
			if err != nil {
				yield("", err)
				return
			}
			var page map[string]json.RawMessage
			var names []string
			err = json.Unmarshal(got.Body, &page)
			if err == nil {
				err = json.Unmarshal(page[field], &names) // null for none
			}
			if err != nil {
				yield("", fmt.Errorf("reading the list %s of %s: %w", path, c.r.Host(), err))
				return
			}
			for _, name := range names {
				if !yield(name, nil) {
					return
				}
			}
			next := nextPage(got.Header)
			if next == nil || len(names) == 0 {
				return
			}
			q.URL, q.Query = nil, next
		}
	}
}

// nextPage is the query of the page after this one (RFC 8288); nil if it is the last.
// Only its query counts: the path is what it was.
func nextPage(header http.Header) url.Values {
	for _, value := range header.Values("Link") {
		target, parameters, ok := strings.Cut(value, ">")
		if !ok || !strings.HasPrefix(target, "<") || !strings.Contains(strings.ReplaceAll(parameters, `"`, ""), "rel=next") {
			continue
		}
		u, err := url.Parse(target[1:])
		if err != nil {
			continue
		}
		if query := u.Query(); len(query) > 0 {
			return query
		}
	}
	return nil
}

// catalog lists the repositories of a registry that is no Harbor, those of a project
// if one is named.
func (c *Catalogue) catalog(ctx context.Context, project string) iter.Seq2[Repository, error] {
	return func(yield func(Repository, error) bool) {
		for name, err := range c.listed(ctx, "/v2/_catalog", "repositories", "registry:catalog:*") {
			if err != nil {
				yield(Repository{}, c.noCatalog(ctx, err))
				return
			}
			if project != all && !strings.HasPrefix(name, project+"/") {
				continue
			}
			if !yield(Repository{Name: name}, nil) {
				return
			}
		}
	}
}

func (c *Catalogue) listTags(ctx context.Context, repository string) ([]Tag, error) {
	var tags []Tag
	for name, err := range c.listed(ctx, "/v2/"+repository+"/tags/list", "tags", registry.Scope(repository, "pull")) {
		if err != nil {
			return tags, c.r.Explain(ctx, registry.Subject{Repository: repository, Method: http.MethodGet}, err)
		}
		if tags = append(tags, Tag{Name: name}); len(tags) == mostArtifacts {
			break
		}
	}
	return tags, nil
}

// accepted are the manifests that are read.
var accepted = strings.Join([]string{
	v1.MediaTypeImageManifest, v1.MediaTypeImageIndex,
	"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json",
}, ", ")

// Details fills in what a tag lacks: digest, size, date and description, from the
// image's manifest and configuration. It is for the tags that are on the screen.
func (c *Catalogue) Details(ctx context.Context, repository string, tag *Tag) error {
	if tag.Digest != "" && !tag.Date.IsZero() {
		return nil
	}
	m, err := c.manifest(ctx, repository, tag.Name)
	if err != nil {
		return c.r.Explain(ctx, registry.Subject{Repository: repository, Reference: tag.Name, Method: http.MethodGet}, err)
	}
	tag.Digest = m.digest
	tag.Size = m.Config.Size
	for _, layer := range m.Layers {
		tag.Size += layer.Size
	}
	if m.Config.Digest == "" {
		return nil // an index with nothing for this machine
	}
	text, err := c.blob(ctx, repository, m.Config.Digest)
	if err != nil {
		return c.r.Explain(ctx, registry.Subject{Repository: repository, Reference: tag.Name, Method: http.MethodGet}, err)
	}
	var config struct {
		Created time.Time `json:"created"`
		Config  struct {
			Labels map[string]string
		} `json:"config"`
	}
	if json.Unmarshal(text, &config) != nil {
		return nil //nolint:nilerr // what says nothing of its date has none
	}
	tag.Date, tag.Description = config.Created, line(config.Config.Labels[v1.AnnotationDescription])
	return nil
}

// manifest is one of an image, or of an index.
type manifest struct {
	Manifests []v1.Descriptor `json:"manifests"`
	Config    v1.Descriptor   `json:"config"`
	Layers    []v1.Descriptor `json:"layers"`
	digest    digest.Digest
}

// manifest reads the manifest for this machine. Its digest is that of the tag.
func (c *Catalogue) manifest(ctx context.Context, repository, reference string) (manifest, error) {
	var top digest.Digest
	for range 2 { // an index, and an image of it
		got, err := c.r.Patiently(ctx, registry.Request{
			Method: http.MethodGet, Path: "/v2/" + repository + "/manifests/" + reference, Scopes: []string{registry.Scope(repository, "pull")},
			Header: http.Header{"Accept": {accepted}}, Wanted: []int{http.StatusOK},
		})
		if err != nil {
			return manifest{}, err
		}
		if top == "" {
			top = digest.FromBytes(got.Body)
		}
		m := manifest{digest: top}
		if err := json.Unmarshal(got.Body, &m); err != nil {
			return manifest{}, fmt.Errorf("reading the manifest of %s:%s: %w", repository, reference, err)
		}
		if len(m.Manifests) == 0 {
			return m, m.Config.Digest.Validate()
		}
		reference = ours(m.Manifests)
		if reference == "" {
			return manifest{digest: top}, nil // none for this machine
		}
	}
	return manifest{digest: top}, nil
}

// ours is the digest of the image for this machine.
func ours(images []v1.Descriptor) string {
	for _, d := range images {
		if d.Platform != nil && d.Platform.OS == "linux" && d.Platform.Architecture == runtime.GOARCH && d.Digest.Validate() == nil {
			return d.Digest.String()
		}
	}
	return ""
}

// blob reads a small one, from where the registry keeps it.
func (c *Catalogue) blob(ctx context.Context, repository string, d digest.Digest) ([]byte, error) {
	elsewhere := []int{http.StatusOK, http.StatusFound, http.StatusTemporaryRedirect}
	scopes := []string{registry.Scope(repository, "pull")}
	got, err := c.r.Patiently(ctx, registry.Request{Method: http.MethodGet, Path: "/v2/" + repository + "/blobs/" + d.String(), Scopes: scopes, Wanted: elsewhere})
	if err != nil || got.Status == http.StatusOK {
		return bodyOf(got), err
	}
	at, err := c.r.Location(got)
	if err != nil {
		return nil, err
	}
	got, err = c.r.Patiently(ctx, registry.Request{Method: http.MethodGet, URL: at, Scopes: scopes, Wanted: elsewhere[:1]})
	return bodyOf(got), err
}

func bodyOf(got *registry.Answer) []byte {
	if got == nil {
		return nil
	}
	return got.Body
}
