package image

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"go.podman.io/image/v5/docker/reference"
)

// diagnoseTimeout bounds the questions that only make a message better. A pause
// of two seconds is part of some.
const diagnoseTimeout = 20 * time.Second

// PolicyError says which rule of a registry forbids an image.
type PolicyError struct {
	StatusCode int          // of the answer: 412
	Cause      harbor.Cause // Vulnerable, NotScanned, ScanPending, ScanFailed or NotSigned
	Findings   *harbor.Findings
	Message    string // the registry's own
}

func (e *PolicyError) Error() string {
	s := map[harbor.Cause]string{
		harbor.Vulnerable:  "it has known vulnerabilities",
		harbor.NotScanned:  "it has not been scanned for vulnerabilities",
		harbor.ScanPending: "it is being scanned for vulnerabilities",
		harbor.ScanFailed:  "its scan for vulnerabilities broke off",
		harbor.NotSigned:   "it is not signed",
	}[e.Cause]
	if e.Findings != nil && e.Cause == harbor.Vulnerable {
		return s + ": " + summaryOf(e.Findings)
	}
	if e.Message != "" {
		s += " (" + e.Message + ")"
	}
	return s
}

// summaryOf counts findings, worst first, and names some.
func summaryOf(f *harbor.Findings) string {
	var counts []string
	for _, severity := range []string{"Critical", "High", "Medium", "Low", "Negligible", "Unknown"} {
		if n := f.BySeverity[severity]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, strings.ToLower(severity)))
		}
	}
	s := strings.Join(counts, ", ")
	if s == "" {
		s = fmt.Sprintf("%d in all", f.Total)
	}
	if f.Fixable > 0 {
		s += fmt.Sprintf("; %d can be mended by updates", f.Fixable)
	}
	var top []string
	for _, v := range f.Top {
		name := v.ID + " in " + v.Package
		if v.FixVersion != "" {
			name += " (mended in " + v.FixVersion + ")"
		}
		top = append(top, name)
	}
	if len(top) > 0 {
		s += "; among them " + strings.Join(top, ", ")
	}
	if f.Gate != "" {
		s += "; the project forbids " + strings.ToLower(f.Gate) + " and worse"
	}
	return s
}

// diagnose asks Harbor why it refused. ok is false for other registries, and when
// it could not be found out.
func (c *Client) diagnose(ctx context.Context, a *asking, refusal *RefusalError) (d harbor.Diagnosis, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, diagnoseTimeout)
	defer cancel()
	project, repository, nested := strings.Cut(a.repository, "/")
	if !nested {
		return d, false // Harbor's repositories have a project
	}
	client, err := a.harbor()
	if err != nil {
		return d, false
	}
	q := harbor.Question{
		Client: client, Project: project, Repository: repository, Reference: a.name, Method: http.MethodHead,
		Status: refusal.StatusCode, Header: refusal.Header, Body: refusal.Body, Timing: c.opts.harborTiming,
	}
	if a.token == "" {
		q.Took = refusal.Took
	}
	d = harbor.Diagnose(ctx, q)
	return d, d.Cause != harbor.NotHarbor && d.Cause != harbor.Unknown
}

// harbor is a client of the API of the Harbor that a asks.
func (a *asking) harbor() (*harbor.Client, error) {
	base, err := url.Parse(a.base())
	if err != nil {
		return nil, fmt.Errorf("naming the API of %s: %w", a.host, err)
	}
	return harbor.New(harbor.Options{Base: base, HTTP: a.client, User: a.auth.Username, Password: a.auth.Password, UserAgent: a.userAgent}), nil
}

// diagnosisFault tells a person what Diagnose found out. It is nil for causes that
// are no concern of somebody who runs an image.
func (c *Client) diagnosisFault(a *asking, d harbor.Diagnosis, refusal *RefusalError) error {
	host, user := a.host, a.auth.Username
	ref := a.ref
	project := firstPart(reference.Path(ref.name))
	why := error(refusal)
	if d.Message != "" && messageIn(refusal.Body) == "" {
		why = &StatusError{Status: refusal.StatusCode, Message: oneLine(d.Message), Cause: refusal}
	}
	const (
		tellAdministrator = "try again in some minutes; if it stays so, tell the registry's administrator"
		notYou            = "nothing is wrong with your password or your rights: " + tellAdministrator
	)
	projects := a.base() + "/harbor/projects" // the web page
	switch d.Cause {
	case harbor.WrongPassword, harbor.RobotRefused:
		return refusedFault(host, user, why)
	case harbor.LoginLocked:
		return fault.Newf(down(why), "wait a minute and try again; another program may be trying an old password of "+user+", which locks the account for moments",
			"%s does not let %s in at the moment", host, user)
	case harbor.DirectoryDown:
		return fault.Newf(down(why), notYou, "%s cannot check logins: its directory (LDAP) does not answer", host)
	case harbor.LoginNeeded:
		return fault.Newf(why, "log in first: "+loginHelp(host), "%s wants a login for the project %s", host, project)
	case harbor.NotMember:
		return fault.Newf(why, rightAdvice(user, project, host), "%s may not have images of the project %s at %s", user, project, host)
	case harbor.NoProject:
		return fault.Newf(why, "check the name of the project, "+project+"; yours are listed at "+projects+"\n"+
			"the whole name is REGISTRY/PROJECT/IMAGE:TAG", "there is no project %s at %s", project, host)
	case harbor.NoRepository:
		return fault.Newf(why, "check the name of the image; those of the project are listed at "+projects+", under "+project+"\n"+
			"if it is yours, push it first", "there is no image %s in the project %s at %s", strings.TrimPrefix(a.repository, project+"/"), project, host)
	case harbor.NoTag:
		return fault.Newf(why, tagsAdvice(d.Tags), "%s does not exist", ref)
	case harbor.BadName:
		return fault.Newf(why, "write the repository in lower case", "%s cannot exist", ref)
	case harbor.Lost:
		return fault.Newf(why, "push the image again, or tell the registry's administrator", "a part of %s is missing in the registry", ref)
	case harbor.Vulnerable, harbor.NotScanned, harbor.ScanPending, harbor.ScanFailed, harbor.NotSigned:
		return policyFault(a, &PolicyError{StatusCode: refusal.StatusCode, Cause: d.Cause, Findings: d.Vulnerabilities, Message: oneLine(d.Message)})
	case harbor.QuotaExceeded:
		return fault.Newf(why, "delete images of the project that nobody needs, at "+projects+", or ask the registry's administrator for more room",
			"the project %s at %s has no room left", project, host)
	case harbor.ReadOnly:
		return fault.Newf(down(why), notYou, "%s is read-only at the moment", host)
	case harbor.BackendDown:
		return fault.Newf(down(why), tellAdministrator, "%s cannot reach its storage of images", host)
	case harbor.CoreDown:
		return fault.Newf(down(why), tellAdministrator, "the registry %s is not working", host)
	case harbor.RedisDown:
		return fault.Newf(down(why), notYou, "%s is not working: it cannot reach its Redis", host)
	case harbor.DatabaseDown:
		// Harbor's words are the database driver's, with addresses and account names.
		return fault.Newf(down(&StatusError{Status: refusal.StatusCode, Cause: refusal}), notYou, "%s cannot check logins: its database does not answer", host)
	}
	return nil
}

// rightAdvice is for an account without a right to a project. A robot account
// cannot be given one: it belongs to its project.
func rightAdvice(user, project, host string) string {
	if isRobot(user) {
		return "a robot account is for its own project: take one of " + project + ": jrun login -u 'robot$" + project + "+NAME' " + host + "/" + project + "\n" +
			"if it is one, it lacks the right to pull: ask the project's owner"
	}
	return "check the name of the project: " + project + "\n" +
		"ask its owner to make " + user + " a member (limited guest is enough); it holds from the next attempt on"
}

// tagsAdvice names tags that exist.
func tagsAdvice(tags []string) string {
	tags = slices.DeleteFunc(slices.Clone(tags), func(tag string) bool { return strings.HasPrefix(tag, "sha256-") }) // signatures
	if len(tags) == 0 {
		return "check the name: registry/repository:tag"
	}
	more := ""
	if len(tags) > maxTagsShown {
		more = fmt.Sprintf(" and %d more", len(tags)-maxTagsShown)
		tags = tags[len(tags)-maxTagsShown:]
	}
	return "take one of the tags that exist: " + strings.Join(tags, ", ") + more
}

// policyFault says what can be done about an image that a rule of its project
// forbids.
func policyFault(a *asking, e *PolicyError) error {
	project := placeOf(a.ref).Project
	scan := "ask the owner of the project " + project + " to scan it: the image's page at " + a.base() + "/harbor/projects has a button for it"
	next := map[harbor.Cause]string{
		harbor.Vulnerable:  "build the image again on an updated base, and push it\nor ask the owner of the project " + project + " to allow these findings (its CVE allowlist)",
		harbor.NotScanned:  scan,
		harbor.ScanPending: "wait some minutes and try again",
		harbor.ScanFailed:  scan,
		harbor.NotSigned:   "if it is yours, sign it: cosign sign " + a.ref.String() + "\nor use an image that is signed",
	}[e.Cause]
	return fault.Newf(e, next, "the project %s forbids the use of %s", project, a.ref)
}

// severities in Harbor's words, from harmless to bad.
var severityOrder = []string{"None", "Unknown", "Negligible", "Low", "Medium", "High", "Critical"}

// severityRank is the place of a severity in the order; what is not in it is as
// bad as can be.
func severityRank(severity string) int {
	i := slices.IndexFunc(severityOrder, func(s string) bool { return strings.EqualFold(s, severity) })
	if i < 0 {
		return len(severityOrder)
	}
	return i
}
