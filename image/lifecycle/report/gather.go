package report

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/usage"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

// Registry is what is asked of Harbor: harbor.Client.
type Registry interface {
	Projects(ctx context.Context, part string) iter.Seq2[harbor.Project, error]
	Quotas(ctx context.Context) iter.Seq2[harbor.Quota, error]
	ProjectArtifacts(ctx context.Context, project string) iter.Seq2[harbor.Artifact, error]
}

var _ Registry = (*harbor.Client)(nil)

// Source is where the numbers come from.
type Source struct {
	Registry Registry
	Host     string // of the registry, in references
	Store    string // root; empty where there is none
	Book     usage.Book
	Owner    func(harbor.Project) string // whose a project is
	Account  func(uid int) string        // name of an account; the number if nil or empty
}

// Gather asks Harbor for all projects and looks into the store. What the store does not
// tell is said in the report; what Harbor does not tell is an error.
func Gather(ctx context.Context, s Source, now time.Time) (Report, error) {
	r := Report{Time: now, Harbor: s.Host, Store: s.Store, Projects: []Project{}, Ages: newAges()}
	site := s.Store != ""
	if site {
		if _, err := store.SiteProjects(s.Store); err != nil { // it is the same for each project
			r.Missing = append(r.Missing, fmt.Sprintf("converted images: %v", err))
			site = false
		}
	}
	quotas := map[string]harbor.Usage{}
	for q, err := range s.Registry.Quotas(ctx) {
		if err != nil {
			return r, fmt.Errorf("listing quotas: %w", err)
		}
		quotas[q.Ref.Project] = q.Usage
	}
	for p, err := range s.Registry.Projects(ctx, "") {
		if err != nil {
			return r, fmt.Errorf("listing projects: %w", err)
		}
		project := Project{Name: p.Name, Owner: s.Owner(p), QuotaBytes: -1}
		if q, ok := quotas[p.Name]; ok {
			project.HarborBytes, project.QuotaBytes = q.Used.StorageBytes, q.Hard.StorageBytes
		}
		if p.Repositories > 0 {
			if err := s.images(ctx, &r, &project); err != nil {
				return r, err
			}
		}
		if site {
			s.objects(&r, &project)
		}
		r.Projects = append(r.Projects, project)
	}
	r.sum(s.ownParts(&r))
	return r, nil
}

// images counts what Harbor has of a project.
func (s Source) images(ctx context.Context, r *Report, p *Project) error {
	uses, err := s.Book.Uses(p.Name)
	if err != nil {
		r.Missing = append(r.Missing, fmt.Sprintf("uses of %s: %v", p.Name, err))
	}
	for a, err := range s.Registry.ProjectArtifacts(ctx, p.Name) {
		if err != nil {
			return fmt.Errorf("listing the artifacts of %s: %w", p.Name, err)
		}
		_, name, _ := strings.Cut(a.Repository, "/")
		p.Images++
		p.Tags += len(a.Tags)
		p.SumBytes += a.SizeBytes
		used := lastUse(a, uses[name])
		p.LastPush, p.LastUse = later(p.LastPush, a.Pushed), later(p.LastUse, used)
		if used.IsZero() {
			used = a.Pushed
		}
		r.addAge(used, a.SizeBytes)
	}
	return nil
}

// lastUse is when an image, or a part of it, was last run or pulled; zero for never.
func lastUse(a harbor.Artifact, uses map[digest.Digest]usage.Use) time.Time {
	last := uses[a.Digest].Last
	if a.Pulled.Year() > 1 {
		last = later(last, a.Pulled)
	}
	for _, c := range a.Children {
		last = later(last, uses[c.Digest].Last)
	}
	return last
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// objects counts what the store has of a project.
func (s Source) objects(r *Report, p *Project) {
	site, err := store.OpenSite(s.Store, store.Place{Registry: s.Host, Project: p.Name})
	if err != nil {
		r.Missing = append(r.Missing, fmt.Sprintf("objects of %s: %v", p.Name, err))
		return
	}
	candidates, err := site.Candidates()
	deleted, deletedErr := site.Deleted()
	if err := errors.Join(err, deletedErr); err != nil {
		r.Missing = append(r.Missing, fmt.Sprintf("objects of %s: %v", p.Name, err))
	}
	for _, c := range candidates {
		p.Objects++
		p.StoreBytes += c.SizeBytes
		p.LastUse = later(p.LastUse, c.Used)
	}
	for _, d := range deleted {
		p.DeletedBytes += d.SizeBytes
	}
}

// ownParts are the sizes of users' own parts of the store, by the name of the account, as
// far as they can be read.
func (s Source) ownParts(r *Report) map[string]int64 {
	own := map[string]int64{}
	if s.Store == "" {
		return own
	}
	users := filepath.Join(s.Store, "user")
	entries, err := os.ReadDir(users)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			r.Missing = append(r.Missing, fmt.Sprintf("users' own parts: %v", err))
		}
		return own
	}
	for _, e := range entries {
		uid, err := strconv.Atoi(e.Name())
		if err != nil || !e.IsDir() {
			continue // where users make their parts, they may make anything
		}
		bytes, err := sizeOf(filepath.Join(users, e.Name()))
		if err != nil {
			r.Unreadable++
			continue
		}
		name := ""
		if s.Account != nil {
			name = s.Account(uid)
		}
		if name == "" {
			name = "uid " + e.Name()
		}
		own[name] += bytes
	}
	return own
}

// sizeOf is the size of all files below dir, whose directories must all be readable.
func sizeOf(dir string) (bytes int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		return nil
	})
	return bytes, err
}
