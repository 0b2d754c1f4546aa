package mirror

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/store"
)

// TestRights: who is a member may read, by uid, gid, or as a member of a group without
// one; who is removed may not, from the next round on.
func TestRights(t *testing.T) {
	w := newWorld(t)
	const lab, withGID = "cn=lab,ou=groups,dc=u", "cn=gid,ou=groups,dc=u"
	w.people.persons = map[string]people.Person{
		"alice": {ID: "alice", UID: 2001}, "bob": {ID: "bob", UID: 2002}, "carol": {ID: "carol", UID: 2003},
		"gone": {ID: "gone", UID: 2004, Expires: time.Now().Add(-time.Hour)}, "nouid": {ID: "nouid", UID: -1}, "root": {ID: "root", UID: 0},
	}
	w.people.groups = map[string]people.Group{lab: {DN: lab, GID: -1, Members: []string{"carol", "stranger"}}, withGID: {DN: withGID, GID: 3001}}
	w.fake.AddProject(fakeharbor.Project{Name: "p"})
	for _, name := range []string{"alice", "bob", "gone", "nouid", "unknown"} {
		w.fake.AddUser(fakeharbor.User{Name: name, Password: "x"})
		w.fake.AddMember("p", name, fakeharbor.Guest)
	}
	w.fake.AddGroup(lab)
	w.fake.AddGroup(withGID)
	admin := w.options().Harbor
	for _, dn := range []string{lab, withGID} {
		_, err := admin.AddLDAPGroup(t.Context(), "p", dn, harbor.Guest)
		check(t, err)
	}
	w.fake.Push("p/app", "1", testImage(t, "x"))
	m, _ := w.mirror(onAMD64)
	w.settle(m)
	want := func(step string, members store.Members) {
		t.Helper()
		var got store.Members
		check(t, w.state.Load(sharedState, "p", &got))
		if diff := cmp.Diff(members, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
	}
	all := store.Members{UIDs: []int{2001, 2002, 2003}, GIDs: []int{3001}}
	want("at the start", all)
	if acl := getfacl(t, w.site("p").Realm()); acl != "" && (!strings.Contains(acl, "user:2001:r-x") || !strings.Contains(acl, "group:3001:r-x") || strings.Contains(acl, "2004")) {
		t.Errorf("the list is\n%s", acl)
	}

	shares := w.audited(`"store.share"`)
	w.round(m)
	if w.audited(`"store.share"`) != shares {
		t.Error("rights that did not change are in the audit log")
	}

	w.fake.RemoveMember("p", "alice")
	w.round(m)
	want("alice was removed", store.Members{UIDs: []int{2002, 2003}, GIDs: []int{3001}})

	w.people.err = errors.New("LDAP is down")
	w.fake.RemoveMember("p", "bob")
	w.round(m)
	want("while the directory is down", store.Members{UIDs: []int{2002, 2003}, GIDs: []int{3001}})
	if troubles := m.Status().Troubles; len(troubles) != 1 || troubles[0].Where != "directory" {
		t.Errorf("troubles are %+v", troubles)
	}
	w.people.err = nil
	w.round(m)
	want("when it is up again", store.Members{UIDs: []int{2003}, GIDs: []int{3001}})

	w.fake.SetMetadata("p", "public", "true")
	w.round(m)
	want("public", store.Members{Everybody: true})
	if info, err := os.Stat(w.site("p").Realm()); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
}

func getfacl(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("getfacl", "-np", dir).Output()
	if err != nil {
		return "" // it is not installed
	}
	return string(out)
}

// round makes a round and waits for its end.
func (w *world) round(m *Mirror) {
	w.Helper()
	before := m.Status().Rounds.Ended
	m.MarkAll()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if m.Status().Rounds.Ended.After(before) {
			w.settle(m)
			return
		}
	}
	w.Fatalf("the round does not end: %+v", m.Status())
}

// TestProjectsThatEnd: of a project that Harbor does not have any more nothing stays
// but what is cited, for nobody.
func TestProjectsThatEnd(t *testing.T) {
	w := newWorld(t)
	w.fake.AddProject(fakeharbor.Project{Name: "p", Public: true})
	plain, cited := w.fake.Push("p/app", "1", testImage(t, "plain")), w.fake.Push("p/app", "2", testImage(t, "cited"))
	m, _ := w.mirror(onAMD64)
	w.settle(m)
	check(t, w.site("p").SetPin(store.Pin{Digest: cited, Reason: "Suzuki 2026"}))
	admin := w.options().Harbor
	check(t, admin.DeleteRepository(t.Context(), "p", "app"))
	check(t, admin.DeleteProject(t.Context(), "p"))
	m.Mark(Target{"p", "app"})
	w.settle(m)
	got := w.digests("p")
	if !got[cited] || got[plain] || len(w.names("p")) != 0 {
		t.Errorf("left are %v, %v", got, w.names("p"))
	}
	if info, err := os.Stat(w.site("p").Realm()); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
}
