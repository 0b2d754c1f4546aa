package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// Explain says what happened, why, and what to do: of a *RefusalError, and of errors of
// the network. What is a message.Error already, and what ends because ctx has, is
// returned as it is. It asks a Harbor up to a few times.
func (r *Registry) Explain(ctx context.Context, s Subject, err error) error {
	var told *message.Error
	if err == nil || errors.As(err, &told) || ctx.Err() != nil {
		return err
	}
	var refused *RefusalError
	if !errors.As(err, &refused) {
		return r.network(err)
	}
	d := r.Diagnose(ctx, s, refused)
	e := &explanation{r: r, s: s, d: d, why: refused}
	for _, words := range []func() *message.Error{e.login, e.push, e.ill} {
		if told := words(); told != nil {
			return &explained{told, refused}
		}
	}
	return &explained{e.byStatus(refused), refused}
}

// explained is what a person is told, with the refusal that a program decides by.
type explained struct {
	told    *message.Error
	refused *RefusalError
}

func (e *explained) Error() string { return e.told.Error() }

func (e *explained) Unwrap() []error { return []error{e.told, e.refused} }

// explanation is a refusal on its way to words.
type explanation struct {
	r   *Registry
	s   Subject
	d   harbor.Diagnosis
	why error
}

func (e *explanation) host() string { return e.r.Host() }

// login is about who asks, and for what.
func (e *explanation) login() *message.Error {
	user, project := e.r.User(), e.s.Project()
	again := message.Of("registry.login-again", e.host())
	switch e.d.Cause {
	case harbor.WrongPassword:
		return message.Fail(message.Of("registry.wrong-password", e.host(), user), nil, again)
	case harbor.RobotRefused:
		return message.Fail(message.Of("registry.robot", e.host(), user), nil, message.Of("registry.robot.next", project))
	case harbor.LoginLocked:
		return message.Fail(message.Of("registry.locked", user), nil, message.Of("registry.locked.next"))
	case harbor.LoginNeeded:
		return message.Fail(message.Of("registry.login-needed", e.host()), nil, message.Of("registry.login", e.host()))
	case harbor.DirectoryDown:
		return message.Fail(message.Of("registry.directory-down", e.host()), nil, message.Of("registry.later"), message.Of("registry.tell"))
	case harbor.NotMember:
		if e.s.push() {
			return message.Fail(message.Of("registry.may-not-push", user, project), nil, message.Of("registry.may-not-push.next", project), message.Of("registry.other-project"))
		}
		return message.Fail(message.Of("registry.not-member", user, project), nil, message.Of("registry.not-member.next", project))
	case harbor.NoProject:
		return message.Fail(message.Of("registry.no-project", e.host(), project), nil, message.Of("registry.no-project.next"))
	case harbor.BadName:
		return message.Fail(message.Of("registry.bad-name", e.s.Repository), nil, message.Of("registry.bad-name.next"))
	case harbor.NoRepository, harbor.NoTag:
		if !e.s.push() {
			return message.Fail(message.Of("registry.missing", e.s.String(), e.host()), nil, message.Of("registry.missing.next"))
		}
	}
	return nil
}

// push is about what a Harbor does not take.
func (e *explanation) push() *message.Error {
	switch e.d.Cause {
	case harbor.QuotaExceeded:
		what := message.Of("registry.quota", e.s.Project())
		if e.d.Quota != nil && e.d.Quota.Left() >= 0 {
			what = message.Of("registry.quota-left", e.s.Project(), message.Bytes(e.d.Quota.Left()))
		}
		return message.Fail(what, nil, message.Of("registry.quota.next"), message.Of("registry.quota.more", e.s.Project()))
	case harbor.ReadOnly:
		return message.Fail(message.Of("registry.read-only", e.host()), nil, message.Of("registry.read-only.next"))
	case harbor.ImmutableTag:
		return message.Fail(message.Of("registry.immutable", e.s.String()), nil, message.Of("registry.immutable.next"))
	case harbor.Vulnerable, harbor.NotScanned, harbor.ScanPending, harbor.ScanFailed, harbor.NotSigned:
		return message.Fail(message.Of("registry.gate", e.s.Project(), e.s.String()), e.why, message.Of("registry.gate.next"))
	}
	return nil
}

// ill is about a registry that does not work.
func (e *explanation) ill() *message.Error {
	var what message.Text
	switch e.d.Cause {
	case harbor.CoreDown:
		what = message.Of("registry.core-down", e.host())
	case harbor.BackendDown:
		what = message.Of("registry.backend-down", e.host())
	case harbor.DatabaseDown:
		what = message.Of("registry.database-down", e.host())
	case harbor.RedisDown:
		what = message.Of("registry.slow", e.host())
	case harbor.TooMany:
		return message.Fail(message.Of("registry.too-many", e.host()), nil, message.Of("registry.too-many.next"))
	case harbor.Passing:
		return message.Fail(message.Of("registry.passing", e.host()), e.why, message.Of("registry.again"))
	case harbor.Lost:
		return message.Fail(message.Of("registry.lost", e.s.String(), e.host()), nil, message.Of("registry.tell"))
	default:
		return nil
	}
	return message.Fail(what, nil, message.Of("registry.later"), message.Of("registry.tell"))
}

// byStatus is for registries that are no Harbor, and for what cannot be found out.
func (e *explanation) byStatus(refused *RefusalError) *message.Error {
	user, name := e.r.User(), e.s.String()
	switch status := refused.Status; {
	case status == http.StatusUnauthorized && user == "":
		return message.Fail(message.Of("registry.login-needed", e.host()), e.why, message.Of("registry.login", e.host()))
	case status == http.StatusUnauthorized:
		return message.Fail(message.Of("registry.unauthorized", e.host(), user, name), e.why, message.Of("registry.login-again", e.host()), message.Of("registry.unauthorized.next"))
	case status == http.StatusForbidden:
		return message.Fail(message.Of("registry.forbidden", e.host(), name), e.why, message.Of("registry.forbidden.next"))
	case status == http.StatusNotFound && !e.s.push():
		return message.Fail(message.Of("registry.missing", name, e.host()), e.why, message.Of("registry.missing.next"))
	case status == http.StatusTooManyRequests:
		return message.Fail(message.Of("registry.too-many", e.host()), e.why, message.Of("registry.too-many.next"))
	case status == http.StatusRequestEntityTooLarge:
		return message.Fail(message.Of("registry.too-large", e.host()), e.why, message.Of("registry.tell"))
	case status == http.StatusInsufficientStorage:
		return message.Fail(message.Of("registry.full", e.host()), e.why, message.Of("registry.tell"))
	case status >= http.StatusInternalServerError:
		return message.Fail(message.Of("registry.ill", e.host()), e.why, message.Of("registry.later"), message.Of("registry.tell"))
	}
	return message.Fail(message.Of("registry.refused", e.host(), name), e.why, message.Of("registry.tell"))
}

// network explains what went wrong below HTTP.
func (r *Registry) network(err error) error {
	host := r.Host()
	var dns *net.DNSError
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var header tls.RecordHeaderError
	switch {
	case errors.Is(err, errUnsafe):
		return message.Fail(message.Of("registry.unsafe", host), err, message.Of("registry.tell"))
	case errors.Is(err, ErrStalled):
		return message.Fail(message.Of("registry.stalled", host), err, message.Of("registry.again"), message.Of("registry.network"))
	case errors.As(err, &dns):
		return message.Fail(message.Of("registry.unknown-host", host), err, message.Of("registry.unknown-host.next", dns.Name), message.Of("registry.network"))
	case errors.As(err, &verification), errors.As(err, &authority):
		return message.Fail(message.Of("registry.certificate", host), err, message.Of("registry.certificate.next", host))
	case errors.As(err, &header), errors.Is(err, http.ErrSchemeMismatch):
		return message.Fail(message.Of("registry.no-tls", host), err, message.Of("registry.no-tls.next"))
	case errors.Is(err, syscall.ECONNREFUSED):
		return message.Fail(message.Of("registry.nobody", host), err, message.Of("registry.nobody.next"), message.Of("registry.later"))
	case Passing(err):
		return message.Fail(message.Of("registry.broken", host), err, message.Of("registry.again"), message.Of("registry.network"))
	}
	return err
}

// Scope is the right to do actions (pull, push) in a repository.
func Scope(repository string, actions ...string) string {
	return "repository:" + repository + ":" + strings.Join(actions, ",")
}
