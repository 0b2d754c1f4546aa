package harbor_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
)

func TestMembers(t *testing.T) {
	tgt := newTarget(t)
	ctx := t.Context()
	p := tgt.newProject(harbor.NewProject{})
	user, password := tgt.newUser()
	id, err := tgt.admin.AddUser(ctx, p, user, harbor.Guest)
	tgt.check(err)
	role := func() harbor.Role {
		for m, err := range tgt.admin.Members(ctx, p) {
			tgt.check(err)
			if m.ID == id && m.Name == user && m.Kind == harbor.UserMember {
				return m.Role
			}
		}
		return 0
	}
	if got := role(); got != harbor.Guest {
		t.Errorf("the role is %v", got)
	}
	tgt.check(tgt.admin.UpdateMember(ctx, p, id, harbor.Maintainer))
	if got := role(); got != harbor.Maintainer {
		t.Errorf("the role is %v", got)
	}
	_, err = tgt.admin.AddUser(ctx, p, user, harbor.Guest)
	tgt.wantStatus("adding twice", err, http.StatusConflict)
	_, err = tgt.admin.AddUser(ctx, p, unique("nobody"), harbor.Guest)
	tgt.wantStatus("adding nobody", err, http.StatusNotFound)
	_, err = tgt.client(user, password).AddUser(ctx, p, user, harbor.ProjectAdmin)
	tgt.wantStatus("adding without the right", err, http.StatusForbidden)
	if tgt.admin.UpdateMember(ctx, p, id, 77) == nil || role() != harbor.Maintainer {
		t.Errorf("a role that there is not makes %v", role())
	}
	tgt.check(tgt.admin.RemoveMember(ctx, p, id))
	if got := role(); got != 0 {
		t.Errorf("the role is %v", got)
	}
	tgt.check(tgt.admin.RemoveMember(ctx, p, id)) // Harbor does not mind
	tgt.check(tgt.admin.UpdateMember(ctx, p, id, harbor.Guest))
	_, err = tgt.admin.AddUser(ctx, p, user, 0)
	tgt.wantStatus("no role", err, http.StatusBadRequest)
	me, err := tgt.client(user, password).CurrentUser(ctx)
	tgt.check(err)
	if me.Name != user || me.ID == 0 || me.Admin {
		t.Errorf("the user is %+v", me)
	}
	found, err := tgt.client(user, password).SearchUsers(ctx, user)
	tgt.check(err)
	if len(found) != 1 || found[0].ID != me.ID {
		t.Errorf("found %+v", found)
	}
	all, err := harbor.All(tgt.admin.Users(ctx))
	tgt.check(err)
	if !slices.ContainsFunc(all, func(u harbor.User) bool { return u.ID == me.ID }) {
		t.Errorf("users are %+v", all)
	}
}

// Harbor says yes to a role that there is not, and then there is no member.
func TestFactsMembers(t *testing.T) {
	tgt := newTarget(t)
	p := tgt.newProject(harbor.NewProject{})
	user, _ := tgt.newUser()
	id, err := tgt.admin.AddUser(t.Context(), p, user, harbor.Guest)
	tgt.check(err)
	auth := tgt.user + ":" + tgt.password
	path := "/api/v2.0/projects/" + p + "/members"
	for filter, want := range map[string]string{user: user, user[:3]: ""} {
		got := tgt.ask(http.MethodGet, path+"?entityname="+filter, auth)
		if got.header.Get("X-Total-Count") != "2" || strings.Contains(string(got.body), user) != (want != "") {
			t.Errorf("the filter %s gives %s of %s", filter, got.body, got.header.Get("X-Total-Count"))
		}
	}
	r := must(http.NewRequest(http.MethodPut, fmt.Sprintf("%s%s/%d", tgt.base, path, id), strings.NewReader(`{"role_id":77}`)))
	r.SetBasicAuth(tgt.user, tgt.password)
	r.Header.Set("Content-Type", "application/json")
	resp := must(tgt.http.Do(r))
	resp.Body.Close()
	members, err := harbor.All(tgt.admin.Members(t.Context(), p))
	tgt.check(err)
	if resp.StatusCode != http.StatusOK || len(members) != 1 || members[0].Name != tgt.user {
		t.Errorf("role 77 is %s, and members are %+v", resp.Status, members)
	}
}

func TestDirectory(t *testing.T) {
	tgt := fakeTarget(t, fakeharbor.Options{})
	ctx := t.Context()
	const dn = "cn=cfd,ou=groups,dc=example"
	tgt.fake.AddUser(fakeharbor.User{Name: "Mori", Password: "x", Groups: []string{dn}, Email: "m@example.org"})
	tgt.fake.AddUser(fakeharbor.User{Name: "other", Password: "x", Email: "m@example.org"})
	p := tgt.newProject(harbor.NewProject{})
	tgt.push(p+"/app", "1")
	if got := tgt.head(p+"/app", "1", "mori:x"); got.status != http.StatusUnauthorized {
		t.Errorf("without a group it is %d", got.status)
	}
	_, err := tgt.admin.AddLDAPGroup(ctx, p, dn, harbor.LimitedGuest)
	tgt.check(err)
	if got := tgt.head(p+"/app", "1", "mori:x"); got.status != http.StatusOK {
		t.Errorf("by a group it is %d", got.status)
	}
	groups, err := harbor.All(tgt.admin.Groups(ctx))
	tgt.check(err)
	of, err := harbor.All(tgt.admin.Members(ctx, p))
	tgt.check(err)
	if !slices.ContainsFunc(of, func(m harbor.Member) bool {
		return m.Kind == harbor.GroupMember && m.Name == "cfd" && slices.Contains(groups, harbor.Group{ID: m.Entity, Name: "cfd", DN: dn})
	}) {
		t.Errorf("members are %+v of groups %+v", of, groups)
	}
	_, err = tgt.admin.AddLDAPGroup(ctx, p, "cn=none", harbor.Guest)
	tgt.wantStatus("an unknown group", err, http.StatusInternalServerError)
	_, err = tgt.admin.AddLDAPGroup(ctx, p, "CN=cfd,ou=groups,dc=example", harbor.Guest)
	tgt.wantStatus("a group that is known in another spelling", err, http.StatusInternalServerError)
	_, err = tgt.admin.AddUser(ctx, p, "mori", harbor.Developer)
	tgt.check(err)
	members, err := harbor.All(tgt.admin.Members(ctx, p))
	tgt.check(err)
	if !slices.ContainsFunc(members, func(m harbor.Member) bool { return m.Name == "Mori" }) {
		t.Errorf("the name's case is not the directory's: %+v", members)
	}
	_, err = tgt.admin.AddUser(ctx, p, "other", harbor.Guest)
	tgt.wantStatus("the same mail address", err, http.StatusConflict)
}

func TestHealth(t *testing.T) {
	tgt := newTarget(t)
	h, err := tgt.client("", "").Health(t.Context())
	tgt.check(err)
	if h.Status != "healthy" || h.Unhealthy("database") || h.Unhealthy("none") || len(h.Components) < 5 {
		t.Errorf("health is %+v", h)
	}
	info, err := tgt.admin.SystemInfo(t.Context())
	tgt.check(err)
	if info.AuthMode == "" || info.Version == "" || info.ReadOnly {
		t.Errorf("it says %+v", info)
	}
	info, err = tgt.client("", "").SystemInfo(t.Context())
	tgt.check(err)
	if info.AuthMode == "" || info.Version != "" {
		t.Errorf("it says to nobody %+v", info)
	}
}
