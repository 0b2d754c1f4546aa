package harbor_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/harbor"
)

func TestRobots(t *testing.T) {
	tgt := newTarget(t)
	ctx := t.Context()
	name := tgt.newProject(harbor.NewProject{})
	p, err := tgt.admin.Project(ctx, name)
	tgt.check(err)
	tgt.push(name+"/app", "1")
	made, err := tgt.admin.CreateRobot(ctx, name, "nodes", 30, harbor.PullOnly)
	tgt.check(err)
	if made.Name != "robot$"+name+"+nodes" || made.Secret == "" {
		t.Errorf("the robot is %+v", made)
	}
	_, err = tgt.admin.CreateRobot(ctx, name, "nodes", 30, harbor.PullOnly)
	tgt.wantStatus("a second of the same name", err, http.StatusConflict)
	_, err = tgt.admin.CreateRobot(ctx, name, "short", 0, harbor.PullOnly)
	tgt.wantStatus("a robot for no time", err, http.StatusBadRequest)
	if got := tgt.head(name+"/app", "1", made.Name+":"+made.Secret); got.status != http.StatusOK {
		t.Errorf("it pulls %d", got.status)
	}
	robots := func() []harbor.Robot {
		all, err := harbor.All(tgt.admin.Robots(ctx, p.ID))
		tgt.check(err)
		return all
	}
	robot := tgt.client(made.Name, made.Secret)
	_, err = robot.CurrentUser(ctx)
	tgt.wantStatus("who a robot is", err, http.StatusPreconditionFailed)
	_, err = robot.Artifact(ctx, name, "app", "1")
	tgt.wantStatus("the API for a pull-only robot", err, http.StatusForbidden)

	before := robots()[0]
	longer := before
	longer.Days, longer.Permissions[0].Access = 45, append(longer.Permissions[0].Access, harbor.Access{Resource: "repository", Action: "push"})
	tgt.check(tgt.admin.UpdateRobot(ctx, longer))
	if after := robots()[0]; after.Expires != before.Created.AddDate(0, 0, 45).Unix() || len(after.Permissions[0].Access) != 2 {
		t.Errorf("with a longer life it is %+v, after %+v", after, before)
	}
	longer.Days, longer.Permissions[0].Access = 30, harbor.PullOnly
	tgt.check(tgt.admin.UpdateRobot(ctx, longer))

	secret, err := tgt.admin.RefreshSecret(ctx, made.ID)
	tgt.check(err)
	if got := tgt.head(name+"/app", "1", made.Name+":"+secret); got.status != http.StatusOK {
		t.Errorf("with the new secret it pulls %d", got.status)
	}
	token, _ := tgt.token(name+"/app", made.Name+":"+secret)
	tgt.check(tgt.admin.DisableRobot(ctx, made.ID))
	all := robots()
	if len(all) != 1 || !all[0].Disabled || all[0].Days != 30 || all[0].Expired(time.Now()) || !all[0].Expired(time.Now().AddDate(0, 0, 31)) {
		t.Errorf("robots are %+v", all)
	}
	if diff := cmp.Diff([]harbor.Permission{{Kind: "project", Project: name, Access: harbor.PullOnly}}, all[0].Permissions); diff != "" {
		t.Errorf("its rights (-want +got):\n%s", diff)
	}
	if got := tgt.head(name+"/app", "1", made.Name+":"+secret); got.status != http.StatusUnauthorized {
		t.Errorf("disabled it pulls %d", got.status)
	}
	if got := tgt.head(name+"/app", "1", "Bearer "+token); got.status != http.StatusOK {
		t.Errorf("with its token it pulls %d", got.status)
	}
	tgt.check(tgt.admin.DeleteRobot(ctx, made.ID))
	tgt.wantStatus("a deleted robot", tgt.admin.DeleteRobot(ctx, made.ID), http.StatusNotFound)
}

// TestSystemRobots: one credential for several projects, which lives on when it is
// changed and when one of them goes.
func TestSystemRobots(t *testing.T) {
	tgt := newTarget(t)
	ctx := t.Context()
	own, shared, third := tgt.newProject(harbor.NewProject{}), tgt.newProject(harbor.NewProject{}), tgt.newProject(harbor.NewProject{})
	for _, p := range []string{own, shared, third} {
		tgt.push(p+"/app", "1")
	}
	name := unique("nodes-")
	_, err := tgt.admin.SystemRobot(ctx, name)
	tgt.wantStatus("one that is not there", err, http.StatusNotFound)
	_, err = tgt.admin.CreateSystemRobot(ctx, harbor.Robot{Name: name, Days: 3, Permissions: harbor.PullFrom(own, unique("none"))})
	tgt.wantStatus("one for a project that is not there", err, http.StatusNotFound)
	_, err = tgt.admin.CreateSystemRobot(ctx, harbor.Robot{Name: "Nodes-A", Days: 3, Permissions: harbor.PullFrom(own)})
	tgt.wantStatus("a name in upper case", err, http.StatusBadRequest)
	made, err := tgt.admin.CreateSystemRobot(ctx, harbor.Robot{Name: name, Description: "für 20260001", Days: 3, Permissions: harbor.PullFrom(own, shared)})
	tgt.check(err)
	defer func() { tgt.check(tgt.admin.DeleteRobot(ctx, made.ID)) }()
	_, err = tgt.admin.CreateSystemRobot(ctx, harbor.Robot{Name: name, Days: 3, Permissions: harbor.PullFrom(own)})
	tgt.wantStatus("a second of the same name", err, http.StatusConflict)
	pulls := func(want map[string]int) {
		t.Helper()
		for p, status := range want {
			if got := tgt.head(p+"/app", "1", made.Name+":"+made.Secret); got.status != status {
				t.Errorf("from %s it pulls %d, not %d", p, got.status, status)
			}
		}
	}
	pulls(map[string]int{own: http.StatusOK, shared: http.StatusOK, third: http.StatusUnauthorized})
	r, err := tgt.admin.SystemRobot(ctx, name)
	tgt.check(err)
	if r.ID != made.ID || r.Name != made.Name || r.Name != "robot$"+name || r.Description != "für 20260001" || len(r.Permissions) != 2 || r.Expires != made.Expires || r.Created.IsZero() {
		t.Errorf("the robot is %+v, and was made as %+v", r, made)
	}
	r.Permissions, r.Days = harbor.PullFrom(own, shared, third), 10
	tgt.check(tgt.admin.UpdateRobot(ctx, r))
	pulls(map[string]int{own: http.StatusOK, shared: http.StatusOK, third: http.StatusOK})
	longer, err := tgt.admin.SystemRobot(ctx, name)
	tgt.check(err)
	if longer.Expires != r.Created.AddDate(0, 0, 10).Unix() || longer.Description != r.Description {
		t.Errorf("it is now %+v, of %v", longer, r.Created)
	}
	tgt.check(tgt.admin.DeleteRepository(ctx, third, "app"))
	tgt.check(tgt.admin.DeleteProject(ctx, third))
	less, err := tgt.admin.SystemRobot(ctx, name)
	tgt.check(err)
	if diff := cmp.Diff(harbor.PullFrom(own, shared), less.Permissions); diff != "" {
		t.Errorf("its rights without the deleted project (-want +got):\n%s", diff)
	}
	found := false
	for r, err := range tgt.admin.SystemRobots(ctx) {
		tgt.check(err)
		found = found || r.ID == made.ID
	}
	if !found {
		t.Error("it is not among all")
	}
	user, password := tgt.newUser()
	_, err = tgt.client(user, password).CreateSystemRobot(ctx, harbor.Robot{Name: name, Days: 3, Permissions: harbor.PullFrom(own)})
	tgt.wantStatus("one by somebody else", err, http.StatusForbidden)
}
