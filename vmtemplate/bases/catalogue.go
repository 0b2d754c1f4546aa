package bases

import (
	"context"
	"iter"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/vmtemplate/registry"
)

// Options say whose images are listed.
type Options struct {
	Registry *registry.Registry
	// Shared are projects with images for everybody, Own is the user's; both are
	// listed in this order. Without any, all that the registry shows is.
	Shared []string
	Own    string
}

// Catalogue lists images. It may be used by several goroutines.
type Catalogue struct {
	o Options
	r *registry.Registry

	mu       sync.Mutex
	complete map[string][]Repository // by project; of all, by ""
}

// New prepares a catalogue. Nothing is asked yet.
func New(o Options) *Catalogue {
	return &Catalogue{o: o, r: o.Registry, complete: map[string][]Repository{}}
}

// Repository is a name with images of different tags.
type Repository struct {
	Name        string // PROJECT/NAME
	Description string // one line; may be empty
	Images      int    // 0 when it is not known
	Updated     time.Time
	Own         bool
}

// Repositories are those of all projects, as the registry orders them. After an error
// it goes on with the next project: one that is not for this user does not hide the
// others.
func (c *Catalogue) Repositories(ctx context.Context) iter.Seq2[Repository, error] {
	return func(yield func(Repository, error) bool) {
		for _, project := range c.projects() {
			for repository, err := range c.project(ctx, project) {
				if !yield(repository, err) {
					return
				}
			}
		}
	}
}

// Search are those whose name or description has all of the words, in any case.
func (c *Catalogue) Search(ctx context.Context, words string) iter.Seq2[Repository, error] {
	wanted := strings.Fields(strings.ToLower(words))
	return func(yield func(Repository, error) bool) {
		for repository, err := range c.Repositories(ctx) {
			text := strings.ToLower(repository.Name + " " + repository.Description)
			missing := func(word string) bool { return !strings.Contains(text, word) }
			if err == nil && slices.ContainsFunc(wanted, missing) {
				continue
			}
			if !yield(repository, err) {
				return
			}
		}
	}
}

// all stands for every project that the registry shows.
const all = ""

func (c *Catalogue) projects() []string {
	projects := slices.Clone(c.o.Shared)
	if c.o.Own != "" && !slices.Contains(projects, c.o.Own) {
		projects = append(projects, c.o.Own)
	}
	if len(projects) == 0 {
		return []string{all}
	}
	return projects
}

// project lists one, from what is remembered if it was listed to its end before.
func (c *Catalogue) project(ctx context.Context, project string) iter.Seq2[Repository, error] {
	return func(yield func(Repository, error) bool) {
		c.mu.Lock()
		known, ok := c.complete[project]
		c.mu.Unlock()
		if ok {
			for _, repository := range known {
				if !yield(repository, nil) {
					return
				}
			}
			return
		}
		list := c.catalog(ctx, project)
		if api, ok := c.r.Harbor(ctx); ok {
			list = c.harbor(ctx, api, project)
		}
		var seen []Repository
		for repository, err := range list {
			if err != nil {
				yield(Repository{}, err)
				return
			}
			if !nameGrammar.MatchString(repository.Name) {
				continue
			}
			first, _, _ := strings.Cut(repository.Name, "/")
			repository.Own = c.o.Own != "" && first == c.o.Own
			seen = append(seen, repository)
			if !yield(repository, nil) {
				return
			}
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.complete[project] = seen
	}
}

// Grammar of the distribution specification.
var (
	nameGrammar = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagGrammar  = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

// Forget makes the next list ask the registry again: something was uploaded or
// deleted.
func (c *Catalogue) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.complete)
}

// harbor lists a project of a Harbor, or those of all projects that it shows.
func (c *Catalogue) harbor(ctx context.Context, api *harbor.Client, project string) iter.Seq2[Repository, error] {
	return func(yield func(Repository, error) bool) {
		if project != all {
			c.harborProject(ctx, api, project, yield)
			return
		}
		for p, err := range api.Projects(ctx, "") {
			if err != nil {
				yield(Repository{}, c.harborFault(ctx, "", err))
				return
			}
			if p.Repositories > 0 && !c.harborProject(ctx, api, p.Name, yield) {
				return
			}
		}
	}
}

// harborProject yields a project's, and reports whether more is wanted.
func (c *Catalogue) harborProject(ctx context.Context, api *harbor.Client, project string, yield func(Repository, error) bool) bool {
	for r, err := range api.Repositories(ctx, project) {
		if err != nil {
			return yield(Repository{}, c.harborFault(ctx, project, err))
		}
		if r.Artifacts == 0 {
			continue
		}
		if !yield(Repository{Name: r.Name, Description: line(r.Description), Images: r.Artifacts, Updated: r.Updated}, nil) {
			return false
		}
	}
	return true
}
