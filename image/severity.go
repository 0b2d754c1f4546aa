package image

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/store"
)

// Action is what is done about an image that a rule of this site is against.
type Action string

// The actions, from lax to strict.
const (
	Allow Action = "allow"
	Warn  Action = "warn"
	Deny  Action = "deny"
)

// SeverityGate is this site's own rule about vulnerabilities, for projects that
// have none. Harbor's report on the image is read for it, once in an hour.
type SeverityGate struct {
	Max        string // the worst severity that may run: none, low, medium, high, critical; empty: no rule
	Action     Action // about an image that has a worse one
	NotScanned Action // about an image without a report, or whose report this user may not see
}

// severityNote remembers what was found out about a digest.
const (
	severityNote  = "severity"
	severityGrace = time.Hour
)

// scanResult is what a report says, or why there is none.
type scanResult struct {
	Worst    string           `json:"worst,omitempty"`
	Findings *harbor.Findings `json:"findings,omitempty"`
	Missing  fault.Text       `json:"missing,omitempty"`
	Job      string           `json:"job,omitempty"` // it holds for this job only, as it may be otherwise for the next

	unanswered bool // it could not be asked
}

// holds reports whether a note that is so old spares the request.
func (s scanResult) holds(age time.Duration, job string) bool {
	return age >= 0 && age <= severityGrace && s.Job == "" || s.Job != "" && s.Job == job
}

// scanFor is what is known about the scan of a registry's image: from a note, or
// from Harbor. A report that is older than it should be holds as long as there is
// nobody to ask.
func (c *Client) scanFor(ctx context.Context, st *store.Store, r Resolved) scanResult {
	name := r.Reference.name.Name() + "@" + r.Digest.String()
	var noted scanResult
	age, err := st.Note(severityNote, name, &noted)
	if err == nil && noted.holds(age, c.opts.Job) {
		return noted
	}
	result := c.scanOf(ctx, r)
	if ctx.Err() != nil {
		return result
	}
	switch old := err == nil && len(noted.Missing) == 0; {
	case len(result.Missing) == 0:
		_ = st.SetNote(severityNote, name, result)
		return result
	case old && (result.unanswered || r.How == FromOffline):
		result = noted
	}
	if result.Job = c.opts.Job; result.Job != "" {
		_ = st.SetNote(severityNote, name, result)
	}
	return result
}

// checkSeverity applies Options.Severity to a registry's image.
func (c *Client) checkSeverity(ctx context.Context, st *store.Store, r Resolved) error {
	gate := c.opts.Severity
	if gate.Max == "" {
		return nil
	}
	result := c.scanFor(ctx, st, r)
	if ctx.Err() != nil {
		return fmt.Errorf("reading the report on %s: %w", r.Reference, context.Cause(ctx))
	}
	switch {
	case len(result.Missing) > 0:
		return c.act(gate.NotScanned, r, fault.Because("%v", result.Missing), fault.Say("ask the owner of the project %s to scan it: the image's page in the registry has a button for it", placeOf(r.Reference).Project))
	case severityRank(result.Worst) > severityRank(gate.Max):
		why := fault.Because("it has known vulnerabilities of the severity %s; this site allows %s at most (max_severity)", strings.ToLower(result.Worst), gate.Max)
		if result.Findings != nil {
			why = fault.Because("%w: %s", why, summaryOf(result.Findings))
		}
		return c.act(gate.Action, r, why, fault.Say("build the image again on an updated base, and push it"))
	}
	return nil
}

// act does what the site wants done; no action is the strict one. One process of a
// job warns.
func (c *Client) act(action Action, r Resolved, why error, next fault.Text) error {
	switch action {
	case Allow:
		return nil
	case Warn:
		if r.How != FromJob {
			c.opts.Warn(fault.Say("%s: %v", r.Reference, why))
		}
		return nil
	}
	return fault.Newf(why, next, "a rule of this site forbids the use of %s", r.Reference)
}

// scanOf reads Harbor's report on an image.
func (c *Client) scanOf(ctx context.Context, r Resolved) scanResult {
	missing := func(format string, args ...any) scanResult {
		return scanResult{Missing: fault.Say("it is not known whether it has vulnerabilities: %s", fault.Say(format, args...))}
	}
	ctx, cancel := context.WithTimeout(ctx, diagnoseTimeout)
	defer cancel()
	sys, err := c.systemFor(r.Reference.name)
	if err != nil {
		return missing("%v", err)
	}
	a, err := c.newAsking(r.Reference, sys)
	if err != nil {
		return missing("%v", err)
	}
	project, repository, ok := strings.Cut(a.repository, "/")
	if !ok {
		return missing("%s is not a Harbor registry", a.host)
	}
	unanswered := func(err error) scanResult {
		result := missing("%v", err)
		result.unanswered = true
		return result
	}
	client, err := a.harborAnywhere(ctx)
	if err != nil {
		return unanswered(err)
	}
	artifact, err := client.Artifact(ctx, project, repository, r.Digest.String())
	switch status := harbor.Status(err); {
	case status == http.StatusForbidden, status == http.StatusUnauthorized:
		return missing("%s may not see its report (a robot account needs the right to read artifacts)", a.auth.Username)
	case status == http.StatusNotFound:
		return missing("%s has no report on it", a.host)
	case err != nil:
		return unanswered(err)
	}
	scan := artifact.Scan()
	if scan == nil || scan.Status != harbor.ScanStatusSuccess {
		return missing("it has not been scanned")
	}
	return scanResult{Worst: scan.Severity, Findings: &harbor.Findings{
		Worst: scan.Severity, Total: scan.Counts.Total, Fixable: scan.Counts.Fixable, BySeverity: scan.Counts.BySeverity, Scanned: scan.Ended,
	}}
}

// harborAnywhere is the API's client before anything has been asked: where plain
// http is allowed, which it is must be found out.
func (a *asking) harborAnywhere(ctx context.Context) (*harbor.Client, error) {
	if a.plain {
		response, err := a.do(ctx, http.MethodGet, "/api/v2.0/ping", http.Header{"User-Agent": {a.userAgent}})
		if err != nil {
			return nil, err
		}
		response.Body.Close()
	}
	return a.harbor()
}
