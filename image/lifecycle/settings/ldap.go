package settings

import (
	"errors"
	"fmt"
	"net/url"
	"time"
)

// Kinds of directories.
const (
	PosixLDAP       = "posix" // OpenLDAP and the like, with the schema of RFC 2307
	ActiveDirectory = "ad"
)

// LDAP is a directory server, and what it calls things. Only URL and Base must be
// given; Kind chooses what all else is.
type LDAP struct {
	URL          string `toml:"url"`           // ldaps://ldap.example.ac.jp, or ldap:// with StartTLS
	CAFile       string `toml:"ca_file"`       // PEM, if the system does not know who signed the server's certificate
	BindDN       string `toml:"bind_dn"`       // empty: anonymous
	PasswordFile string `toml:"password_file"` // of BindDN; 0600; its first line

	Kind      string `toml:"kind"`       // posix or ad
	Base      string `toml:"base"`       // where people are
	GroupBase string `toml:"group_base"` // where groups are; as Base

	UserFilter  string `toml:"user_filter"`  // who of all below Base is a person
	GroupFilter string `toml:"group_filter"` // what of all below GroupBase is a group
	// EndedFilter says whose account is over, where it is not in the attributes that
	// package people knows: (employeeType=retired).
	EndedFilter string `toml:"ended_filter"`
	// NoLoginIsEnded takes a shell of nologin or false for an account that is over.
	NoLoginIsEnded bool `toml:"nologin_is_ended"`

	Attributes LDAPAttributes `toml:"attributes"` // [people.ldap.attributes]

	Timeout  time.Duration `toml:"timeout"`   // of each question; 20s
	PageSize uint32        `toml:"page_size"` // entries in one answer; 500

	tls string
}

// LDAPAttributes are the names of a person's attributes.
type LDAPAttributes struct {
	ID         string `toml:"id"`         // uid, or sAMAccountName
	Name       string `toml:"name"`       // displayName, or cn where there is none
	Mail       string `toml:"mail"`       // mail
	Language   string `toml:"language"`   // preferredLanguage
	UID        string `toml:"uid"`        // uidNumber
	GID        string `toml:"gid"`        // gidNumber
	Supervisor string `toml:"supervisor"` // manager: a DN, or an ID
	MemberOf   string `toml:"member_of"`  // memberOf
}

// Encryption is "tls" or "starttls"; "" for a server on this machine, which needs none.
func (l *LDAP) Encryption() string { return l.tls }

func (l *LDAP) complete(abs func(string) string) error {
	l.CAFile, l.PasswordFile = abs(l.CAFile), abs(l.PasswordFile)
	if l.URL == "" {
		if l.Base != "" || l.BindDN != "" {
			return errors.New("people.ldap.url is missing")
		}
		return nil
	}
	server, err := url.Parse(l.URL)
	switch {
	case err != nil:
		return fmt.Errorf("people.ldap.url: %w", err)
	case server.Host == "" || server.User != nil || server.Scheme != "ldaps" && server.Scheme != "ldap":
		return fmt.Errorf("people.ldap.url is %q, not like ldaps://ldap.example.ac.jp", server.Redacted())
	case l.Base == "":
		return errors.New("people.ldap.base is missing: it is where people are, like ou=people,dc=example,dc=ac,dc=jp")
	case l.BindDN != "" && l.PasswordFile == "":
		return errors.New("people.ldap.password_file is missing: it has the password of people.ldap.bind_dn")
	case l.BindDN == "" && l.PasswordFile != "":
		return errors.New("people.ldap.bind_dn is missing: it is whose password is in people.ldap.password_file")
	case l.Timeout < 0:
		return fmt.Errorf("people.ldap.timeout is %v", l.Timeout)
	}
	switch {
	case server.Scheme == "ldaps":
		l.tls = "tls"
	case l.CAFile != "" || !IsLoopback(server.Hostname()):
		l.tls = "starttls"
	}
	return l.names()
}

// names fills in what was left out, by Kind.
func (l *LDAP) names() error {
	defaults := LDAPAttributes{
		ID: "uid", Name: "displayName", Mail: "mail", Language: "preferredLanguage", UID: "uidNumber", GID: "gidNumber", Supervisor: "manager", MemberOf: "memberOf",
	}
	users := "(objectClass=posixAccount)"
	groups := "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))"
	switch l.Kind {
	case "", PosixLDAP:
		l.Kind = PosixLDAP
	case ActiveDirectory:
		defaults.ID = "sAMAccountName"
		users, groups = "(&(objectClass=user)(!(objectClass=computer)))", "(objectClass=group)"
	default:
		return fmt.Errorf("people.ldap.kind is %q, not posix or ad", l.Kind)
	}
	for value, otherwise := range map[*string]string{
		&l.GroupBase: l.Base, &l.UserFilter: users, &l.GroupFilter: groups,
		&l.Attributes.ID: defaults.ID, &l.Attributes.Name: defaults.Name, &l.Attributes.Mail: defaults.Mail, &l.Attributes.Language: defaults.Language,
		&l.Attributes.UID: defaults.UID, &l.Attributes.GID: defaults.GID, &l.Attributes.Supervisor: defaults.Supervisor, &l.Attributes.MemberOf: defaults.MemberOf,
	} {
		if *value == "" {
			*value = otherwise
		}
	}
	if l.Timeout == 0 {
		l.Timeout = 20 * time.Second
	}
	if l.PageSize == 0 {
		l.PageSize = 500
	}
	return nil
}
