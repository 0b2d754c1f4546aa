package leaving

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/opencontainers/go-digest"
)

// fakeHarbor is the world as a Registry.
type fakeHarbor struct{ *world }

var _ Registry = fakeHarbor{}

func (h fakeHarbor) find(name string) (*fakeProject, error) {
	p := h.projects[name]
	if p == nil {
		return nil, refusedWith(http.StatusNotFound)
	}
	return p, nil
}

func list[T any](h fakeHarbor, name string, items func() ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		all, err := call(h.world, name, h.down.harbor, items)
		if err != nil {
			var none T
			yield(none, err)
			return
		}
		for _, i := range all {
			if !yield(i, nil) {
				return
			}
		}
	}
}

func (h fakeHarbor) Project(_ context.Context, name string) (harbor.Project, error) {
	return call(h.world, "Project "+name, h.down.harbor, func() (harbor.Project, error) {
		p, err := h.find(name)
		if err != nil {
			return harbor.Project{}, err
		}
		return harbor.Project{ID: p.id, Name: p.name, Metadata: p.meta, Repositories: len(p.repos)}, nil
	})
}

func (h fakeHarbor) Projects(context.Context, string) iter.Seq2[harbor.Project, error] {
	return list(h, "Projects", func() ([]harbor.Project, error) {
		var all []harbor.Project
		for _, name := range slices.Sorted(maps.Keys(h.projects)) {
			p := h.projects[name]
			all = append(all, harbor.Project{ID: p.id, Name: p.name, Metadata: p.meta, Repositories: len(p.repos)})
		}
		return all, nil
	})
}

func (h fakeHarbor) CreateProject(_ context.Context, n harbor.NewProject) error {
	return callErr(h.world, "CreateProject "+n.Name, h.down.harbor, func() error {
		if h.projects[n.Name] != nil {
			return refusedWith(http.StatusConflict)
		}
		h.addProject(n.Name, n.StorageLimitBytes).meta = n.Metadata
		return nil
	})
}

func (h fakeHarbor) DeleteProject(_ context.Context, name string) error {
	return callErr(h.world, "DeleteProject "+name, h.down.harbor, func() error {
		p, err := h.find(name)
		if err != nil {
			return err
		}
		if len(p.repos) > 0 {
			return refusedWith(http.StatusPreconditionFailed)
		}
		delete(h.projects, name)
		return nil
	})
}

func (h fakeHarbor) Summary(_ context.Context, name string) (harbor.Summary, error) {
	return call(h.world, "Summary "+name, h.down.harbor, func() (harbor.Summary, error) {
		p, err := h.find(name)
		if err != nil {
			return harbor.Summary{}, err
		}
		return harbor.Summary{Quota: &harbor.Usage{Hard: harbor.Resources{StorageBytes: p.quota}, Used: harbor.Resources{StorageBytes: p.used()}}}, nil
	})
}

func (h fakeHarbor) Members(_ context.Context, name string) iter.Seq2[harbor.Member, error] {
	return list(h, "Members "+name, func() ([]harbor.Member, error) {
		p, err := h.find(name)
		if err != nil {
			return nil, err
		}
		return slices.Clone(p.members), nil
	})
}

func (h fakeHarbor) add(project, name, kind string, role harbor.Role) (int64, error) {
	return call(h.world, "AddMember "+project+" "+name, h.down.harbor, func() (int64, error) {
		p, err := h.find(project)
		if err != nil {
			return 0, err
		}
		if slices.ContainsFunc(p.members, func(m harbor.Member) bool { return m.Name == name && m.Kind == kind }) {
			return 0, refusedWith(http.StatusConflict)
		}
		h.addMember(project, name, kind, role)
		return h.lastID, nil
	})
}

func (h fakeHarbor) AddUser(_ context.Context, project, user string, role harbor.Role) (int64, error) {
	return h.add(project, user, harbor.UserMember, role)
}

func (h fakeHarbor) AddGroup(_ context.Context, project string, _ int64, role harbor.Role) (int64, error) {
	return h.add(project, "group", harbor.GroupMember, role)
}

func (h fakeHarbor) UpdateMember(_ context.Context, project string, member int64, role harbor.Role) error {
	return callErr(h.world, fmt.Sprintf("UpdateMember %s %d", project, member), h.down.harbor, func() error {
		p, err := h.find(project)
		if err != nil {
			return err
		}
		for i := range p.members {
			if p.members[i].ID == member {
				p.members[i].Role = role
				return nil
			}
		}
		return refusedWith(http.StatusNotFound)
	})
}

func (h fakeHarbor) RemoveMember(_ context.Context, project string, member int64) error {
	return callErr(h.world, fmt.Sprintf("RemoveMember %s %d", project, member), h.down.harbor, func() error {
		p, err := h.find(project)
		if err != nil {
			return err
		}
		p.members = slices.DeleteFunc(p.members, func(m harbor.Member) bool { return m.ID == member })
		return nil
	})
}

func (h fakeHarbor) Robots(_ context.Context, id int64) iter.Seq2[harbor.Robot, error] {
	return list(h, fmt.Sprint("Robots ", id), func() ([]harbor.Robot, error) {
		var all []harbor.Robot
		for _, p := range h.projects {
			for _, r := range p.robots {
				if p.id == id {
					all = append(all, *r)
				}
			}
		}
		return all, nil
	})
}

func (h fakeHarbor) robot(name string, id int64, do func(*fakeProject, *harbor.Robot)) error {
	return callErr(h.world, fmt.Sprint(name, " ", id), h.down.harbor, func() error {
		for _, p := range h.projects {
			for _, r := range p.robots {
				if r.ID == id {
					do(p, r)
					return nil
				}
			}
		}
		return refusedWith(http.StatusNotFound)
	})
}

func (h fakeHarbor) DisableRobot(_ context.Context, id int64) error {
	return h.robot("DisableRobot", id, func(_ *fakeProject, r *harbor.Robot) { r.Disabled = true })
}

func (h fakeHarbor) EnableRobot(_ context.Context, id int64) error {
	return h.robot("EnableRobot", id, func(_ *fakeProject, r *harbor.Robot) { r.Disabled = false })
}

func (h fakeHarbor) DeleteRobot(_ context.Context, id int64) error {
	return h.robot("DeleteRobot", id, func(p *fakeProject, r *harbor.Robot) {
		p.robots = slices.DeleteFunc(p.robots, func(o *harbor.Robot) bool { return o == r })
	})
}

func (h fakeHarbor) Repositories(_ context.Context, name string) iter.Seq2[harbor.Repository, error] {
	return list(h, "Repositories "+name, func() ([]harbor.Repository, error) {
		p, err := h.find(name)
		if err != nil {
			return nil, err
		}
		var all []harbor.Repository
		for _, repo := range slices.Sorted(maps.Keys(p.repos)) {
			all = append(all, harbor.Repository{Name: name + "/" + repo})
		}
		return all, nil
	})
}

func (h fakeHarbor) DeleteRepository(_ context.Context, project, name string) error {
	return callErr(h.world, "DeleteRepository "+project+"/"+name, h.down.harbor, func() error {
		p, err := h.find(project)
		if err != nil {
			return err
		}
		if p.repos[name] == nil {
			return refusedWith(http.StatusNotFound)
		}
		for _, a := range p.repos[name] {
			if p.immutable(a) {
				return refusedWith(http.StatusPreconditionFailed)
			}
		}
		delete(p.repos, name)
		return nil
	})
}

func (h fakeHarbor) Artifacts(_ context.Context, project, repo string) iter.Seq2[harbor.Artifact, error] {
	return list(h, "Artifacts "+project+"/"+repo, func() ([]harbor.Artifact, error) {
		p, err := h.find(project)
		if err != nil {
			return nil, err
		}
		var all []harbor.Artifact
		for _, d := range slices.Sorted(maps.Keys(p.repos[repo])) {
			a := p.repos[repo][d]
			made := harbor.Artifact{Digest: d, SizeBytes: int64(len(a.layers)) * layerBytes}
			for _, t := range a.tags {
				made.Tags = append(made.Tags, harbor.Tag{Name: t})
			}
			for _, c := range a.children {
				made.Children = append(made.Children, harbor.Child{Digest: c})
			}
			all = append(all, made)
		}
		return all, nil
	})
}

func (h fakeHarbor) CopyArtifact(_ context.Context, from harbor.Source, project, repo string) error {
	return callErr(h.world, "CopyArtifact "+from.Repository+"@"+from.Digest.String()+" "+project, h.down.harbor, func() error {
		src, to := h.projects[from.Project], h.projects[project]
		if src == nil || src.repos[from.Repository][from.Digest] == nil {
			return refusedWith(http.StatusBadRequest)
		}
		if to == nil {
			return refusedWith(http.StatusNotFound)
		}
		a := src.repos[from.Repository][from.Digest]
		if to.quota >= 0 && to.used(a) > to.quota {
			return refusedWith(http.StatusForbidden)
		}
		to.put(repo, from.Digest, "", &fakeArtifact{layers: a.layers, children: a.children})
		for _, t := range slices.Clone(a.tags) {
			to.tag(repo, from.Digest, t)
		}
		return nil
	})
}

func (h fakeHarbor) DeleteArtifact(_ context.Context, project, repo, reference string) error {
	return callErr(h.world, "DeleteArtifact "+project+"/"+repo+"@"+reference, h.down.harbor, func() error {
		p, err := h.find(project)
		if err != nil {
			return err
		}
		if p.repos[repo][digest.Digest(reference)] == nil {
			return refusedWith(http.StatusNotFound)
		}
		if p.immutable(p.repos[repo][digest.Digest(reference)]) {
			return refusedWith(http.StatusPreconditionFailed)
		}
		delete(p.repos[repo], digest.Digest(reference))
		return nil
	})
}

func (h fakeHarbor) ImmutableRules(_ context.Context, name string) iter.Seq2[harbor.ImmutableRule, error] {
	return list(h, "ImmutableRules "+name, func() ([]harbor.ImmutableRule, error) {
		p, err := h.find(name)
		if err != nil {
			return nil, err
		}
		return slices.Clone(p.rules), nil
	})
}

func (h fakeHarbor) CreateImmutableRule(_ context.Context, project string, r harbor.ImmutableRule) (int64, error) {
	return call(h.world, "CreateImmutableRule "+project, h.down.harbor, func() (int64, error) {
		p, err := h.find(project)
		if err != nil {
			return 0, err
		}
		r.ID = h.id()
		p.rules = append(p.rules, r)
		return r.ID, nil
	})
}

func (h fakeHarbor) UpdateImmutableRule(_ context.Context, project string, r harbor.ImmutableRule) error {
	return callErr(h.world, fmt.Sprintf("UpdateImmutableRule %s %d", project, r.ID), h.down.harbor, func() error {
		p, err := h.find(project)
		if err != nil {
			return err
		}
		for i := range p.rules {
			if p.rules[i].ID == r.ID {
				p.rules[i] = r
				return nil
			}
		}
		return refusedWith(http.StatusNotFound)
	})
}

func (h fakeHarbor) AddTag(_ context.Context, project, repo, reference, tag string) error {
	return callErr(h.world, "AddTag "+project+"/"+repo+"@"+reference+" "+tag, h.down.harbor, func() error {
		p, err := h.find(project)
		if err != nil {
			return err
		}
		for _, a := range p.repos[repo] {
			if slices.Contains(a.tags, tag) {
				return refusedWith(http.StatusConflict)
			}
		}
		p.tag(repo, digest.Digest(reference), tag)
		return nil
	})
}

func (h fakeHarbor) DeleteTag(_ context.Context, project, repo, reference, tag string) error {
	return callErr(h.world, "DeleteTag "+project+"/"+repo+"@"+reference+" "+tag, h.down.harbor, func() error {
		p, err := h.find(project)
		if err != nil {
			return err
		}
		a := p.repos[repo][digest.Digest(reference)]
		if a == nil || !slices.Contains(a.tags, tag) {
			return refusedWith(http.StatusNotFound)
		}
		if p.immutable(&fakeArtifact{tags: []string{tag}}) {
			return refusedWith(http.StatusPreconditionFailed)
		}
		a.tags = slices.DeleteFunc(a.tags, func(t string) bool { return t == tag })
		return nil
	})
}
