package people

import (
	"context"
	"strings"

	"github.com/go-ldap/ldap/v3"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
)

// tree is all groups at once, by whom they name.
type tree struct {
	byDN  map[string][]string // DNs of groups, by key of the member's DN
	byID  map[string][]string // by the member's ID in lower case
	byGID map[int][]string

	entries map[string]*ldap.Entry // the groups themselves, by key of their DN
}

// allGroups asks for them once, for everybody.
func (l *LDAP) allGroups(ctx context.Context) (*tree, error) {
	t := &tree{byDN: map[string][]string{}, byID: map[string][]string{}, byGID: map[int][]string{}, entries: map[string]*ldap.Entry{}}
	isAD := l.s.Kind == settings.ActiveDirectory
	attributes := groupAttributes
	if isAD {
		attributes = []string{l.s.Attributes.MemberOf, gidNumber}
	}
	entries, err := l.below(ctx, l.s.GroupBase, l.s.GroupFilter, attributes)
	if err != nil {
		return nil, err
	}
	for _, g := range entries {
		t.entries[key(g.DN)] = g
		if isAD {
			k := key(g.DN)
			t.byDN[k] = append(t.byDN[k], g.GetEqualFoldAttributeValues(l.s.Attributes.MemberOf)...)
			continue
		}
		for _, dn := range append(g.GetEqualFoldAttributeValues(member), g.GetEqualFoldAttributeValues(uniqueMember)...) {
			k := key(dn)
			t.byDN[k] = append(t.byDN[k], g.DN)
		}
		for _, id := range g.GetEqualFoldAttributeValues(memberUID) {
			id = strings.ToLower(id)
			t.byID[id] = append(t.byID[id], g.DN)
		}
		if gid := accountNumber(g.GetEqualFoldAttributeValue(gidNumber)); gid >= 0 {
			t.byGID[gid] = append(t.byGID[gid], g.DN)
		}
	}
	return t, nil
}

// above are the groups that a person is in, as groupsOf finds them.
func (t *tree) above(dn string, p Person, memberOf []string) []string {
	found := dnSet{}
	next := found.add(memberOf...)
	next = append(next, found.add(t.byDN[key(dn)]...)...)
	next = append(next, found.add(t.byID[strings.ToLower(p.ID)]...)...)
	next = append(next, found.add(t.byGID[p.GID]...)...)
	for depth := 1; depth < maxDepth && len(next) > 0; depth++ {
		var higher []string
		for _, group := range next {
			higher = append(higher, found.add(t.byDN[key(group)]...)...)
		}
		next = higher
	}
	return found.sorted()
}
