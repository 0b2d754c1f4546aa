package fakeharbor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Roles of members, as Harbor numbers them.
const (
	ProjectAdmin = 1
	Developer    = 2
	Guest        = 3
	Maintainer   = 4
	LimitedGuest = 5
)

// member is a user or a group.
type member struct {
	id    int64
	user  *user
	group *group
	role  int
}

type project struct {
	id        int64
	name      string
	owner     string
	created   time.Time
	metadata  map[string]string
	scanner   bool
	immutable []string // patterns of tags
	members   []*member
	quotaID   int64
	hard      int64            // bytes; -1 for no limit
	blobs     map[string]int64 // digest → size, of everything that was pushed
	repos     []*repository
	hooks     []*webhook
}

type repository struct {
	id      int64
	project *project
	name    string // within the project
	created time.Time
	updated time.Time
	// description is Markdown, and may be anything.
	description string
	pulls       int64
	blobs       map[string]bool // digests
	artifacts   []*artifact
	tags        []*tag
}

type tag struct {
	id             int64
	name           string
	artifact       *artifact
	pushed, pulled time.Time
}

type artifact struct {
	id             int64
	digest         string
	mediaType      string
	size           int64
	pushed, pulled time.Time
	scan           *Scan
	subject        string   // digest, when it is an accessory
	accessory      string   // its type
	children       []string // digests, when it is an index
	lost           bool
}

func (p *project) used() int64 {
	var sum int64
	for _, size := range p.blobs {
		sum += size
	}
	return sum
}

func (r *repository) full() string { return r.project.name + "/" + r.name }

// find is the first that fits, or nil.
func find[T any](list []*T, fits func(*T) bool) *T {
	if i := slices.IndexFunc(list, fits); i >= 0 {
		return list[i]
	}
	return nil
}

func (s *Server) project(name string) *project {
	return find(s.projects, func(p *project) bool { return p.name == name })
}

// projectOrID is the API's idea of a project's name, unless it is told that it
// is one.
func (s *Server) projectOrID(name string, isName bool) *project {
	if id, err := strconv.ParseInt(name, 10, 64); err == nil && !isName {
		return find(s.projects, func(p *project) bool { return p.id == id })
	}
	return s.project(name)
}

func (p *project) repo(name string) *repository {
	return find(p.repos, func(r *repository) bool { return r.name == name })
}

func (r *repository) tag(name string) *tag {
	return find(r.tags, func(t *tag) bool { return t.name == name })
}

// artifact looks up a tag or digest.
func (r *repository) artifact(reference string) *artifact {
	if t := r.tag(reference); t != nil {
		return t.artifact
	}
	return find(r.artifacts, func(a *artifact) bool { return a.digest == reference })
}

// firstTag is empty for an artifact without any.
func (r *repository) firstTag(a *artifact) string {
	if own := r.tagsOf(a); len(own) > 0 {
		return own[0].name
	}
	return ""
}

func (r *repository) tagsOf(a *artifact) []*tag {
	var own []*tag
	for _, t := range r.tags {
		if t.artifact == a {
			own = append(own, t)
		}
	}
	return own
}

// accessories are what belongs to a.
func (r *repository) accessories(a *artifact) []*artifact {
	var own []*artifact
	for _, other := range r.artifacts {
		if other.subject == a.digest {
			own = append(own, other)
		}
	}
	return own
}

// isChild reports whether an index of the repository holds a.
func (r *repository) isChild(a *artifact) bool {
	return slices.ContainsFunc(r.artifacts, func(o *artifact) bool { return slices.Contains(o.children, a.digest) })
}

// remove deletes an artifact, its tags, its accessories, and what only it held.
func (r *repository) remove(a *artifact) {
	r.tags = slices.DeleteFunc(r.tags, func(t *tag) bool { return t.artifact == a })
	accessories := r.accessories(a)
	r.artifacts = slices.DeleteFunc(r.artifacts, func(other *artifact) bool { return other == a })
	for _, d := range a.children {
		if child := r.artifact(d); child != nil && !r.isChild(child) && len(r.tagsOf(child)) == 0 {
			r.remove(child)
		}
	}
	for _, acc := range accessories {
		r.remove(acc)
	}
}

// locked reports whether a tag must not move.
func (p *project) locked(tag string) bool {
	return slices.ContainsFunc(p.immutable, func(pattern string) bool { return matches(pattern, tag) })
}

// matches knows the simple cases of doublestar: * and ** for anything.
func matches(pattern, name string) bool {
	parts := strings.Split(strings.ReplaceAll(pattern, "**", "*"), "*")
	if len(parts) == 1 {
		return pattern == name
	}
	if !strings.HasPrefix(name, parts[0]) {
		return false
	}
	name = name[len(parts[0]):]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name = name[i+len(part):]
	}
	return strings.HasSuffix(name, parts[len(parts)-1])
}

// misuse ends a test that asks for what cannot be.
func misuse(format string, args ...any) {
	panic("fakeharbor: " + fmt.Sprintf(format, args...))
}
