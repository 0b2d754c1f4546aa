package fakeharbor

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Scan is the state of an artifact's scan.
type Scan struct {
	Status          string // Success if empty; Pending, Running, Error, …
	Vulnerabilities []Vulnerability
	Ended           time.Time // now if zero
}

// Vulnerability is a finding.
type Vulnerability struct {
	ID, Package, Version, FixVersion string
	Severity                         string // Critical, High, Medium, Low, …
}

// severities from the least up, as Harbor orders them.
var severities = []string{"None", "Unknown", "Negligible", "Low", "Medium", "High", "Critical"}

func severity(name string) int {
	return slices.IndexFunc(severities, func(s string) bool { return strings.EqualFold(s, name) })
}

func (s *Scan) worst() string {
	worst := "None"
	for _, v := range s.Vulnerabilities {
		if severity(v.Severity) > severity(worst) {
			worst = v.Severity
		}
	}
	return worst
}

// gated answers 412 when the project's rules keep a from being pulled: content
// trust first, then vulnerabilities, as in Harbor.
func (s *Server) gated(q question, repo *repository, a *artifact) bool {
	if a.subject != "" {
		return false // a signature must be had to be checked
	}
	message := trustGate(repo, a)
	if message == "" {
		message = scanGate(repo, a)
	}
	if message == "" {
		return false
	}
	refuse(q.w, http.StatusPreconditionFailed, "PROJECTPOLICYVIOLATION", message)
	return true
}

func trustGate(repo *repository, a *artifact) string {
	for rule, kind := range map[string]string{"enable_content_trust_cosign": cosignSignature, "enable_content_trust": notationSignature} {
		signed := slices.ContainsFunc(repo.accessories(a), func(acc *artifact) bool { return acc.accessory == kind })
		if repo.project.metadata[rule] == "true" && !signed {
			return "The image is not signed by " + strings.TrimPrefix(kind, "signature.") + "."
		}
	}
	return ""
}

// scanGate lets pass what cannot be scanned, and stops what has not been.
func scanGate(repo *repository, a *artifact) string {
	p := repo.project
	if p.metadata["prevent_vul"] != "true" || a.scan == nil && !p.scanner {
		return ""
	}
	limit := severities[max(0, severity(p.metadata["severity"]))]
	policy := fmt.Sprintf(`cannot be pulled due to configured policy in 'Prevent images with vulnerability severity of "%s" or higher from running.' `, limit)
	const ask = "To continue with pull, please contact your project administrator for help."
	switch {
	case a.scan == nil:
		return "current image without vulnerability scanning " + policy + ask
	case strings.HasSuffix(a.mediaType, "index.v1+json"), strings.HasSuffix(a.mediaType, "manifest.list.v2+json"):
		return ""
	case a.scan.Status != "Success":
		return fmt.Sprintf(`current image with "%s" status of vulnerability scanning `, a.scan.Status) + policy + ask
	case len(a.scan.Vulnerabilities) > 0 && severity(a.scan.worst()) >= severity(limit):
		n, thing := len(a.scan.Vulnerabilities), "vulnerabilities"
		if n == 1 {
			thing = "vulnerability"
		}
		return fmt.Sprintf("current image with %d %s ", n, thing) + policy +
			"To continue with pull, please contact your project administrator to exempt matched vulnerabilities through configuring the CVE allowlist."
	}
	return ""
}
