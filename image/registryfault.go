package image

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"reflect"
	"syscall"
	"time"

	"github.com/docker/distribution/registry/api/errcode"
	v2 "github.com/docker/distribution/registry/api/v2"
	"github.com/jrun-hpc/jrun/fault"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
)

// registryFault explains why an image could not be had from its registry. ref
// has its registry.
func (c *Client) registryFault(ctx context.Context, ref Reference, err error) error {
	if err := cancelled(ctx, ref); err != nil {
		return err
	}
	if explained := explain(ref, err); isFault(explained) {
		return explained
	}
	if f := networkFault(ref.Host(), err); f != nil {
		return f
	}
	host := ref.Host()
	var credentials docker.ErrUnauthorizedForCredentials
	switch status := httpStatus(err); {
	case errors.As(err, &credentials):
		return c.loginFault(ref, err)
	case status == http.StatusUnauthorized:
		return c.unauthorizedFault(ref, err)
	case status == http.StatusForbidden:
		return fault.Newf(c.answered(ctx, ref, err), fault.Say("ask the owner of %s for the right to pull", reference.Path(ref.name)),
			"%s does not let you have %s", host, ref)
	case status == http.StatusNotFound && isBlob(err):
		return fault.Newf(err, "push the image again, or tell the registry's administrator", "a part of %s is missing in the registry", ref)
	case status == http.StatusNotFound:
		return c.notFoundFault(ctx, ref, err)
	case status == http.StatusPreconditionFailed:
		return fault.Newf(c.answered(ctx, ref, err), "look at the image's page in the registry, or ask its administrator",
			"a rule of %s forbids the use of %s", host, ref)
	case status == http.StatusTooManyRequests:
		return fault.Newf(down(&StatusError{Status: status, Cause: err}), fault.Say("wait some minutes and try again; a login often raises the limit: %s", loginHelp(host)),
			"%s has had too many requests", host)
	case status >= http.StatusInternalServerError:
		return fault.Newf(down(&StatusError{Status: status, Cause: err}), "try again in a minute; if it stays so, tell the registry's administrator",
			"the registry %s is not working", host)
	}
	return fault.Newf(err, fault.Say("see the requests: jrun --verbose pull %s", ref), "%s could not be had from %s", ref, host)
}

// down marks what is said of a registry that did not answer the question.
func down(err error) error { return &UnreachableError{Cause: err} }

// isBlob reports whether err is about a layer or config, not the manifest.
func isBlob(err error) bool {
	var layer *LayerError
	var said errcode.Error
	return errors.As(err, &layer) || errors.As(err, &said) && said.Code == v2.ErrorCodeBlobUnknown
}

// networkFault explains failures below HTTP; nil when it is none.
func networkFault(host string, err error) error {
	var dns *net.DNSError
	var verification *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	var timeout net.Error
	switch {
	case errors.Is(err, errLeavesLoopback):
		return fault.Newf(err, "name the registry by its own host name, or trust the network: --tls-verify=false",
			"%s refers to another host", host)
	case errors.Is(err, ErrStalled):
		return fault.Newf(down(err), "try again; if it stays so, tell the registry's administrator", "%s has stopped sending", host)
	case errors.As(err, &dns):
		return fault.Newf(down(err), fault.Say("check the spelling of %s, and that this machine has a network: getent hosts %s", dns.Name, dns.Name),
			"the registry %s is not known", host)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault.Newf(down(err), "check the host and port in the name; if they are right, tell the registry's administrator", "nothing answers at %s", host)
	case errors.As(err, &verification), errors.As(err, &authority):
		return fault.Newf(err, fault.Say("put its CA certificate into /etc/containers/certs.d/%s/ca.crt or ~/.config/containers/certs.d/%s/ca.crt", host, host).
			And("or, on a network that you trust: --tls-verify=false"), "the certificate of %s cannot be verified", host)
	case errors.As(err, &header), errors.Is(err, http.ErrSchemeMismatch):
		return fault.Newf(err, "check the port; if the registry has no TLS and you trust the network: --tls-verify=false",
			"%s does not speak TLS", host)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, syscall.EPIPE):
		return fault.Newf(down(err), "try again", "%s broke the connection off", host)
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return fault.Newf(down(err), "check that this machine has a network and may reach the registry, then try again",
			"%s cannot be reached", host)
	}
	return nil
}

// loginHelp is the command that logs in.
func loginHelp(host string) string { return "jrun login " + host }

// loginFault is for a password that a token service has refused.
func (c *Client) loginFault(ref Reference, err error) error {
	host := ref.Host()
	user := c.user(ref)
	if user == "" {
		return fault.Newf(err, fault.Say("log in first: %s", loginHelp(host)), "%s wants a login", host)
	}
	return refusedFault(host, user, err)
}

// unauthorizedFault is for a 401 at the image itself, which says little: many
// registries, Harbor among them, answer so when the image does not exist, when
// one has no right to it, when the password is wrong, and when they are ill.
func (c *Client) unauthorizedFault(ref Reference, err error) error {
	host := ref.Host()
	path := reference.Path(ref.name)
	user := c.user(ref)
	if user == "" {
		return fault.Newf(err, fault.Say("check the name: %s", path).And("if it is private, log in: %s", loginHelp(host)),
			"%s does not exist, or is not for everybody", ref)
	}
	return fault.Newf(err, fault.Say("check the name: %s", path).And("ask whether %s is a member of the project", user).And("or log in again, if the password has changed: %s", loginHelp(host)),
		"%s does not exist, or is not yours to have", ref)
}

// StatusError is a registry's refusal. Message is what the registry says about
// it, and may be empty; Cause is the error of image/v5.
type StatusError struct {
	Status  int
	Message string
	Cause   error
}

func (e *StatusError) Error() string { return e.FaultText().String() }

// FaultText is what the error says.
func (e *StatusError) FaultText() fault.Text { return answerText(e.Status, e.Message) }

// Unwrap returns Cause.
func (e *StatusError) Unwrap() error { return e.Cause }

// askAgain bounds the requests that only make a message better.
const askAgain = 5 * time.Second

// answered is the registry's refusal with what it says about it. An answer to
// HEAD has no body, so the manifest is asked for once more with GET.
func (c *Client) answered(ctx context.Context, ref Reference, err error) error {
	refusal := &StatusError{Status: httpStatus(err), Cause: err}
	var said errcode.Error
	if errors.As(err, &said) && said.Message != "" {
		refusal.Message = said.Message
		return refusal
	}
	ctx, cancel := context.WithTimeout(ctx, askAgain)
	defer cancel()
	var refused *RefusalError
	sys, sysErr := c.systemFor(ref.name)
	if sysErr != nil {
		return refusal
	}
	a, sysErr := c.newAsking(ref, sys)
	if sysErr != nil {
		return refusal
	}
	if _, err := a.manifest(ctx, http.MethodGet); errors.As(err, &refused) {
		refusal.Message = messageIn(refused.Body)
	}
	return refusal
}

// maxTagsShown keeps the advice on one line.
const maxTagsShown = 8

// notFoundFault tells a wrong tag from a wrong repository, if the registry lets
// us see the tags.
func (c *Client) notFoundFault(ctx context.Context, ref Reference, err error) error {
	ctx, cancel := context.WithTimeout(ctx, askAgain)
	defer cancel()
	err = &StatusError{Status: http.StatusNotFound, Cause: err}
	sys, sysErr := c.systemFor(ref.name)
	from, refErr := transportReference(ref.name)
	if sysErr != nil || refErr != nil {
		return fault.Newf(err, tagsAdvice(nil), "%s does not exist", ref)
	}
	tags, tagsErr := docker.GetRepositoryTags(ctx, sys, from)
	if tagsErr != nil || len(tags) == 0 {
		return fault.Newf(err, tagsAdvice(nil), "%s does not exist", ref)
	}
	return fault.Newf(err, tagsAdvice(tags), "%s does not exist", ref)
}

// httpStatus is the status of the answer that err is about, or 0. Half of the
// error types in image/v5 that carry it are not exported, but all call the
// field StatusCode.
func httpStatus(err error) int {
	var coded errcode.Error
	if errors.Is(err, docker.ErrTooManyRequests) {
		return http.StatusTooManyRequests
	}
	if status := statusField(err); status != 0 {
		return status
	}
	if errors.As(err, &coded) && coded.Code != errcode.ErrorCodeUnknown {
		return coded.Code.Descriptor().HTTPStatusCode
	}
	var code errcode.ErrorCode
	if errors.As(err, &code) {
		return code.Descriptor().HTTPStatusCode
	}
	return 0
}

// statusField walks the tree of wrapped errors for a field StatusCode.
func statusField(err error) int {
	if err == nil {
		return 0
	}
	if v := reflect.Indirect(reflect.ValueOf(err)); v.Kind() == reflect.Struct {
		if f := v.FieldByName("StatusCode"); f.IsValid() && f.CanInt() {
			return int(f.Int())
		}
	}
	switch wrapper := err.(type) { //nolint:errorlint // this is the unwrapping
	case interface{ Unwrap() error }:
		return statusField(wrapper.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range wrapper.Unwrap() {
			if status := statusField(inner); status != 0 {
				return status
			}
		}
	}
	return 0
}
