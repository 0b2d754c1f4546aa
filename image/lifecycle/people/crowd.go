package people

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/go-ldap/ldap/v3"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
)

// Snapshot is a directory as it is now, for whoever asks it about nearly everybody: it
// answers from memory what the directory would, which a server is asked for at once and
// not in some questions for each person and each member of a group.
func Snapshot(ctx context.Context, d Directory) (Directory, error) {
	if s, ok := d.(interface {
		Snapshot(ctx context.Context) (Directory, error)
	}); ok {
		return s.Snapshot(ctx)
	}
	return d, nil
}

// Snapshot implements what the function of this name asks for.
func (l *LDAP) Snapshot(ctx context.Context) (Directory, error) { return l.everybody(ctx) }

// crowd is what an LDAP server said of everybody.
type crowd struct {
	l      *LDAP
	people []Person       // by ID
	byID   map[string]int // in lower case
	tree   *tree

	ids      map[string]string        // by key of the person's DN
	byDN     map[string]*ldap.Entry   // people, by key of the DN
	byName   map[string]*ldap.Entry   // people, by ID in lower case
	byGID    map[int][]*ldap.Entry    // people, by the primary group's number
	peopleIn map[string][]*ldap.Entry // with Active Directory: by key of a group that they name
	groupsIn map[string][]*ldap.Entry // the same for groups
}

var _ Directory = (*crowd)(nil)

func newCrowd(l *LDAP, entries []*ldap.Entry, t *tree) *crowd {
	c := &crowd{
		l: l, tree: t, byID: map[string]int{}, ids: map[string]string{}, byDN: map[string]*ldap.Entry{}, byName: map[string]*ldap.Entry{},
		byGID: map[int][]*ldap.Entry{}, peopleIn: map[string][]*ldap.Entry{}, groupsIn: map[string][]*ldap.Entry{},
	}
	isAD := l.s.Kind == settings.ActiveDirectory
	for _, e := range entries {
		c.ids[key(e.DN)], c.byDN[key(e.DN)], c.byName[strings.ToLower(l.id(e))] = l.id(e), e, e
		gid := accountNumber(e.GetEqualFoldAttributeValue(l.s.Attributes.GID))
		c.byGID[gid] = append(c.byGID[gid], e)
		if isAD {
			l.in(c.peopleIn, e)
		}
	}
	for _, g := range t.entries {
		if isAD {
			l.in(c.groupsIn, g)
		}
	}
	return c
}

// in notes an entry below the groups that it names.
func (l *LDAP) in(groups map[string][]*ldap.Entry, e *ldap.Entry) {
	for _, dn := range e.GetEqualFoldAttributeValues(l.s.Attributes.MemberOf) {
		groups[key(dn)] = append(groups[key(dn)], e)
	}
}

// Person looks one up.
func (c *crowd) Person(_ context.Context, id string) (Person, error) {
	i, ok := c.byID[strings.ToLower(id)]
	if !ok {
		return Person{}, fmt.Errorf("looking for %q in %s: %w", id, c.l.s.URL, ErrUnknown)
	}
	return c.people[i].clone(), nil
}

// People are all of them, by ID.
func (c *crowd) People(context.Context) iter.Seq2[Person, error] {
	return func(yield func(Person, error) bool) {
		for _, p := range c.people {
			if !yield(p.clone(), nil) {
				return
			}
		}
	}
}

// Group looks one up. The server is asked about what is not below the bases of people and
// groups: a group may name it all the same.
func (c *crowd) Group(ctx context.Context, dn string) (Group, error) {
	top := c.tree.entries[key(dn)]
	if !isDN(dn) || top == nil {
		return c.l.Group(ctx, dn)
	}
	return c.l.group(top, func(g *ldap.Entry) (people, groups []*ldap.Entry, err error) { return c.membersOf(ctx, g) })
}

// membersOf is LDAP.membersOf from memory.
func (c *crowd) membersOf(ctx context.Context, g *ldap.Entry) (people, groups []*ldap.Entry, err error) {
	if c.l.s.Kind == settings.ActiveDirectory {
		return c.peopleIn[key(g.DN)], c.groupsIn[key(g.DN)], nil
	}
	for _, name := range g.GetEqualFoldAttributeValues(memberUID) {
		if e := c.byName[strings.ToLower(name)]; e != nil {
			people = append(people, e)
		}
	}
	if gid := accountNumber(g.GetEqualFoldAttributeValue(gidNumber)); gid >= 0 {
		people = append(people, c.byGID[gid]...)
	}
	for _, dn := range namedBy(g) {
		person, group := c.byDN[key(dn)], c.tree.entries[key(dn)]
		if person == nil && group == nil {
			if person, group, err = c.l.named(ctx, dn); err != nil {
				return nil, nil, err
			}
		}
		if person != nil {
			people = append(people, person)
		} else if group != nil {
			groups = append(groups, group)
		}
	}
	return people, groups, nil
}
