package people

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/go-ldap/ldap/v3"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
)

// LDAP is a directory server. It may be used by several goroutines, which take turns.
type LDAP struct {
	s   settings.LDAP
	tls *tls.Config

	mu   sync.Mutex
	conn *ldap.Conn // nil until it is needed, and after an accident
}

var _ Directory = (*LDAP)(nil)

// OpenLDAP is a directory server as settings have it. It connects when somebody is
// asked for. Errors are faults.
func OpenLDAP(s settings.LDAP) (*LDAP, error) {
	for key, filter := range map[string]string{"user_filter": s.UserFilter, "group_filter": s.GroupFilter, "ended_filter": s.EndedFilter} {
		if filter == "" {
			continue
		}
		if _, err := ldap.CompileFilter(filter); err != nil {
			return nil, fault.Newf(err, "correct it; a filter is like (&(objectClass=posixAccount)(employeeType=student))", "cannot use people.ldap.%s in jadm.toml, %s", key, filter)
		}
	}
	for key, dn := range map[string]string{"base": s.Base, "group_base": s.GroupBase} {
		if _, err := ldap.ParseDN(dn); err != nil {
			return nil, fault.Newf(err, "correct it; it is like ou=people,dc=example,dc=ac,dc=jp", "cannot use people.ldap.%s in jadm.toml, %q", key, dn)
		}
	}
	server, err := url.Parse(s.URL)
	if err != nil {
		return nil, fault.New("cannot use people.ldap.url in jadm.toml", err, "correct it; it is like ldaps://ldap.example.ac.jp")
	}
	config, err := trust(s.CAFile, server.Hostname())
	if err != nil {
		return nil, err
	}
	return &LDAP{s: s, tls: config}, nil
}

// Close ends the connection, if there is one.
func (l *LDAP) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return nil
	}
	err := l.conn.Close()
	l.conn = nil
	return err
}

// Person looks one up.
func (l *LDAP) Person(ctx context.Context, id string) (Person, error) {
	unknown := fmt.Errorf("looking for %q in %s: %w", id, l.s.URL, ErrUnknown)
	if id == "" || len(id) > mostText {
		return Person{}, unknown
	}
	entries, err := l.below(ctx, l.s.Base, and(l.s.UserFilter, equal(l.s.Attributes.ID, id)), l.personAttributes())
	if err != nil {
		return Person{}, err
	}
	// Servers ignore spaces, and some of them accents.
	entries = slices.DeleteFunc(entries, func(e *ldap.Entry) bool {
		return !slices.ContainsFunc(e.GetEqualFoldAttributeValues(l.s.Attributes.ID), func(v string) bool { return strings.EqualFold(v, id) })
	})
	switch len(entries) {
	case 0:
		return Person{}, unknown
	case 1:
	default:
		return Person{}, fault.Newf(fmt.Errorf("%s and %s", entries[0].DN, entries[1].DN), "make people.ldap.base or user_filter in jadm.toml narrower",
			"the directory knows more than one %q", id)
	}
	return l.whole(ctx, entries[0])
}

// whole is a person with what other entries say of them.
func (l *LDAP) whole(ctx context.Context, e *ldap.Entry) (Person, error) {
	p := l.person(e)
	var err error
	if p.Groups, err = l.groupsOf(ctx, e, p); err != nil {
		return p, err
	}
	if boss := e.GetEqualFoldAttributeValue(l.s.Attributes.Supervisor); isDN(boss) {
		found, err := l.at(ctx, boss, l.s.UserFilter, []string{l.s.Attributes.ID})
		if err != nil {
			return p, err
		}
		if found != nil {
			p.Supervisor = l.id(found)
		}
	}
	if l.s.EndedFilter != "" && !p.Disabled {
		ended, err := l.at(ctx, e.DN, l.s.EndedFilter, noAttributes)
		if err != nil {
			return p, err
		}
		p.Disabled = ended != nil
	}
	return p, nil
}

// People are all of them, by ID.
func (l *LDAP) People(ctx context.Context) iter.Seq2[Person, error] {
	return func(yield func(Person, error) bool) {
		all, err := l.everybody(ctx)
		if err != nil {
			yield(Person{}, err)
			return
		}
		for _, p := range all.people {
			if !yield(p, nil) {
				return
			}
		}
	}
}

// everybody asks for all entries at once, and puts them together here.
func (l *LDAP) everybody(ctx context.Context) (*crowd, error) {
	entries, err := l.below(ctx, l.s.Base, l.s.UserFilter, l.personAttributes())
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, fault.Newf(errNobody, "correct people.ldap.base or user_filter in jadm.toml, or give people.ldap.bind_dn the right to read", "cannot use the people below %s in %s", l.s.Base, l.s.URL)
	}
	tree, err := l.allGroups(ctx)
	if err != nil {
		return nil, err
	}
	ended := map[string]bool{}
	if l.s.EndedFilter != "" {
		over, err := l.below(ctx, l.s.Base, and(l.s.UserFilter, l.s.EndedFilter), noAttributes)
		if err != nil {
			return nil, err
		}
		for _, e := range over {
			ended[key(e.DN)] = true
		}
	}
	all := newCrowd(l, entries, tree)
	for _, e := range entries {
		p := l.person(e)
		if p.ID == "" {
			continue
		}
		if boss := e.GetEqualFoldAttributeValue(l.s.Attributes.Supervisor); isDN(boss) {
			p.Supervisor = all.ids[key(boss)]
		}
		p.Disabled = p.Disabled || ended[key(e.DN)]
		p.Groups = tree.above(e.DN, p, e.GetEqualFoldAttributeValues(l.s.Attributes.MemberOf))
		all.people = append(all.people, p)
	}
	slices.SortFunc(all.people, func(a, b Person) int { return cmp.Compare(a.ID, b.ID) })
	for i, p := range all.people {
		id := strings.ToLower(p.ID)
		if _, known := all.byID[id]; known {
			return nil, fault.Newf(errors.New("two entries have it"), "make people.ldap.base or user_filter in jadm.toml narrower", "the directory knows more than one %q", p.ID)
		}
		all.byID[id] = i
	}
	return all, nil
}

// id is a person's name to log in with.
func (l *LDAP) id(e *ldap.Entry) string { return e.GetEqualFoldAttributeValue(l.s.Attributes.ID) }
