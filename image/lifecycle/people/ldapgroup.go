package people

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
)

// Attributes of groups.
const (
	member       = "member"       // DNs; groupOfNames, and group of Active Directory
	uniqueMember = "uniqueMember" // DNs; groupOfUniqueNames
	memberUID    = "memberUid"    // IDs; posixGroup
	gidNumber    = "gidNumber"    // of a posixGroup: it is the primary group of some
)

const (
	// maxDepth bounds how many groups may be between a person and a group.
	maxDepth = 10
	// atOnce bounds how many names are in one filter.
	atOnce = 50
)

// groupsOf are the DNs of the groups that a person is in, sorted.
func (l *LDAP) groupsOf(ctx context.Context, e *ldap.Entry, p Person) ([]string, error) {
	direct := []string{equal(member, e.DN), equal(uniqueMember, e.DN), equal(memberUID, p.ID)}
	if p.GID >= 0 && l.s.Kind == settings.PosixLDAP {
		direct = append(direct, equal(gidNumber, fmt.Sprint(p.GID)))
	}
	found := dnSet{}
	next := found.add(e.GetEqualFoldAttributeValues(l.s.Attributes.MemberOf)...)
	for depth := 0; depth < maxDepth && (len(direct) > 0 || len(next) > 0); depth++ {
		var above []string
		for filters := range slices.Chunk(append(direct, naming(next)...), 2*atOnce) {
			entries, err := l.below(ctx, l.s.GroupBase, and(l.s.GroupFilter, or(filters...)), noAttributes)
			if err != nil {
				return nil, err
			}
			for _, g := range entries {
				above = append(above, found.add(g.DN)...)
			}
		}
		direct, next = nil, above
	}
	return found.sorted(), nil
}

// naming are filters for what has one of the DNs as a member.
func naming(dns []string) []string {
	var filters []string
	for _, dn := range dns {
		filters = append(filters, equal(member, dn), equal(uniqueMember, dn))
	}
	return filters
}

// Group looks one up, with the members of groups that are members of it.
func (l *LDAP) Group(ctx context.Context, dn string) (Group, error) {
	unknown := fmt.Errorf("looking for the group %q in %s: %w", dn, l.s.URL, ErrUnknown)
	if !isDN(dn) {
		return Group{}, unknown
	}
	top, err := l.at(ctx, dn, l.s.GroupFilter, groupAttributes)
	if err != nil {
		return Group{}, err
	}
	if top == nil {
		return Group{}, unknown
	}
	return l.group(top, func(g *ldap.Entry) (people, groups []*ldap.Entry, err error) { return l.membersOf(ctx, g) })
}

// group puts a group together of what its entry and those of groups below it name.
func (l *LDAP) group(top *ldap.Entry, membersOf func(*ldap.Entry) (people, groups []*ldap.Entry, err error)) (Group, error) {
	members := map[string]string{} // by ID in lower case
	seen := dnSet{}
	seen.add(top.DN)
	level := []*ldap.Entry{top}
	for depth := 0; depth < maxDepth && len(level) > 0; depth++ {
		var below []*ldap.Entry
		for _, g := range level {
			people, groups, err := membersOf(g)
			if err != nil {
				return Group{}, err
			}
			for _, e := range people {
				if id := l.id(e); id != "" {
					members[strings.ToLower(id)] = id
				}
			}
			for _, e := range groups {
				if len(seen.add(e.DN)) > 0 {
					below = append(below, e)
				}
			}
		}
		level = below
	}
	group := Group{DN: top.DN, GID: accountNumber(top.GetEqualFoldAttributeValue(gidNumber))}
	for _, id := range members {
		group.Members = append(group.Members, id)
	}
	slices.Sort(group.Members)
	return group, nil
}

var groupAttributes = []string{member, uniqueMember, memberUID, gidNumber}

// membersOf are the people and the groups that a group names.
func (l *LDAP) membersOf(ctx context.Context, g *ldap.Entry) (people, groups []*ldap.Entry, err error) {
	id := []string{l.s.Attributes.ID}
	if l.s.Kind == settings.ActiveDirectory {
		of := equal(l.s.Attributes.MemberOf, g.DN)
		if people, err = l.below(ctx, l.s.Base, and(l.s.UserFilter, of), id); err == nil {
			groups, err = l.below(ctx, l.s.GroupBase, and(l.s.GroupFilter, of), groupAttributes)
		}
		return people, groups, err
	}
	var filters []string
	for _, name := range g.GetEqualFoldAttributeValues(memberUID) {
		filters = append(filters, equal(l.s.Attributes.ID, name))
	}
	if gid := accountNumber(g.GetEqualFoldAttributeValue(gidNumber)); gid >= 0 {
		filters = append(filters, equal(l.s.Attributes.GID, fmt.Sprint(gid)))
	}
	for some := range slices.Chunk(filters, atOnce) {
		found, err := l.below(ctx, l.s.Base, and(l.s.UserFilter, or(some...)), id)
		if err != nil {
			return nil, nil, err
		}
		people = append(people, found...)
	}
	for _, dn := range namedBy(g) {
		person, group, err := l.named(ctx, dn)
		if err != nil {
			return nil, nil, err
		}
		if person != nil {
			people = append(people, person)
		} else if group != nil {
			groups = append(groups, group)
		}
	}
	return people, groups, nil
}

// namedBy are the DNs that a group names.
func namedBy(g *ldap.Entry) []string {
	return append(g.GetEqualFoldAttributeValues(member), g.GetEqualFoldAttributeValues(uniqueMember)...)
}

// named is the person or the group of a DN; neither, if it is something else, or gone.
func (l *LDAP) named(ctx context.Context, dn string) (person, group *ldap.Entry, err error) {
	person, err = l.at(ctx, dn, l.s.UserFilter, []string{l.s.Attributes.ID})
	if err == nil && person == nil {
		group, err = l.at(ctx, dn, l.s.GroupFilter, groupAttributes)
	}
	return person, group, err
}

// dnSet are DNs, each once, as they were written first.
type dnSet map[string]string

// add returns those that are new.
func (s dnSet) add(dns ...string) []string {
	var added []string
	for _, dn := range dns {
		k := key(dn)
		if _, there := s[k]; !there {
			s[k] = dn
			added = append(added, dn)
		}
	}
	return added
}

func (s dnSet) sorted() []string {
	var all []string
	for _, dn := range s {
		all = append(all, dn)
	}
	slices.Sort(all)
	return all
}
