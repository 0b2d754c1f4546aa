package people_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
)

// TestConformance asks all directories the same questions.
func TestConformance(t *testing.T) {
	for name, open := range subjects {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			t.Run("person", func(t *testing.T) { testPerson(t, s) })
			t.Run("people", func(t *testing.T) { testPeople(t, s) })
			t.Run("unknown", func(t *testing.T) { testUnknown(t, s) })
			t.Run("group", func(t *testing.T) { testGroup(t, s) })
			t.Run("snapshot", func(t *testing.T) {
				all, err := people.Snapshot(t.Context(), s.Directory)
				if err != nil {
					t.Fatal(err)
				}
				snapshot := s
				snapshot.Directory = all
				testPerson(t, snapshot)
				testPeople(t, snapshot)
				testUnknown(t, snapshot)
				testGroup(t, snapshot)
			})
		})
	}
}

// want is a person as the directory has them.
func (s subject) want(p people.Person) people.Person {
	var groups []string
	for _, g := range groupsOf(p) {
		groups = append(groups, s.group(g))
	}
	p.Groups = groups
	return sorted(p)
}

// normal is one of the ways to write a DN, or a name.
func normal(group string) string {
	if dn, err := ldap.ParseDN(group); err == nil && len(dn.RDNs) > 0 {
		group = dn.String()
	}
	return strings.ToLower(group)
}

func sorted(p people.Person) people.Person {
	p.Groups = slices.Clone(p.Groups)
	for i := range p.Groups {
		p.Groups[i] = normal(p.Groups[i])
	}
	slices.Sort(p.Groups)
	return p
}

func testPerson(t *testing.T, s subject) {
	for _, want := range world {
		for _, id := range []string{want.ID, strings.ToUpper(want.ID), strings.ToLower(want.ID)} {
			got, err := s.Person(t.Context(), id)
			if err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			if diff := cmp.Diff(s.want(want), sorted(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", id, diff)
			}
			if over := want.ID == "20260002" || want.ID == "locked"; got.Ended(now) != over {
				t.Errorf("%s has ended: %v", id, got.Ended(now))
			}
		}
	}
}

func testPeople(t *testing.T, s subject) {
	got := map[string]people.Person{}
	for p, err := range s.People(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got[p.ID] = sorted(p)
	}
	want := map[string]people.Person{}
	for _, p := range world {
		want[p.ID] = s.want(p)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("all of them (-want +got):\n%s", diff)
	}
	for range s.People(t.Context()) {
		break
	}
}

func testUnknown(t *testing.T, s subject) {
	for _, id := range []string{"nobody", "", "*", "2026*", "20260001)(uid=*", "\x00", "\xff", strings.Repeat("x", 1<<20), " 20260001", "suzuki ", "odd*"} {
		if p, err := s.Person(t.Context(), id); !errors.Is(err, people.ErrUnknown) {
			t.Errorf("%.40q is %+v, %v", id, p, err)
		}
	}
	for _, dn := range []string{"nothing", "", "*", s.group("nothing"), s.group("cfd") + "x", "cn=\\", "cn=cfd)(cn=*", strings.Repeat("x", 1<<16)} {
		if g, err := s.Group(t.Context(), dn); !errors.Is(err, people.ErrUnknown) {
			t.Errorf("the group %.40q is %+v, %v", dn, g, err)
		}
	}
}

// testGroup: a group's members are those who are in it.
func testGroup(t *testing.T, s subject) {
	names := groupNames()
	names["5000"], names["6000"] = true, true
	for name := range names {
		var want []string
		for _, p := range world {
			if slices.Contains(groupsOf(p), name) {
				want = append(want, p.ID)
			}
		}
		slices.Sort(want)
		for _, dn := range []string{s.group(name), strings.ToUpper(s.group(name))} {
			got, err := s.Group(t.Context(), dn)
			if err != nil {
				t.Errorf("%s: %v", dn, err)
				continue
			}
			slices.Sort(got.Members)
			if diff := cmp.Diff(want, got.Members); diff != "" {
				t.Errorf("%s (-want +got):\n%s", dn, diff)
			}
			if !people.SameGroup(got.DN, s.group(name)) || people.SameGroup(got.DN, s.group("else")) {
				t.Errorf("%s is called %s", dn, got.DN)
			}
		}
	}
}
