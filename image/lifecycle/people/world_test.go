package people_test

import (
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/people/slapdtest"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
)

// now is when the tests ask.
var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// ended and later are days on which accounts end.
var (
	ended = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	later = time.Date(2028, 4, 1, 0, 0, 0, 0, time.UTC)
)

// world is who there is in every directory of the conformance suite. Groups are named
// without their DNs, and are those that somebody is in directly.
var world = []people.Person{
	{ID: "20260001", Name: "山田 花子", Mail: "20260001@example.ac.jp", Language: "ja", UID: 20001, GID: 5000, Groups: []string{"cfd"}, Supervisor: "suzuki", Expires: later},
	{ID: "20260002", Name: "Ben Suzuki", UID: 20002, GID: 5000, Groups: []string{"cfd"}, Expires: ended},
	{ID: "Alice", Name: "Alice O'Hara, PhD", Mail: "alice@example.ac.jp", Language: "en", UID: 20003, GID: 5000, Groups: []string{"labs"}},
	{ID: "locked", Name: "鍵 太郎", Mail: "kagi@example.ac.jp", UID: 20004, GID: 5000, Groups: []string{"bio, (a+b) 研究室"}, Disabled: true},
	{ID: `odd*(x)\name`, Name: "Doe, John <x>", UID: 20005, GID: 5000, Groups: []string{"bio, (a+b) 研究室"}},
	{ID: "suzuki", Name: "鈴木 教授", Mail: "suzuki@example.ac.jp", Language: "ja", UID: 10001, GID: 6000},
}

// nested are groups within groups: who is in the first is in the second.
var nested = map[string]string{"cfd": "labs", "bio, (a+b) 研究室": "labs", "labs": "everything", "everything": "cfd of cfd", "cfd of cfd": "everything"}

// groupsOf are those that somebody is in, directly or not. The primary one is called
// by its number.
func groupsOf(p people.Person) []string {
	all := map[string]bool{fmt.Sprint(p.GID): true}
	next := slices.Clone(p.Groups)
	for len(next) > 0 {
		g := next[0]
		next = next[1:]
		if !all[g] {
			all[g] = true
			if up := nested[g]; up != "" {
				next = append(next, up)
			}
		}
	}
	var names []string
	for g := range all {
		names = append(names, g)
	}
	slices.Sort(names)
	return names
}

// subject is a directory under test.
type subject struct {
	people.Directory
	group func(name string) string // how it calls a group
}

// subjects are all kinds of directories, with the same people in them.
var subjects = map[string]func(*testing.T) subject{
	"CSV":              csvSubject,
	"posix":            func(t *testing.T) subject { return ldapSubject(t, posixLDIF(), settings.LDAP{}) },
	"Active Directory": func(t *testing.T) subject { return ldapSubject(t, activeLDIF(), settings.LDAP{Kind: "ad"}) },
}

func csvSubject(t *testing.T) subject {
	file := filepath.Join(t.TempDir(), "people.csv")
	f, err := os.Create(file)
	check(t, err)
	_, err = f.WriteString("\ufeff")
	check(t, err)
	w := csv.NewWriter(f)
	check(t, w.Write([]string{"name", "id", "mail", "language", "uid", "gid", "groups", "supervisor", "disabled", "expires"}))
	for _, p := range world {
		expires := ""
		if !p.Expires.IsZero() {
			expires = p.Expires.Format(time.RFC3339)
		}
		check(t, w.Write([]string{p.Name, p.ID, p.Mail, p.Language, fmt.Sprint(p.UID), fmt.Sprint(p.GID), strings.Join(groupsOf(p), ";"), p.Supervisor, fmt.Sprint(p.Disabled), expires}))
	}
	w.Flush()
	check(t, w.Error(), f.Close())
	return subject{people.OpenCSV(file), func(name string) string { return name }}
}

const (
	userBase  = "ou=people," + slapdtest.Base
	groupBase = "ou=groups," + slapdtest.Base
)

// userDN has the name in it, not the ID, so that it has signs that must be escaped.
func userDN(p people.Person) string { return "cn=" + ldap.EscapeDN(p.Name) + "," + userBase }

func groupDN(name string) string { return "cn=" + ldap.EscapeDN(name) + "," + groupBase }

// ldapSubject starts a server. s says what is not the default.
func ldapSubject(t *testing.T, ldif string, s settings.LDAP) subject {
	server := slapdtest.Start(t, slapdtest.Options{LDIF: ldif, Private: true})
	return subject{openLDAP(t, server, s), groupDN}
}

func openLDAP(t *testing.T, server *slapdtest.Server, s settings.LDAP) *people.LDAP {
	t.Helper()
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "password"), []byte(slapdtest.AdminPassword), 0o600))
	attributes := ""
	if s.NoLoginIsEnded {
		attributes = "nologin_is_ended = true\n"
	}
	address := s.URL
	if address == "" {
		address = server.URL
	}
	check(t, os.WriteFile(filepath.Join(dir, "jadm.toml"), fmt.Appendf(nil, `
[harbor]
url = "http://127.0.0.1"
user = "admin"
password_file = "password"
[people.ldap]
url = %q
ca_file = %q
bind_dn = %q
password_file = "password"
base = %q
kind = %q
user_filter = %q
ended_filter = %q
timeout = "5s"
page_size = 2
%s`, address, server.CAFile, slapdtest.AdminDN, slapdtest.Base, s.Kind, s.UserFilter, s.EndedFilter, attributes), 0o600))
	loaded, err := settings.Load(filepath.Join(dir, "jadm.toml"))
	check(t, err)
	directory, err := people.OpenLDAP(loaded.People.LDAP)
	check(t, err)
	t.Cleanup(func() { _ = directory.Close() })
	return directory
}

func check(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// entry writes an entry in LDIF; empty values are left out.
func entry(b *strings.Builder, dn string, attributes ...string) {
	value := func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "%s:: %s\n", name, base64.StdEncoding.EncodeToString([]byte(value)))
		}
	}
	value("dn", dn)
	for i := 0; i < len(attributes); i += 2 {
		value(attributes[i], attributes[i+1])
	}
	b.WriteString("\n")
}

func units(b *strings.Builder) {
	entry(b, userBase, "objectClass", "organizationalUnit", "ou", "people")
	entry(b, groupBase, "objectClass", "organizationalUnit", "ou", "groups")
}

// dnOf is a person's, by ID.
func dnOf(id string) string {
	for _, p := range world {
		if p.ID == id {
			return userDN(p)
		}
	}
	return ""
}

// posixLDIF has groups of all kinds: labs names DNs as unique members, the numbers are
// posixGroups.
func posixLDIF() string {
	var b strings.Builder
	units(&b)
	for _, p := range world {
		attributes := []string{
			"objectClass", "inetOrgPerson", "objectClass", "posixAccount", "objectClass", "shadowAccount", "uid", p.ID, "cn", p.Name, "sn", "x",
			"displayName", p.Name, "mail", p.Mail, "preferredLanguage", p.Language, "uidNumber", fmt.Sprint(p.UID), "gidNumber", fmt.Sprint(p.GID),
			"homeDirectory", "/home/x", "loginShell", "/bin/bash", "manager", dnOf(p.Supervisor),
		}
		if !p.Expires.IsZero() {
			attributes = append(attributes, "shadowExpire", fmt.Sprint(p.Expires.Unix()/86400))
		}
		if p.Disabled {
			attributes = append(attributes, "pwdAccountLockedTime", "000001010000Z")
		}
		entry(&b, userDN(p), attributes...)
	}
	for name := range groupNames() {
		class, attribute := "groupOfNames", "member"
		if name == "labs" {
			class, attribute = "groupOfUniqueNames", "uniqueMember"
		}
		attributes := []string{"objectClass", class, "cn", name, attribute, "cn=somebody who is gone," + userBase}
		for _, dn := range membersDNs(name) {
			attributes = append(attributes, attribute, dn)
		}
		entry(&b, groupDN(name), attributes...)
	}
	entry(&b, groupDN("5000"), "objectClass", "posixGroup", "cn", "5000", "gidNumber", "5000")
	// This one is the primary group of some, and names them as well.
	entry(&b, groupDN("6000"), "objectClass", "posixGroup", "cn", "6000", "gidNumber", "6000", "memberUid", "suzuki", "memberUid", "gone")
	return b.String()
}

// activeLDIF is how Active Directory has it: memberOf, FILETIMEs and bits.
func activeLDIF() string {
	var b strings.Builder
	units(&b)
	for _, p := range world {
		control, expires := "512", "9223372036854775807"
		if p.Disabled {
			control = "514"
		}
		if !p.Expires.IsZero() {
			expires = fmt.Sprint((p.Expires.Unix() + 11644473600) * 10_000_000)
		}
		attributes := []string{
			"objectClass", "user", "sAMAccountName", p.ID, "cn", p.Name, "sn", "x", "displayName", p.Name, "mail", p.Mail, "preferredLanguage", p.Language,
			"uidNumber", fmt.Sprint(p.UID), "gidNumber", fmt.Sprint(p.GID), "manager", dnOf(p.Supervisor), "userAccountControl", control, "accountExpires", expires,
		}
		for _, g := range append(slices.Clone(p.Groups), fmt.Sprint(p.GID)) {
			attributes = append(attributes, "memberOf", groupDN(g))
		}
		entry(&b, userDN(p), attributes...)
	}
	entry(&b, "cn=pc1,"+userBase, "objectClass", "computer", "sAMAccountName", "pc1$", "cn", "pc1", "sn", "x", "userAccountControl", "4096")
	names := groupNames()
	names["5000"], names["6000"] = true, true
	for name := range names {
		attributes := []string{"objectClass", "group", "groupType", "2", "cn", name}
		for _, dn := range membersDNs(name) {
			attributes = append(attributes, "member", dn)
		}
		if up := nested[name]; up != "" {
			attributes = append(attributes, "memberOf", groupDN(up))
		}
		entry(&b, groupDN(name), attributes...)
	}
	return b.String()
}

func groupNames() map[string]bool {
	all := map[string]bool{}
	for from, to := range nested {
		all[from], all[to] = true, true
	}
	return all
}

// membersDNs are those of the people and groups that are in a group directly.
func membersDNs(name string) []string {
	var all []string
	for _, p := range world {
		if slices.Contains(p.Groups, name) {
			all = append(all, userDN(p))
		}
	}
	for from, to := range nested {
		if to == name {
			all = append(all, groupDN(from))
		}
	}
	return all
}
