package desired

import (
	"context"
	"fmt"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
)

// robots compares the robots of a project.
func (d *differ) robots() {
	actual := map[string]harbor.Robot{}
	if d.actual != nil {
		actual = d.actual.robots
	}
	for _, name := range sortedKeys(d.target.robots) {
		is, there := actual[name]
		if !there {
			r := d.target.robots[name]
			d.addRobot(name, Change{Kind: "robot.create", After: describeRobot(r), act: createRobot{name, r}})
			continue
		}
		d.robot(name, is)
	}
	for _, name := range sortedKeys(actual) {
		if d.target.robots[name] != nil {
			continue
		}
		c := Change{Kind: "robot.delete", Before: rights(accessOf(actual[name])), act: deleteRobot{name, actual[name].ID}}
		if d.owned.Robots[name] == nil {
			if !d.target.exclusive {
				continue
			}
			c.Needs, c.Reason = NeedsPrune, "the project is exclusive, and jadm did not make it"
		}
		d.addRobot(name, c)
	}
}

func (d *differ) addRobot(name string, c Change) {
	c.Subject, c.rank = fmt.Sprintf("robot %s of %s", name, d.target.name), rankRobot
	d.add(c)
}

// robot compares one that is there and should be.
func (d *differ) robot(name string, is harbor.Robot) {
	want, own := d.target.robots[name], d.owned.Robots[name]
	if own == nil {
		d.plan.Problems = append(d.plan.Problems, Problem{
			Subject: fmt.Sprintf("robot %s of %s", name, d.target.name), Why: "jadm did not make it, and nobody but its maker knows its secret",
			Next: "give jadm's robot another name in the file, or delete the one that is there",
		})
		return
	}
	if is.Disabled {
		return // somebody had a reason
	}
	before, after := rights(accessOf(is)), rights(want.access())
	if d.wrongLife(want, is) {
		c := Change{Kind: "robot.renew", Before: "until " + until(is), After: "for " + life(want.Days)}
		if before != after {
			c.Before, c.After = before+", "+c.Before, after+", "+c.After
		}
		secret := !want.KeepSecret || !own.Kept || d.Lost[RobotOf{d.target.name, name}]
		c.Reason, c.act = renewalReason(secret), renewRobot{name: name, robot: want, is: is, secret: secret}
		d.addRobot(name, c)
		return
	}
	if before != after {
		d.addRobot(name, Change{Kind: "robot.rights", Before: before, After: after, act: changeRobot{is, want.access()}})
	}
	lost := d.Lost[RobotOf{d.target.name, name}]
	if lost || !own.Kept {
		reason := "jadm was interrupted before it could keep the secret"
		if lost {
			reason = "the file with its login is gone"
		}
		d.addRobot(name, Change{
			Kind: "robot.refresh", Before: "secret lost", After: "new secret", Reason: reason,
			act: renewRobot{name: name, robot: want, is: is, secret: true, sameLife: true},
		})
	}
}

func renewalReason(secret bool) string {
	if secret {
		return "with a new secret"
	}
	return ""
}

// wrongLife reports whether a robot must be renewed now, or lives too long. A renewal
// is in whole days since its making, and so up to a day too much, and an hour where
// Harbor's clock has summers.
func (d *differ) wrongLife(want *Robot, is harbor.Robot) bool {
	if want.Days < 0 || is.Expires == harbor.Forever {
		return (want.Days < 0) != (is.Expires == harbor.Forever)
	}
	left := time.Unix(is.Expires, 0).Sub(d.Now)
	return left <= want.renewBefore() || left > time.Duration(want.Days+2)*day
}

func until(r harbor.Robot) string {
	if r.Expires == harbor.Forever {
		return "for ever"
	}
	return time.Unix(r.Expires, 0).UTC().Format(time.DateOnly)
}

func describeRobot(r *Robot) string { return rights(r.access()) + ", " + life(r.Days) }

// accessOf are the rights of a robot of a project.
func accessOf(r harbor.Robot) []harbor.Access {
	var all []harbor.Access
	for _, p := range r.Permissions {
		all = append(all, p.Access...)
	}
	return all
}

// createRobot makes a robot and keeps its secret.
type createRobot struct {
	name  string
	robot *Robot
}

func (r createRobot) do(ctx context.Context, j *job) error {
	own := j.robot(r.name)
	if err := j.save(); err != nil {
		return err
	}
	made, err := j.Client.CreateRobot(ctx, j.owned.Project, r.name, r.robot.Days, r.robot.access())
	if err != nil {
		if definite(err) {
			delete(j.owned.Robots, r.name)
		}
		return j.failed(err)
	}
	own.ID = made.ID
	if err := j.save(); err != nil {
		return err
	}
	return j.keepSecret(ctx, r.name, r.robot, made)
}

// changeRobot gives a robot other rights.
type changeRobot struct {
	is     harbor.Robot
	access []harbor.Access
}

func (r changeRobot) do(ctx context.Context, j *job) error {
	r.is.Permissions = []harbor.Permission{{Kind: "project", Project: j.owned.Project, Access: r.access}}
	return j.Client.UpdateRobot(ctx, r.is)
}

// renewRobot gives a robot a new life, with the rights that it should have, a new
// secret, or both.
type renewRobot struct {
	name     string
	robot    *Robot
	is       harbor.Robot
	secret   bool
	sameLife bool
}

func (r renewRobot) do(ctx context.Context, j *job) error {
	own := j.robot(r.name)
	own.ID = r.is.ID
	if r.secret {
		own.Kept = false // from here on the one that was kept may be wrong
		if err := j.save(); err != nil {
			return err
		}
	}
	if !r.sameLife {
		r.is.Days = r.days(j.Now())
		r.is.Permissions = []harbor.Permission{{Kind: "project", Project: j.owned.Project, Access: r.robot.access()}}
		if err := j.Client.UpdateRobot(ctx, r.is); err != nil {
			return err
		}
	}
	if !r.secret {
		return nil
	}
	secret, err := j.Client.RefreshSecret(ctx, r.is.ID)
	if err != nil {
		return err
	}
	return j.keepSecret(ctx, r.name, r.robot, harbor.RobotSecret{ID: r.is.ID, Name: r.is.Name, Secret: secret})
}

// days is the life, counted from the robot's making as Harbor does, that ends
// robot.Days after now.
func (r renewRobot) days(now time.Time) int64 {
	if r.robot.Days < 0 {
		return harbor.Forever
	}
	age := max(0, now.Sub(r.is.Created))
	return int64((age+day-1)/day) + r.robot.Days
}

// deleteRobot removes a robot.
type deleteRobot struct {
	name string
	id   int64
}

func (r deleteRobot) do(ctx context.Context, j *job) error {
	if err := gone(j.Client.DeleteRobot(ctx, r.id)); err != nil {
		return err
	}
	delete(j.owned.Robots, r.name)
	return j.save()
}
