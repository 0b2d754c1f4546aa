package fakeharbor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// webhook is a policy, as the API says it.
type webhook struct {
	ID      int64           `json:"id"`
	Name    string          `json:"name"`
	Enabled bool            `json:"enabled"`
	Events  []string        `json:"event_types"`
	Targets []webhookTarget `json:"targets"`
}

type webhookTarget struct {
	Type           string `json:"type"`
	Address        string `json:"address"`
	AuthHeader     string `json:"auth_header,omitempty"`
	SkipCertVerify bool   `json:"skip_cert_verify"`
	PayloadFormat  string `json:"payload_format,omitempty"`
}

func (s *Server) listWebhooks(c apiCall, p *project) {
	var all []object
	for _, h := range p.hooks {
		all = append(all, object{"id": h.ID, "name": h.Name, "project_id": p.id, "enabled": h.Enabled, "event_types": h.Events, "targets": h.Targets})
	}
	c.list(all)
}

func (s *Server) createWebhook(c apiCall, p *project) {
	var in webhook
	if !c.body(&in) || !in.sound(c) {
		return
	}
	if find(p.hooks, func(h *webhook) bool { return h.Name == in.Name }) != nil {
		refuse(c.w, http.StatusConflict, "CONFLICT", "notification policy named "+in.Name+" already exists")
		return
	}
	in.ID = s.id()
	p.hooks = append(p.hooks, &in)
	c.created(in.ID)
}

// sound answers when a policy is not.
func (h *webhook) sound(c apiCall) bool {
	switch {
	case len(h.Targets) == 0:
		c.badRequest("empty notification target with policy %s", h.Name)
		return false
	case len(h.Events) == 0:
		c.badRequest("empty event type")
		return false
	}
	for _, target := range h.Targets {
		if target.Type != "http" && target.Type != "slack" {
			c.badRequest("unsupported target type %s with policy %s", target.Type, h.Name)
			return false
		}
	}
	for _, event := range h.Events {
		if !slices.Contains(webhookEvents, event) {
			c.badRequest("unsupported event type %s", event)
			return false
		}
	}
	return true
}

var webhookEvents = []string{
	"PUSH_ARTIFACT", "PULL_ARTIFACT", "DELETE_ARTIFACT", "QUOTA_EXCEED", "QUOTA_WARNING",
	"SCANNING_FAILED", "SCANNING_STOPPED", "SCANNING_COMPLETED", "REPLICATION", "TAG_RETENTION",
}

func (s *Server) updateWebhook(c apiCall, p *project) {
	h := find(p.hooks, func(h *webhook) bool { return h.ID == c.id() })
	if h == nil {
		c.notFound("notification policy %d not found", c.id())
		return
	}
	var in webhook
	if !c.body(&in) || !in.sound(c) {
		return
	}
	in.ID = h.ID
	*h = in
	c.w.WriteHeader(http.StatusOK)
}

func (s *Server) deleteWebhook(c apiCall, p *project) {
	n := len(p.hooks)
	p.hooks = slices.DeleteFunc(p.hooks, func(h *webhook) bool { return h.ID == c.id() })
	if len(p.hooks) == n {
		c.notFound("notification policy %d not found", c.id())
		return
	}
	c.w.WriteHeader(http.StatusOK)
}

// tell delivers what has happened to an artifact. Of its tags only one is named,
// and nothing is told when a tag is added or removed through the API.
func (s *Server) tell(event, operator string, repo *repository, a *artifact, tag string) {
	kind := "private"
	if repo.project.metadata["public"] == "true" {
		kind = "public"
	}
	url := fmt.Sprintf("%s/%s@%s", s.Host, repo.full(), a.digest)
	if tag != "" {
		url = fmt.Sprintf("%s/%s:%s", s.Host, repo.full(), tag)
	}
	if tag == "" && event != "SCANNING_COMPLETED" {
		tag = a.digest // what has no tag is called by its digest
	}
	resource := object{"digest": a.digest, "tag": tag, "resource_url": url}
	if event == "SCANNING_COMPLETED" && a.scan != nil {
		resource["scan_overview"] = object{newReport: a.scan.overview()}
	}
	of := object{"name": repo.name, "namespace": repo.project.name, "repo_full_name": repo.full(), "repo_type": kind}
	if slices.Contains(repo.project.repos, repo) { // one that has gone has no date
		of["date_created"] = repo.created.Unix()
	}
	s.tellProject(event, operator, repo.project, object{"resources": []object{resource}, "repository": of})
}

// tellProject delivers to all policies of a project that want the event. It
// does not wait: the receiver may ask the fake.
func (s *Server) tellProject(event, operator string, p *project, data object) {
	text, err := json.Marshal(object{"type": event, "occur_at": time.Now().Unix(), "operator": operator, "event_data": data})
	if err != nil {
		misuse("%v", err)
	}
	for _, h := range p.hooks {
		if !h.Enabled || !slices.Contains(h.Events, event) {
			continue
		}
		for _, target := range h.Targets {
			s.deliveries.Go(func() { deliver(target, text) })
		}
	}
}

// deliver posts once. Harbor tries again; a test that wants that must say so.
func deliver(target webhookTarget, text []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target.Address, bytes.NewReader(text))
	if err != nil {
		return
	}
	r.Header.Set("Content-Type", "application/json")
	if target.AuthHeader != "" {
		r.Header.Set("Authorization", target.AuthHeader)
	}
	if resp, err := http.DefaultClient.Do(r); err == nil {
		resp.Body.Close()
	}
}
