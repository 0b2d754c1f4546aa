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

func (e *PolicyError) Error() string { return e.FaultText().String() }

// FaultText is what the rule says.
func (e *PolicyError) FaultText() fault.Text {
	s := map[harbor.Cause]fault.Text{
		harbor.Vulnerable:  fault.Say("it has known vulnerabilities"),
		harbor.NotScanned:  fault.Say("it has not been scanned for vulnerabilities"),
		harbor.ScanPending: fault.Say("it is being scanned for vulnerabilities"),
		harbor.ScanFailed:  fault.Say("its scan for vulnerabilities broke off"),
		harbor.NotSigned:   fault.Say("it is not signed"),
	}[e.Cause]
	switch {
	case e.Findings != nil && e.Cause == harbor.Vulnerable:
		return fault.Say("%s: %s", s, summaryOf(e.Findings))
	case e.Message != "":
		return fault.Say("%s (%s)", s, e.Message)
	}
	return s
}

// summaryOf counts findings, worst first, and names some.
func summaryOf(f *harbor.Findings) fault.Text {
	var counts []string
	for _, severity := range []string{"Critical", "High", "Medium", "Low", "Negligible", "Unknown"} {
		if n := f.BySeverity[severity]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, strings.ToLower(severity)))
		}
	}
	s := fault.Say("%s", strings.Join(counts, ", "))
	if len(counts) == 0 {
		s = fault.Say("%d in all", f.Total)
	}
	if f.Fixable > 0 {
		s = fault.Say("%s; %d can be mended by updates", s, f.Fixable)
	}
	if len(f.Top) > 0 {
		s = fault.Say("%s; among them %s", s, topOf(f))
	}
	if f.Gate != "" {
		s = fault.Say("%s; the project forbids %s and worse", s, strings.ToLower(f.Gate))
	}
	return s
}

// topOf names the worst findings.
func topOf(f *harbor.Findings) (top fault.Text) {
	for i, v := range f.Top {
		name := fault.Say("%s in %s", v.ID, v.Package)
		if v.FixVersion != "" {
			name = fault.Say("%s in %s (mended in %s)", v.ID, v.Package, v.FixVersion)
		}
		if i > 0 {
			name = fault.Say("%s, %s", top, name)
		}
		top = name
	}
	return top
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
		notYou            = "nothing is wrong with your password or your rights: try again in some minutes; if it stays so, tell the registry's administrator"
	)
	projects := a.base() + "/harbor/projects" // the web page
	switch d.Cause {
	case harbor.WrongPassword, harbor.RobotRefused:
		return refusedFault(host, user, why)
	case harbor.LoginLocked:
		return fault.Newf(down(why), fault.Say("wait a minute and try again; another program may be trying an old password of %s, which locks the account for moments", user),
			"%s does not let %s in at the moment", host, user)
	case harbor.DirectoryDown:
		return fault.Newf(down(why), notYou, "%s cannot check logins: its directory (LDAP) does not answer", host)
	case harbor.LoginNeeded:
		return fault.Newf(why, fault.Say("log in first: %s", loginHelp(host)), "%s wants a login for the project %s", host, project)
	case harbor.NotMember:
		return fault.Newf(why, rightAdvice(user, project, host), "%s may not have images of the project %s at %s", user, project, host)
	case harbor.NoProject:
		return fault.Newf(why, fault.Say("check the name of the project, %s; yours are listed at %s", project, projects).And("the whole name is REGISTRY/PROJECT/IMAGE:TAG"), "there is no project %s at %s", project, host)
	case harbor.NoRepository:
		return fault.Newf(why, fault.Say("check the name of the image; those of the project are listed at %s, under %s", projects, project).And("if it is yours, push it first"), "there is no image %s in the project %s at %s", strings.TrimPrefix(a.repository, project+"/"), project, host)
	case harbor.NoTag:
		return fault.Newf(why, tagsAdvice(d.Tags), "%s does not exist", ref)
	case harbor.BadName:
		return fault.Newf(why, "write the repository in lower case", "%s cannot exist", ref)
	case harbor.Lost:
		return fault.Newf(why, "push the image again, or tell the registry's administrator", "a part of %s is missing in the registry", ref)
	case harbor.Vulnerable, harbor.NotScanned, harbor.ScanPending, harbor.ScanFailed, harbor.NotSigned:
		return policyFault(a, &PolicyError{StatusCode: refusal.StatusCode, Cause: d.Cause, Findings: d.Vulnerabilities, Message: oneLine(d.Message)})
	case harbor.QuotaExceeded:
		return fault.Newf(why, fault.Say("delete images of the project that nobody needs, at %s, or ask the registry's administrator for more room", projects),
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
func rightAdvice(user, project, host string) fault.Text {
	if isRobot(user) {
		return fault.Say("a robot account is for its own project: take one of %s: jrun login -u 'robot$%s+NAME' %s/%s", project, project, host, project).
			And("if it is one, it lacks the right to pull: ask the project's owner")
	}
	return fault.Say("check the name of the project: %s", project).
		And("ask its owner to make %s a member (limited guest is enough); it holds from the next attempt on", user)
}

// tagsAdvice names tags that exist.
func tagsAdvice(tags []string) fault.Text {
	tags = slices.DeleteFunc(slices.Clone(tags), func(tag string) bool { return strings.HasPrefix(tag, "sha256-") }) // signatures
	if len(tags) == 0 {
		return fault.Say("check the name: registry/repository:tag")
	}
	if more := len(tags) - maxTagsShown; more > 0 {
		return fault.Say("take one of the tags that exist: %s and %d more", strings.Join(tags[more:], ", "), more)
	}
	return fault.Say("take one of the tags that exist: %s", strings.Join(tags, ", "))
}

// policyFault says what can be done about an image that a rule of its project
// forbids.
func policyFault(a *asking, e *PolicyError) error {
	project := placeOf(a.ref).Project
	scan := fault.Say("ask the owner of the project %s to scan it: the image's page at %s/harbor/projects has a button for it", project, a.base())
	next := map[harbor.Cause]fault.Text{
		harbor.Vulnerable: fault.Say("build the image again on an updated base, and push it").
			And("or ask the owner of the project %s to allow these findings (its CVE allowlist)", project),
		harbor.NotScanned:  scan,
		harbor.ScanPending: fault.Say("wait some minutes and try again"),
		harbor.ScanFailed:  scan,
		harbor.NotSigned:   fault.Say("if it is yours, sign it: cosign sign %s", a.ref).And("or use an image that is signed"),
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
