package people

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/go-ldap/ldap/v3"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
)

// noAttributes asks for entries' names alone (RFC 4511, 4.5.1.8).
var noAttributes = []string{"1.1"}

// trust is whom to believe that they are the server: those that the system trusts,
// and whoever is in caFile.
func trust(caFile, host string) (*tls.Config, error) {
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return config, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fault.Newf(err, "correct people.ldap.ca_file in jadm.toml", "cannot read the certificates in %s", caFile)
	}
	if config.RootCAs, err = x509.SystemCertPool(); err != nil {
		config.RootCAs = x509.NewCertPool()
	}
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fault.Newf(errors.New("there is no certificate in PEM in it"), "correct people.ldap.ca_file in jadm.toml", "cannot use the certificates in %s", caFile)
	}
	return config, nil
}

// below are the entries at and below base that fit the filter.
func (l *LDAP) below(ctx context.Context, base, filter string, attributes []string) ([]*ldap.Entry, error) {
	return l.ask(ctx, ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil))
}

// at is the entry of a DN; nil when it is not there, or does not fit the filter.
func (l *LDAP) at(ctx context.Context, dn, filter string, attributes []string) (*ldap.Entry, error) {
	entries, err := l.ask(ctx, ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil))
	if ldap.IsErrorAnyOf(err, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInvalidDNSyntax, ldap.LDAPResultReferral) || err == nil && len(entries) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return entries[0], nil
}

// ask searches, once more on a new connection if the old one is broken.
func (l *LDAP) ask(ctx context.Context, request *ldap.SearchRequest) ([]*ldap.Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for again := false; ; again = true {
		fresh := l.conn == nil
		entries, err := l.once(ctx, request)
		switch {
		case err == nil:
			return entries, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("asking %s: %w", l.s.URL, context.Cause(ctx))
		case fresh || again || !broken(err):
			return nil, l.explain(err, request.BaseDN)
		}
	}
}

// broken reports whether another connection may do better.
func broken(err error) bool {
	return ldap.IsErrorAnyOf(err, ldap.ErrorNetwork, ldap.LDAPResultUnavailable, ldap.LDAPResultBusy, ldap.LDAPResultOperationsError)
}

func (l *LDAP) once(ctx context.Context, request *ldap.SearchRequest) (entries []*ldap.Entry, err error) {
	if l.conn == nil {
		if l.conn, err = l.connect(ctx); err != nil {
			return nil, err
		}
	}
	conn := l.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // which ends the search
	defer stop()
	defer func() {
		if ctx.Err() != nil || broken(err) || conn.IsClosing() {
			_ = conn.Close() // it may have an answer under way
			l.conn = nil
		}
	}()
	var result *ldap.SearchResult
	if request.Scope == ldap.ScopeBaseObject {
		result, err = conn.Search(request)
	} else {
		result, err = conn.SearchWithPaging(request, l.s.PageSize)
	}
	if err != nil {
		return nil, err
	}
	return result.Entries, nil
}

// connect makes a connection that has told who asks.
func (l *LDAP) connect(ctx context.Context) (*ldap.Conn, error) {
	dialer := &net.Dialer{Timeout: l.s.Timeout}
	if deadline, ok := ctx.Deadline(); ok {
		dialer.Deadline = deadline
	}
	conn, err := ldap.DialURL(l.s.URL, ldap.DialWithTLSConfig(l.tls), ldap.DialWithDialer(dialer))
	if err != nil {
		return nil, err
	}
	conn.SetTimeout(l.s.Timeout)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if l.s.Encryption() == "starttls" {
		err = conn.StartTLS(l.tls)
	}
	if err == nil && l.s.BindDN != "" {
		err = l.bind(conn)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

func (l *LDAP) bind(conn *ldap.Conn) error {
	password, err := settings.ReadSecret(l.s.PasswordFile)
	if err != nil {
		return err
	}
	return conn.Bind(l.s.BindDN, password)
}

// explain makes a fault that still wraps err.
func (l *LDAP) explain(err error, base string) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	next := fmt.Sprintf("try it by hand: ldapsearch -x -H %s -b '%s' -s base", l.s.URL, l.s.Base)
	switch {
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultInappropriateAuthentication):
		next = "correct people.ldap.bind_dn in jadm.toml, or the password in " + l.s.PasswordFile
	case ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights):
		next = "give people.ldap.bind_dn in jadm.toml the right to read and search below " + base
	case ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject):
		return fault.Newf(err, "correct people.ldap.base and group_base in jadm.toml, or give people.ldap.bind_dn the right to read below it", "there is no %s in the directory %s", base, l.s.URL)
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultSizeLimitExceeded, ldap.LDAPResultAdminLimitExceeded, ldap.LDAPResultTimeLimitExceeded):
		next = "let people.ldap.bind_dn have more: OpenLDAP's olcLimits with size.prtotal=unlimited, or another people.ldap.page_size"
	}
	return fault.Newf(err, next, "the directory %s does not say who there is", l.s.URL)
}

// equal is a filter for an attribute with a value that may be anything.
func equal(attribute, value string) string {
	return "(" + attribute + "=" + ldap.EscapeFilter(value) + ")"
}

func and(filters ...string) string { return "(&" + strings.Join(filters, "") + ")" }

func or(filters ...string) string { return "(|" + strings.Join(filters, "") + ")" }

// SameGroup reports whether two names or DNs are of the same group: a DN can be written
// in several ways.
func SameGroup(a, b string) bool { return key(a) == key(b) }

// key is the same for two ways of writing a DN.
func key(dn string) string {
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return strings.ToLower(dn)
	}
	return strings.ToLower(parsed.String())
}

func isDN(s string) bool {
	parsed, err := ldap.ParseDN(s)
	return err == nil && len(parsed.RDNs) > 0
}
