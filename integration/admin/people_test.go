//go:build e2e

package admin

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/jrun-hpc/jrun/image/lifecycle/people/slapdtest"
)

// person is somebody of the directory.
type person struct {
	id, name string
	uid      int
	ended    bool   // shadowExpire is past
	password string // at Harbor, too
}

func (p person) mail() string { return p.id + "@example.ac.jp" }

// directory is an LDAP server that the test may change.
type directory struct {
	t                *testing.T
	url, base        string
	adminDN, passwd  string
	conn             *ldap.Conn
	people, groupsOU string
}

// newDirectory is Debian's slapd with nobody in it, or the one that LDAP_URL names.
func newDirectory(t *testing.T, others bool) *directory {
	t.Helper()
	d := &directory{t: t}
	if others {
		d.url, d.base, d.adminDN, d.passwd = os.Getenv("LDAP_URL"), os.Getenv("LDAP_BASE"), os.Getenv("LDAP_ADMIN_DN"), os.Getenv("LDAP_ADMIN_PASSWORD")
		if cmp.Or(d.url, d.base, d.adminDN) == "" {
			t.Skip("HARBOR_URL is set, and LDAP_URL, LDAP_BASE, LDAP_ADMIN_DN, LDAP_ADMIN_PASSWORD are not: the directory that this Harbor asks must be one that the test may add people to")
		}
	} else {
		server := slapdtest.Start(t, slapdtest.Options{Private: true, LDIF: "dn: ou=people," + slapdtest.Base + "\nobjectClass: organizationalUnit\nou: people\n\ndn: ou=groups," + slapdtest.Base + "\nobjectClass: organizationalUnit\nou: groups\n\n" +
			"dn: uid=locked," + "ou=people," + slapdtest.Base + "\nobjectClass: inetOrgPerson\nobjectClass: posixAccount\nuid: locked\ncn: Locked\nsn: Locked\nuidNumber: 70001\ngidNumber: 70001\nhomeDirectory: /\npwdAccountLockedTime: 000001010000Z\n"})
		d.url, d.base, d.adminDN, d.passwd = server.URL, slapdtest.Base, slapdtest.AdminDN, slapdtest.AdminPassword
	}
	d.people, d.groupsOU = "ou=people,"+d.base, "ou=groups,"+d.base
	var err error
	d.conn, err = ldap.DialURL(d.url)
	check(t, err)
	t.Cleanup(func() { _ = d.conn.Close() })
	check(t, d.conn.Bind(d.adminDN, d.passwd))
	return d
}

func (d *directory) dn(p person) string { return "uid=" + p.id + "," + d.people }

func (d *directory) groupDN(name string) string { return "cn=" + name + "," + d.groupsOU }

// add adds somebody until the end of the test.
func (d *directory) add(p person, supervisor string) {
	d.t.Helper()
	r := ldap.NewAddRequest(d.dn(p), nil)
	r.Attribute("objectClass", []string{"inetOrgPerson", "posixAccount", "shadowAccount"})
	for name, value := range map[string]string{
		"uid": p.id, "cn": p.name, "sn": p.name, "displayName": p.name, "mail": p.mail(), "userPassword": p.password,
		"uidNumber": strconv.Itoa(p.uid), "gidNumber": strconv.Itoa(p.uid), "homeDirectory": "/home/" + p.id, "loginShell": "/bin/bash",
	} {
		r.Attribute(name, []string{value})
	}
	if p.ended {
		r.Attribute("shadowExpire", []string{"19800"}) // days since 1970
	}
	if supervisor != "" {
		r.Attribute("manager", []string{supervisor})
	}
	check(d.t, d.conn.Add(r))
	d.t.Cleanup(func() { d.remove(d.dn(p)) })
}

// addGroup adds a group until the end of the test.
func (d *directory) addGroup(name string, members ...person) string {
	d.t.Helper()
	r := ldap.NewAddRequest(d.groupDN(name), nil)
	r.Attribute("objectClass", []string{"groupOfNames"})
	r.Attribute("cn", []string{name})
	var dns []string
	for _, m := range members {
		dns = append(dns, d.dn(m))
	}
	r.Attribute("member", dns)
	check(d.t, d.conn.Add(r))
	d.t.Cleanup(func() { d.remove(d.groupDN(name)) })
	return d.groupDN(name)
}

func (d *directory) remove(dn string) {
	if err := d.conn.Del(ldap.NewDelRequest(dn, nil)); err != nil {
		d.t.Errorf("removing %s: %v", dn, err)
	}
}

// settings are the lines of jadm.toml.
func (d *directory) settings(passwordFile string) string {
	return fmt.Sprintf("[people.ldap]\nurl = %q\nbind_dn = %q\npassword_file = %q\nbase = %q\ngroup_base = %q\n", d.url, d.adminDN, passwordFile, d.people, d.groupsOU)
}
