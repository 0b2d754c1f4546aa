package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// ask asks the registry, if there is one.
func (m *Machine) ask(ctx context.Context) (Answer, error) {
	if m.Config.Registry == "" {
		return Answer{}, nil
	}
	return m.Registry(ctx)
}

func (m *Machine) registry(answer Answer, refused error) Finding {
	const check = "registry"
	host := m.Config.Registry
	var (
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		name      x509.HostnameError
	)
	switch {
	case host == "":
		return skipped(check, message.Of("doctor.registry.none"))
	case errors.As(refused, &authority):
		return failed(check, message.Of("doctor.registry.ca", host), refused, message.Of("doctor.registry.ca.next"))
	case errors.As(refused, &invalid) && invalid.Reason == x509.Expired:
		return failed(check, message.Of("doctor.registry.certificate", host), refused, message.Of("doctor.registry.expired.next"))
	case errors.As(refused, &invalid), errors.As(refused, &name):
		return failed(check, message.Of("doctor.registry.certificate", host), refused, message.Of("doctor.ask-admin"))
	case refused != nil:
		return failed(check, message.Of("doctor.registry.away", host), refused, message.Of("doctor.registry.away.next"))
	case answer.Status != http.StatusOK && answer.Status != http.StatusUnauthorized:
		return failed(check, message.Of("doctor.registry.strange", host), fmt.Errorf("HTTP %d", answer.Status), message.Of("doctor.registry.away.next"))
	}
	return ok(check, message.Of("doctor.registry.ok", host))
}

func (m *Machine) login() Finding {
	const check = "login"
	if m.Config.Registry == "" {
		return skipped(check, message.Of("doctor.registry.none"))
	}
	user, err := m.LoggedIn()
	switch {
	case err != nil:
		return failed(check, message.Of("doctor.login.bad"), err, message.Plain("jbuild login"))
	case user == "":
		return warn(check, message.Of("doctor.login.none", m.Config.Registry), message.Plain("jbuild login"))
	}
	return ok(check, message.Of("doctor.login.ok", user, m.Config.Registry))
}

// mostSkew is by how much clocks may differ: certificates and tokens are good from a
// moment on.
const mostSkew = time.Minute

// clock compares with the registry's, whatever keeps the time here.
func (m *Machine) clock(ctx context.Context, answer Answer) Finding {
	const check = "time"
	if skew := m.Now().Sub(answer.Date).Abs(); !answer.Date.IsZero() && skew > mostSkew {
		return failed(check, message.Of("doctor.time.skew", skew.Round(time.Second)), nil, message.Of("doctor.time.next"))
	}
	synchronized, err := m.Run(ctx, "timedatectl", "show", "--property=NTPSynchronized", "--value")
	switch {
	case err != nil:
		return skipped(check, message.Of("doctor.time.unknown"))
	case strings.TrimSpace(synchronized) != "yes":
		return warn(check, message.Of("doctor.time.free"), message.Of("doctor.time.next"))
	}
	return ok(check, message.Of("doctor.time.ok"))
}
