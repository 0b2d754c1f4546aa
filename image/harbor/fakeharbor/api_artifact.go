package fakeharbor

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"time"
)

// newReport is the MIME type of the reports of Trivy.
const newReport = "application/vnd.security.vulnerability.report; version=1.1"

func (r *repository) json() object {
	n := 0
	for _, a := range r.artifacts {
		if r.listed(a) {
			n++
		}
	}
	return object{"id": r.id, "project_id": r.project.id, "name": r.full(), "description": r.description, "artifact_count": n, "pull_count": r.pulls, "creation_time": when(r.created), "update_time": when(r.updated)}
}

func (s *Server) listRepositories(c apiCall, p *project) {
	var all []object
	for _, r := range slices.Backward(p.repos) { // the newest first
		all = append(all, r.json())
	}
	c.list(all)
}

// withRepo is the repository of the path, or nil when it has answered.
func (c apiCall) withRepo(p *project) *repository {
	repo := p.repo(c.repository())
	if repo == nil {
		c.notFound("repository %s/%s not found", p.name, c.repository())
	}
	return repo
}

func (s *Server) getRepository(c apiCall, p *project) {
	if repo := c.withRepo(p); repo != nil {
		reply(c.w, http.StatusOK, repo.json())
	}
}

func (s *Server) deleteRepository(c apiCall, p *project) {
	repo := c.withRepo(p)
	if repo == nil {
		return
	}
	for _, a := range repo.artifacts {
		if s.forbidsRemoval(c.w, repo, a) {
			return
		}
	}
	p.repos = slices.DeleteFunc(p.repos, func(o *repository) bool { return o == repo })
	c.w.WriteHeader(http.StatusOK)
	for _, a := range repo.artifacts {
		if a.subject == "" {
			s.tell("DELETE_ARTIFACT", c.who.name(), repo, a, repo.firstTag(a))
		}
	}
}

// listArtifacts of a missing repository is an empty list. The one that was pushed
// last comes first.
func (s *Server) listArtifacts(c apiCall, p *project) {
	var all []object
	if repo := p.repo(c.repository()); repo != nil {
		newest := slices.Clone(repo.artifacts)
		slices.Reverse(newest)
		slices.SortStableFunc(newest, func(a, b *artifact) int { return b.pushed.Compare(a.pushed) })
		for _, a := range newest {
			if repo.listed(a) {
				all = append(all, c.artifactJSON(repo, a))
			}
		}
	}
	c.list(all)
}

// listProjectArtifacts is for who has logged in, even where everybody may pull. (What it
// is sorted by is not looked at: it is always by id.)
func (s *Server) listProjectArtifacts(c apiCall, p *project) {
	if !c.who.known() {
		c.forbid()
		return
	}
	if s.o.NoProjectArtifacts {
		c.w.Header().Set("Content-Type", "application/json")
		reply(c.w, http.StatusNotFound, object{"code": 404, "message": "path " + c.r.URL.Path + " was not found"})
		return
	}
	var all []object
	var listed []*artifact
	of := map[*artifact]*repository{}
	for _, repo := range p.repos {
		for _, a := range repo.artifacts {
			if repo.listed(a) {
				listed, of[a] = append(listed, a), repo
			}
		}
	}
	slices.SortFunc(listed, func(a, b *artifact) int { return int(a.id - b.id) })
	for _, a := range listed {
		o := c.artifactJSON(of[a], a)
		o["repository_name"] = of[a].full()
		all = append(all, o)
	}
	c.list(all)
}

// withArtifact is the artifact of the path, or nil when it has answered.
func (c apiCall) withArtifact(p *project) (*repository, *artifact) {
	repo := c.withRepo(p)
	if repo == nil {
		return nil, nil
	}
	a := repo.artifact(c.r.PathValue("reference"))
	if a == nil {
		c.notFound("artifact %s:%s not found", repo.full(), c.r.PathValue("reference"))
	}
	return repo, a
}

func (s *Server) getArtifact(c apiCall, p *project) {
	if repo, a := c.withArtifact(p); a != nil {
		reply(c.w, http.StatusOK, c.artifactJSON(repo, a))
	}
}

// artifactJSON has what the query asks for.
func (c apiCall) artifactJSON(repo *repository, a *artifact) object {
	o := object{
		"id": a.id, "type": "IMAGE", "digest": a.digest, "manifest_media_type": a.mediaType, "size": a.size,
		"references": a.references(), "push_time": when(a.pushed), "pull_time": when(a.pulled), "project_id": repo.project.id, "repository_id": repo.id, "tags": nil, "accessories": nil,
	}
	query := c.r.URL.Query()
	if query.Get("with_tag") != "false" { // true is the default
		var tags []object
		for _, t := range repo.tagsOf(a) {
			tags = append(tags, object{
				"id": t.id, "name": t.name, "artifact_id": a.id, "repository_id": repo.id, "push_time": when(t.pushed), "pull_time": when(t.pulled),
				"immutable": query.Get("with_immutable_status") == "true" && repo.project.locked(t.name),
			})
		}
		o["tags"] = tags
	}
	if query.Get("with_accessory") == "true" {
		o["accessories"] = accessoriesJSON(repo, a)
	}
	if query.Get("with_scan_overview") == "true" && a.scan != nil {
		o["scan_overview"] = object{newReport: a.scan.overview()}
	}
	return o
}

func (a *artifact) references() []object {
	var all []object
	for _, child := range a.children {
		all = append(all, object{"parent_id": a.id, "child_digest": child})
	}
	return all
}

func accessoriesJSON(repo *repository, a *artifact) []object {
	all := []object{}
	for _, acc := range repo.accessories(a) {
		all = append(all, object{"id": acc.id, "type": acc.accessory, "digest": acc.digest, "size": acc.size, "subject_artifact_digest": a.digest, "creation_time": when(acc.pushed)})
	}
	return all
}

func (s *Scan) overview() object {
	counts, fixable := map[string]int{}, 0
	for _, v := range s.Vulnerabilities {
		counts[v.Severity]++
		if v.FixVersion != "" {
			fixable++
		}
	}
	o := object{"report_id": "r", "scan_status": s.Status, "severity": s.worst(), "complete_percent": 0, "start_time": when(s.Ended), "end_time": when(s.Ended)}
	if s.Status == "Success" {
		o["complete_percent"] = 100
		o["summary"] = object{"total": len(s.Vulnerabilities), "fixable": fixable, "summary": counts}
	}
	return o
}

func (s *Server) deleteArtifact(c apiCall, p *project) {
	repo, a := c.withArtifact(p)
	if a == nil || s.forbidsRemoval(c.w, repo, a) {
		return
	}
	if repo.isChild(a) {
		refuse(c.w, http.StatusPreconditionFailed, "VIOLATE_FOREIGN_KEY_CONSTRAINT", "the deleting artifact is referenced by others")
		return
	}
	tag := repo.firstTag(a)
	repo.remove(a)
	c.w.WriteHeader(http.StatusOK)
	s.tell("DELETE_ARTIFACT", c.who.name(), repo, a, tag)
}

var tagName = regexp.MustCompile(`^[\w][\w.-]{0,127}$`)

func (s *Server) createTag(c apiCall, p *project) {
	var in struct {
		Name string `json:"name"`
	}
	repo, a := c.withArtifact(p)
	switch {
	case a == nil || !c.body(&in):
	case !tagName.MatchString(in.Name):
		c.badRequest("bad request: invalid tag name: %s", in.Name)
	case repo.tag(in.Name) != nil:
		refuse(c.w, http.StatusConflict, "CONFLICT", "tag "+in.Name+" already exists")
	default:
		s.point(repo, in.Name, a) // and no webhook tells of it
		c.w.WriteHeader(http.StatusCreated)
	}
}

func (s *Server) deleteTag(c apiCall, p *project) {
	name := c.r.PathValue("tag")
	repo, a := c.withArtifact(p)
	if a == nil {
		return
	}
	t := repo.tag(name)
	switch {
	case t == nil || t.artifact != a:
		c.notFound("tag %s attached to artifact %s not found", name, a.digest)
	case p.locked(name):
		refuse(c.w, http.StatusPreconditionFailed, "PRECONDITION", "the tag "+name+" configured as immutable, cannot be deleted")
	default:
		repo.tags = slices.DeleteFunc(repo.tags, func(o *tag) bool { return o == t })
		c.w.WriteHeader(http.StatusOK)
	}
}

func (s *Server) listAccessories(c apiCall, p *project) {
	if repo, a := c.withArtifact(p); a != nil {
		c.list(accessoriesJSON(repo, a))
	}
}

// getVulnerabilities: 404 without a scanner, {} without a scan.
func (s *Server) getVulnerabilities(c apiCall, p *project) {
	_, a := c.withArtifact(p)
	if a == nil {
		return
	}
	if !p.scanner {
		c.notFound("no scanner registration configured for project: %d", p.id)
		return
	}
	answer := object{}
	if a.scan != nil && a.scan.Status == "Success" {
		found := []object{}
		for _, v := range a.scan.Vulnerabilities {
			found = append(found, object{"id": v.ID, "package": v.Package, "version": v.Version, "fix_version": v.FixVersion, "severity": v.Severity, "links": []string{}})
		}
		answer[newReport] = object{"generated_at": a.scan.Ended.UTC().Format(time.RFC3339Nano), "severity": a.scan.worst(), "vulnerabilities": found, "scanner": object{"name": "Trivy"}}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		misuse("%v", err)
	}
	c.w.Header().Set("Content-Type", "application/json")
	_, _ = c.w.Write(text)
}

func (s *Server) scanArtifact(c apiCall, p *project) {
	_, a := c.withArtifact(p)
	switch {
	case a == nil:
	case !p.scanner:
		refuse(c.w, http.StatusPreconditionFailed, "PRECONDITION", "no available scanner")
	default:
		a.scan = &Scan{Status: "Pending"}
		c.w.WriteHeader(http.StatusAccepted)
	}
}
