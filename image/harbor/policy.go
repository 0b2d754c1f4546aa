package harbor

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Findings is what a scan found, for people.
type Findings struct {
	Gate       string         // the project forbids this severity and those above; empty if it may not be seen
	Worst      string         // severity
	Total      int            // findings
	Fixable    int            // of these
	BySeverity map[string]int // findings by severity: Critical, High, …
	Scanned    time.Time      // the end of the scan; zero if it may not be seen
	// Top are some of the worst, those with a fix first.
	Top []Vulnerability
}

// maxTop is how many findings are named.
const maxTop = 5

// Codes of a 412.
const (
	codePrecondition = "PRECONDITION"           // immutable tag
	codePolicy       = "PROJECTPOLICYVIOLATION" // content trust and vulnerabilities
)

// Harbor's words when a gate is closed. Pull-only robots may ask nothing else.
// (middleware/vulnerable/vulnerable.go, middleware/contenttrust/contentrust.go;
// compared: the same in 2.10.0, 2.15.0 and 2.15.2.)
const (
	saysNotSigned  = "The image is not signed by "
	saysNotScanned = "current image without vulnerability scanning cannot be pulled"
	saysStatus     = `current image with "` // the scan's status follows
	saysVulnerable = "current image with "  // a number follows
)

// policy explains a 412.
func (d *detective) policy(ctx context.Context) Cause {
	if d.q.Body == nil && d.reading() {
		got, err := d.manifest(ctx)
		switch {
		case err != nil:
			return d.stuck(err)
		case got.status < http.StatusMultipleChoices:
			return Passing // the scan has ended meanwhile
		case got.status != http.StatusPreconditionFailed:
			return Unknown
		}
	}
	if d.found.Code == codePrecondition {
		return ImmutableTag
	}
	cause := gate(d.found.Message)
	if cause == NotSigned {
		return cause
	}
	artifact, err := d.artifact(ctx)
	if err == nil {
		d.found.Vulnerabilities = findings(artifact.Scan())
		if project, err := d.project(ctx); err == nil {
			if cause == Unknown && d.found.Code == codePolicy {
				cause = rule(project.Metadata, artifact)
			}
			if d.found.Vulnerabilities != nil {
				d.found.Vulnerabilities.Gate = oneLine(project.Metadata.Severity)
			}
		}
	}
	if Status(err) != http.StatusForbidden {
		d.found.Err = err
	}
	if cause == Vulnerable && d.found.Vulnerabilities != nil {
		d.found.Vulnerabilities.Top = d.top(ctx, artifact)
	}
	return cause
}

// gate reads which gate is closed from Harbor's words; Unknown if these are
// new.
func gate(message string) Cause {
	if strings.HasPrefix(message, saysNotSigned) {
		return NotSigned
	}
	if strings.HasPrefix(message, saysNotScanned) {
		return NotScanned
	}
	if rest, ok := strings.CutPrefix(message, saysStatus); ok {
		status, _, _ := strings.Cut(rest, `"`)
		return unfinished(status)
	}
	if rest, ok := strings.CutPrefix(message, saysVulnerable); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
		return Vulnerable
	}
	return Unknown
}

// unfinished is the cause for a scan that has not succeeded.
func unfinished(status string) Cause {
	if status == ScanStatusError || status == ScanStatusStopped {
		return ScanFailed
	}
	return ScanPending
}

// rule decides as Harbor does, and in its order, from the project's rules.
func rule(m Metadata, a Artifact) Cause {
	const yes = "true"
	scan := a.Scan()
	switch {
	case m.ContentTrustCosign == yes && !a.Signed(CosignSignature), m.ContentTrust == yes && !a.Signed(NotationSignature):
		return NotSigned
	case m.PreventVulnerable != yes:
		return Unknown
	case scan == nil:
		return NotScanned
	case scan.Status != ScanStatusSuccess:
		return unfinished(scan.Status)
	}
	return Vulnerable
}

// findings is nil when there has been no scan.
func findings(s *ScanOverview) *Findings {
	if s == nil {
		return nil
	}
	f := &Findings{
		Worst: oneLine(s.Severity), Total: s.Counts.Total, Fixable: s.Counts.Fixable,
		BySeverity: map[string]int{}, Scanned: s.Ended,
	}
	for severity, n := range s.Counts.BySeverity {
		f.BySeverity[oneLine(severity)] = n
	}
	return f
}

// severities from the worst down.
var severities = []string{"Critical", "High", "Medium", "Low", "Negligible", "Unknown", "None"}

// top are the worst findings, each once.
func (d *detective) top(ctx context.Context, a Artifact) []Vulnerability {
	if d.left == 0 {
		return nil
	}
	report, err := d.hasty().Vulnerabilities(ctx, d.q.Project, d.q.Repository, a.Digest.String())
	if err != nil {
		d.found.Err = err
		return nil
	}
	return worst(report.Vulnerabilities)
}

func worst(all []Vulnerability) []Vulnerability {
	rank := func(v Vulnerability) int {
		r := 2 * slices.Index(severities, v.Severity)
		if r < 0 {
			r = 2 * len(severities)
		}
		if v.FixVersion == "" {
			r++
		}
		return r
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Vulnerability) int { return rank(a) - rank(b) })
	var top []Vulnerability
	for _, v := range all {
		if len(top) == maxTop {
			break
		}
		if !slices.ContainsFunc(top, func(t Vulnerability) bool { return t.ID == v.ID }) {
			top = append(top, printableFinding(v))
		}
	}
	return top
}

// printableFinding is v for a terminal: reports come from a scanner's database.
func printableFinding(v Vulnerability) Vulnerability {
	return Vulnerability{
		ID: oneLine(v.ID), Package: oneLine(v.Package), Version: oneLine(v.Version),
		FixVersion: oneLine(v.FixVersion), Severity: oneLine(v.Severity),
	}
}

// artifact and project ask the API, which after a 401 would be too much.
func (d *detective) artifact(ctx context.Context) (Artifact, error) {
	if d.left >= 0 {
		return Artifact{}, errSpent
	}
	return d.hasty().Artifact(ctx, d.q.Project, d.q.Repository, d.q.Reference)
}

func (d *detective) project(ctx context.Context) (Project, error) {
	return d.hasty().Project(ctx, d.q.Project)
}

// hasty is the client without its patience: details are worth no pauses.
func (d *detective) hasty() *Client {
	c := *d.q.Client
	c.total = -1
	return &c
}
