package people_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/people/slapdtest"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
)

// cannotSay checks that an error is a fault, and not about somebody who is unknown.
func cannotSay(t *testing.T, what string, err error, words string) {
	t.Helper()
	var f *fault.Error
	if err == nil || errors.Is(err, people.ErrUnknown) || !errors.As(err, &f) || f.Next == "" {
		t.Errorf("%s: %v", what, err)
		return
	}
	if !strings.Contains(fault.Format("jadm", err), words) || strings.Contains(err.Error(), slapdtest.AdminPassword) {
		t.Errorf("%s: it says\n%s", what, fault.Format("jadm", err))
	}
}

// TestServerGoesAndComes: nobody is unknown while the server is away, and the
// connection is made again.
func TestServerGoesAndComes(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{LDIF: posixLDIF()})
	d := openLDAP(t, server, settings.LDAP{})
	for range 3 {
		if _, err := d.Person(t.Context(), "20260001"); err != nil {
			t.Fatal(err)
		}
		server.Stop()
		_, err := d.Person(t.Context(), "20260001")
		cannotSay(t, "without the server", err, "try it by hand")
		_, err = d.Person(t.Context(), "nobody")
		cannotSay(t, "an unknown one without the server", err, "")
		_, err = harbor.All(d.People(t.Context()))
		cannotSay(t, "all without the server", err, "")
		server.Restart()
	}
	if _, err := d.Person(t.Context(), "nobody"); !errors.Is(err, people.ErrUnknown) {
		t.Errorf("with the server: %v", err)
	}
	// One restart between two questions is not even noticed.
	server.Stop()
	server.Restart()
	if _, err := d.Person(t.Context(), "20260001"); err != nil {
		t.Error(err)
	}
}

func TestEncryption(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{LDIF: posixLDIF(), Private: true, Config: "security tls=1 simple_bind=1"})
	for name, address := range map[string]string{"ldaps": server.LDAPS, "StartTLS": server.URL} {
		if _, err := openLDAP(t, server, settings.LDAP{URL: address}).Person(t.Context(), "suzuki"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		other := *server
		other.CAFile = slapdtest.Start(t, slapdtest.Options{}).CAFile
		_, err := openLDAP(t, &other, settings.LDAP{URL: address}).Person(t.Context(), "suzuki")
		cannotSay(t, name+" with a certificate of somebody else", err, "certificate")
	}
}

func TestRefusals(t *testing.T) {
	server := slapdtest.Start(t, slapdtest.Options{LDIF: posixLDIF(), Private: true})
	limited := slapdtest.Start(t, slapdtest.Options{LDIF: posixLDIF(), Config: "limits users size.soft=3 size.hard=3 size.prtotal=3"})
	conn := limited.Connect()
	if err := conn.Add(&ldap.AddRequest{DN: "cn=reader," + slapdtest.Base, Attributes: []ldap.Attribute{
		{Type: "objectClass", Vals: []string{"device", "simpleSecurityObject"}}, {Type: "userPassword", Vals: []string{"reader"}},
	}}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(content string) string {
		path := filepath.Join(dir, strings.TrimSpace(content))
		check(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	base := settings.LDAP{
		URL: server.URL, BindDN: slapdtest.AdminDN, PasswordFile: file(slapdtest.AdminPassword), Kind: "posix", Base: slapdtest.Base, GroupBase: slapdtest.Base,
		UserFilter: "(objectClass=posixAccount)", GroupFilter: "(objectClass=groupOfNames)", Timeout: 5 * time.Second, PageSize: 2,
		Attributes: settings.LDAPAttributes{ID: "uid", Name: "cn", Mail: "mail", Language: "preferredLanguage", UID: "uidNumber", GID: "gidNumber", Supervisor: "manager", MemberOf: "memberOf"},
	}
	for name, tt := range map[string]struct {
		change func(*settings.LDAP)
		words  string
	}{
		"password":         {func(s *settings.LDAP) { s.PasswordFile = file("wrong") }, "correct people.ldap.bind_dn"},
		"no password":      {func(s *settings.LDAP) { s.PasswordFile = filepath.Join(dir, "none") }, "cannot read the password"},
		"nobody in it":     {func(s *settings.LDAP) { s.UserFilter = "(objectClass=device)" }, "nobody in it"},
		"no such base":     {func(s *settings.LDAP) { s.Base = "ou=none," + slapdtest.Base }, "there is no ou=none"},
		"no right to read": {func(s *settings.LDAP) { s.BindDN = "" }, "the right to read"},
		"a limit": {func(s *settings.LDAP) {
			s.URL, s.BindDN, s.PasswordFile = limited.URL, "cn=reader,"+slapdtest.Base, file("reader")
		}, "size.prtotal"},
		"no server there":   {func(s *settings.LDAP) { s.URL = "ldap://127.0.0.1:1" }, "does not say who there is"},
		"two with one name": {func(s *settings.LDAP) { s.Attributes.ID = "sn" }, "more than one"},
	} {
		t.Run(name, func(t *testing.T) {
			s := base
			tt.change(&s)
			d, err := people.OpenLDAP(s)
			check(t, err)
			defer d.Close()
			_, err = harbor.All(d.People(t.Context()))
			cannotSay(t, "everybody", err, tt.words)
		})
	}
	for name, change := range map[string]func(*settings.LDAP){
		"filter": func(s *settings.LDAP) { s.UserFilter = "(objectClass=" },
		"base":   func(s *settings.LDAP) { s.Base = "people" },
		"CA":     func(s *settings.LDAP) { s.CAFile = filepath.Join(dir, "none") },
		"no CA":  func(s *settings.LDAP) { s.CAFile = file("nothing") },
	} {
		s := base
		change(&s)
		_, err := people.OpenLDAP(s)
		cannotSay(t, name, err, "jadm.toml")
	}
}

// TestSilence: a server that says nothing is given up, and at once when nobody waits
// any more.
func TestSilence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	go func() {
		for {
			if _, err := l.Accept(); err != nil {
				return
			}
		}
	}()
	s := settings.LDAP{URL: "ldap://" + l.Addr().String(), Base: slapdtest.Base, GroupBase: slapdtest.Base, UserFilter: "(uid=*)", GroupFilter: "(cn=*)", Timeout: 100 * time.Millisecond, PageSize: 2, Attributes: settings.LDAPAttributes{ID: "uid"}}
	d, err := people.OpenLDAP(s)
	check(t, err)
	_, err = d.Person(t.Context(), "x")
	cannotSay(t, "a silent server", err, "does not say")

	s.Timeout = time.Hour
	d, err = people.OpenLDAP(s)
	check(t, err)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("enough"))
	defer cancel()
	if _, err = d.Person(ctx, "x"); err == nil || !strings.Contains(err.Error(), "enough") || errors.Is(err, people.ErrUnknown) {
		t.Errorf("when nobody waits: %v", err)
	}
}

// TestEnds is about accounts that are over by what a site says.
func TestEnds(t *testing.T) {
	var b strings.Builder
	units(&b)
	for id, more := range map[string][]string{
		"works": nil, "shell": {"loginShell", "/usr/sbin/nologin"}, "retired": {"employeeType", "retired"},
		"wrongpassword": {"pwdAccountLockedTime", "20261101000000Z"}, "shadow0": {"shadowExpire", "0"}, "shadow1": {"shadowExpire", "1"}, "never": {"shadowExpire", "-1"},
		"odd": {"shadowExpire", "99999999999"},
	} {
		entry(&b, "uid="+id+","+userBase, append([]string{"objectClass", "inetOrgPerson", "objectClass", "posixAccount", "objectClass", "shadowAccount",
			"uid", id, "cn", id, "sn", "x", "uidNumber", "1", "gidNumber", "1", "homeDirectory", "/"}, more...)...)
	}
	server := slapdtest.Start(t, slapdtest.Options{LDIF: b.String()})
	d := openLDAP(t, server, settings.LDAP{NoLoginIsEnded: true, EndedFilter: "(employeeType=retired)"})
	want := map[string]bool{"works": false, "shell": true, "retired": true, "wrongpassword": false, "shadow0": false, "shadow1": true, "never": false, "odd": false}
	for p, err := range d.People(t.Context()) {
		check(t, err)
		alone, err := d.Person(t.Context(), p.ID)
		check(t, err)
		if p.Ended(now) != want[p.ID] || alone.Ended(now) != want[p.ID] {
			t.Errorf("%s has ended: %v, and alone %v", p.ID, p.Ended(now), alone.Ended(now))
		}
		delete(want, p.ID)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}
