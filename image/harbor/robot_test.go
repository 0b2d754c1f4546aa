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
