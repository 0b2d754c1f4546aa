package harbor_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/opencontainers/go-digest"
)

// refused asks for a manifest with HEAD and makes a question of the answer, which
// has no body.
func (tgt *target) refused(user, password, repository, reference string) harbor.Question {
	tgt.Helper()
	auth := ""
	if user != "" {
		auth = user + ":" + password
	}
	got := tgt.head(repository, reference, auth)
	q := tgt.question(user, password, repository, reference)
	q.Status, q.Header = got.status, got.header
	if tgt.timed {
		q.Took = got.took
	}
	return q
}

// question is about a request that got no answer.
func (tgt *target) question(user, password, repository, reference string) harbor.Question {
	project, rest, _ := strings.Cut(repository, "/")
	return harbor.Question{Client: tgt.client(user, password), Project: project, Repository: rest, Reference: reference, Timing: tgt.timing}
}

// expired asks as a new guest with a token that is not valid any more.
func (tgt *target) expired(repository, reference string) harbor.Question {
	tgt.Helper()
	project, _, _ := strings.Cut(repository, "/")
	user, password := tgt.newMember(project, harbor.Guest)
	q := tgt.refused(user, password, repository, reference)
	got := tgt.head(repository, reference, "Bearer expired")
	q.Status, q.Header = got.status, got.header
	return q
}

// causeTest leads to a cause by one way. check looks at the rest of the
// diagnosis, and may be nil.
type causeTest struct {
	name  string
	want  harbor.Cause
	ask   func(*target) harbor.Question
	check func(*target, harbor.Diagnosis)
}

// accessCauses are about who asks, and for what.
var accessCauses = []causeTest{
	{"wrong password", harbor.WrongPassword, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{})
		user, _ := tgt.newMember(p, harbor.Guest)
		return tgt.refused(user, "wrong", p+"/app", "1")
	}, nil},
	{"unknown user", harbor.WrongPassword, func(tgt *target) harbor.Question {
		return tgt.refused(unique("nobody"), "x", tgt.newProject(harbor.NewProject{})+"/app", "1")
	}, nil},
	{"wrong password, and no project either", harbor.NoProject, func(tgt *target) harbor.Question {
		user, _ := tgt.newUser()
		q := tgt.refused(user, "wrong", unique("none")+"/app", "1")
		q.Took = 0
		return q
	}, func(tgt *target, d harbor.Diagnosis) {
		if strings.Count(d.Message, "not found") != 1 {
			tgt.Errorf("it says %q", d.Message)
		}
	}},
	{"wrong password, late, and no project either", harbor.WrongPassword, func(tgt *target) harbor.Question {
		user, _ := tgt.newUser()
		q := tgt.refused(user, "wrong", unique("none")+"/app", "1")
		q.Took = cmp.Or(tgt.timing.LoginDelay, 1600*time.Millisecond)
		return q
	}, nil},
	{"wrong password, pushing to a public project", harbor.WrongPassword, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{Metadata: harbor.Metadata{Public: "true"}})
		user, _ := tgt.newMember(p, harbor.Developer)
		q := tgt.question(user, "wrong", p+"/app", "1")
		got := tgt.ask(http.MethodPost, "/v2/"+p+"/app/blobs/uploads/", user+":wrong")
		q.Method, q.Status, q.Header, q.Body = http.MethodPost, got.status, got.header, got.body
		return q
	}, nil},
	{"wrong password, public project, no tag", harbor.NoTag, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{Metadata: harbor.Metadata{Public: "true"}})
		tgt.push(p+"/app", "1")
		user, _ := tgt.newUser()
		return tgt.refused(user, "wrong", p+"/app", "2")
	}, hasTag("1")},
	{"wrong password, with a token", harbor.WrongPassword, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{})
		user, _ := tgt.newMember(p, harbor.Guest)
		token, _ := tgt.token(p+"/app", user+":wrong")
		q := tgt.refused(user, "wrong", p+"/app", "1")
		q.Status = tgt.head(p+"/app", "1", "Bearer "+token).status
		return q
	}, nil},
	{"locked by a job with an old password", harbor.LoginLocked, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{})
		user, password := tgt.newMember(p, harbor.Guest)
		tgt.push(p+"/app", "1")
		tgt.ask(http.MethodGet, "/api/v2.0/users/current", user+":"+password) // the first login takes its time
		go func() { _, _ = tgt.tryAsk(http.MethodGet, "/api/v2.0/users/current", user+":old") }()
		var q harbor.Question
		tgt.eventually("the account is locked", func() bool {
			q = tgt.refused(user, password, p+"/app", "1")
			return q.Status == http.StatusUnauthorized
		})
		return q
	}, nil},
	{"directory down", harbor.DirectoryDown, func(tgt *target) harbor.Question {
		tgt.needsFake("its directory breaks")
		p := tgt.newProject(harbor.NewProject{})
		user, password := tgt.newMember(p, harbor.Guest)
		tgt.fake.SetDirectory(fakeharbor.DirectoryDown)
		return tgt.refused(user, password, p+"/app", "1")
	}, nil},
	{"directory does not answer", harbor.DirectoryDown, func(tgt *target) harbor.Question {
		tgt.needsFake("its directory breaks")
		p := tgt.newProject(harbor.NewProject{})
		user, password := tgt.newMember(p, harbor.Guest)
		tgt.fake.SetDirectory(fakeharbor.DirectoryUnreachable)
		q := tgt.refused(user, password, p+"/app", "1")
		q.Timing.Wait = func(context.Context) error {
			tgt.Error("it waits for what it knows")
			return nil
		}
		return q
	}, nil},
	{"directory hangs", harbor.DirectoryDown, func(tgt *target) harbor.Question {
		tgt.needsFake("its directory breaks")
		p := tgt.newProject(harbor.NewProject{})
		user, password := tgt.newMember(p, harbor.Guest)
		tgt.fake.SetDirectory(fakeharbor.DirectoryHanging)
		return tgt.question(user, password, p+"/app", "1")
	}, timedOut},
	{"directory hangs after a 401", harbor.DirectoryDown, func(tgt *target) harbor.Question {
		tgt.needsFake("its directory breaks")
		p := tgt.newProject(harbor.NewProject{})
		user, password := tgt.newUser()
		q := tgt.refused(user, password, p+"/app", "1")
		tgt.fake.SetDirectory(fakeharbor.DirectoryHanging)
		return q
	}, timedOut},
	{"directory hangs when asked again", harbor.DirectoryDown, func(tgt *target) harbor.Question {
		tgt.needsFake("its directory breaks")
		p := tgt.newProject(harbor.NewProject{})
		user, password := tgt.newUser()
		tgt.fake.SetDirectory(fakeharbor.DirectoryDown)
		q := tgt.refused(user, password, p+"/app", "1")
		q.Timing.Wait = func(context.Context) error {
			tgt.fake.SetDirectory(fakeharbor.DirectoryHanging)
			return nil
		}
		return q
	}, timedOut},
	{"directory hangs, robot expired", harbor.RobotRefused, func(tgt *target) harbor.Question {
		tgt.needsFake("its directory breaks")
		p := tgt.newProject(harbor.NewProject{})
		name, secret := tgt.fake.AddRobot(fakeharbor.Robot{Project: p, Name: "old", Expires: time.Now().Add(-time.Second)})
		tgt.fake.SetDirectory(fakeharbor.DirectoryHanging)
		return tgt.question(name, secret, p+"/app", "1")
	}, nil},
	{"directory down, for an account that Harbor has itself", harbor.NoTag, func(tgt *target) harbor.Question {
		tgt.needsFake("its directory breaks")
		p := tgt.newProject(harbor.NewProject{})
		tgt.push(p+"/app", "1")
		tgt.fake.SetDirectory(fakeharbor.DirectoryDown)
		return tgt.refused(tgt.user, tgt.password, p+"/app", "2")
	}, nil},
	{"directory down, and everything slow", harbor.DirectoryDown, func(tgt *target) harbor.Question {
		tgt.needsFake("its directory breaks")
		p := tgt.newProject(harbor.NewProject{})
		user, password := tgt.newMember(p, harbor.Guest)
		tgt.fake.SetDirectory(fakeharbor.DirectoryDown)
		tgt.fake.SetDelay(2 * loginDelay)
		return tgt.refused(user, password, p+"/app", "1")
	}, nil},
	{"wrong password, and everything slow", harbor.WrongPassword, func(tgt *target) harbor.Question {
		tgt.needsFake("it is slow")
		p := tgt.newProject(harbor.NewProject{})
		user, _ := tgt.newMember(p, harbor.Guest)
		tgt.fake.SetDelay(2 * loginDelay)
		return tgt.refused(user, "wrong", p+"/app", "1")
	}, nil},
	{"password changed", harbor.WrongPassword, func(tgt *target) harbor.Question {
		tgt.needsFake("it changes passwords")
		p := tgt.newProject(harbor.NewProject{})
		user, password := tgt.newMember(p, harbor.Guest)
		tgt.fake.SetPassword(user, "new")
		return tgt.refused(user, password, p+"/app", "1")
	}, nil},
	{"mail address of somebody else", harbor.DirectoryDown, func(tgt *target) harbor.Question {
		tgt.needsFake("it has a directory with a mistake")
		tgt.fake.AddUser(fakeharbor.User{Name: "first", Password: "x", Email: "m@example.org"})
		tgt.fake.AddUser(fakeharbor.User{Name: "second", Password: "x", Email: "m@example.org"})
		p := tgt.newProject(harbor.NewProject{})
		tgt.fake.AddMember(p, "first", fakeharbor.Guest)
		return tgt.refused("second", "x", p+"/app", "1")
	}, nil},

	{"robot with another secret", harbor.RobotRefused, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{})
		robot := tgt.newRobot(p, 7)
		_, err := tgt.admin.RefreshSecret(tgt.ctx(), robot.ID)
		tgt.check(err)
		return tgt.refused(robot.Name, robot.Secret, p+"/app", "1")
	}, nil},
	{"robot disabled", harbor.RobotRefused, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{})
		robot := tgt.newRobot(p, harbor.Forever)
		tgt.check(tgt.admin.DisableRobot(tgt.ctx(), robot.ID))
		return tgt.refused(robot.Name, robot.Secret, p+"/app", "1")
	}, nil},
	{"robot deleted", harbor.RobotRefused, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{})
		robot := tgt.newRobot(p, harbor.Forever)
		tgt.check(tgt.admin.DeleteRobot(tgt.ctx(), robot.ID))
		return tgt.refused(robot.Name, robot.Secret, p+"/app", "1")
	}, nil},
	{"robot expired", harbor.RobotRefused, func(tgt *target) harbor.Question {
		tgt.needsFake("its robots expire at once")
		p := tgt.newProject(harbor.NewProject{})
		name, secret := tgt.fake.AddRobot(fakeharbor.Robot{Project: p, Name: "old", Expires: time.Now().Add(-time.Second)})
		return tgt.refused(name, secret, p+"/app", "1")
	}, nil},
	{"robot expired, directory down", harbor.RobotRefused, func(tgt *target) harbor.Question {
		tgt.needsFake("its directory breaks")
		p := tgt.newProject(harbor.NewProject{})
		name, secret := tgt.fake.AddRobot(fakeharbor.Robot{Project: p, Name: "old", Expires: time.Now().Add(-time.Second)})
		tgt.fake.SetDirectory(fakeharbor.DirectoryDown)
		return tgt.refused(name, secret, p+"/app", "1")
	}, nil},
	{"robot whose prefix was changed", harbor.RobotRefused, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{})
		return tgt.refused("svc-"+p+"+nodes", "x", p+"/app", "1")
	}, nil},
	{"robot of another project", harbor.NotMember, func(tgt *target) harbor.Question {
		p, other := tgt.newProject(harbor.NewProject{}), tgt.newProject(harbor.NewProject{})
		robot := tgt.newRobot(other, harbor.Forever)
		return tgt.refused(robot.Name, robot.Secret, p+"/app", "1")
	}, nil},
	{"robot, no tag", harbor.NoTag, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{})
		tgt.push(p+"/app", "1")
		robot := tgt.newRobot(p, harbor.Forever)
		return tgt.refused(robot.Name, robot.Secret, p+"/app", "2")
	}, hasTag("1")},

	{"not a member", harbor.NotMember, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{})
		tgt.push(p+"/app", "1")
		user, password := tgt.newUser()
		return tgt.refused(user, password, p+"/app", "1")
	}, nil},
	{"a guest pushes", harbor.NotMember, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{})
		tgt.push(p+"/app", "1")
		user, password := tgt.newMember(p, harbor.Guest)
		q := tgt.refused(user, password, p+"/app", "1")
		got := tgt.ask(http.MethodPost, "/v2/"+p+"/app/blobs/uploads/", user+":"+password)
		q.Method, q.Status, q.Header, q.Body = http.MethodPost, got.status, got.header, got.body
		return q
	}, nil},
	{"not a member, of a number", harbor.NotMember, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{Name: fmt.Sprint(time.Now().UnixNano())})
		user, password := tgt.newUser()
		return tgt.refused(user, password, p+"/app", "1")
	}, nil},
	{"not a member, without a header", harbor.NotMember, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{})
		user, password := tgt.newUser()
		q := tgt.refused(user, password, p+"/app", "1")
		q.Header = nil
		return q
	}, nil},
	{"no project, without a header", harbor.NoProject, func(tgt *target) harbor.Question {
		user, password := tgt.newUser()
		q := tgt.refused(user, password, unique("none")+"/app", "1")
		q.Header = nil
		return q
	}, nil},
	{"no project any more", harbor.NoProject, func(tgt *target) harbor.Question {
		user, password := tgt.newUser()
		q := tgt.refused(user, password, unique("none")+"/app", "1")
		q.Header = http.Header{"Www-Authenticate": {`Basic realm="harbor"`}} // of a moment ago
		return q
	}, nil},
	{"no project, for a robot", harbor.NoProject, func(tgt *target) harbor.Question {
		robot := tgt.newRobot(tgt.newProject(harbor.NewProject{}), harbor.Forever)
		return tgt.refused(robot.Name, robot.Secret, unique("none")+"/app", "1")
	}, nil},
	{"no project", harbor.NoProject, func(tgt *target) harbor.Question {
		user, password := tgt.newUser()
		return tgt.refused(user, password, unique("none")+"/app", "1")
	}, nil},
	{"no repository", harbor.NoRepository, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{})
		user, password := tgt.newMember(p, harbor.LimitedGuest)
		return tgt.refused(user, password, p+"/none", "1")
	}, nil},
	{"no tag", harbor.NoTag, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{})
		tgt.push(p+"/a/b", "1")
		user, password := tgt.newMember(p, harbor.LimitedGuest)
		return tgt.refused(user, password, p+"/a/b", "2")
	}, hasTag("1")},
	{"no digest", harbor.NoTag, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{})
		tgt.push(p+"/app", "1")
		user, password := tgt.newMember(p, harbor.Guest)
		return tgt.refused(user, password, p+"/app", digest.FromString("none").String())
	}, hasTag("1")},
	{"upper case", harbor.BadName, func(tgt *target) harbor.Question {
		user, password := tgt.newUser()
		return tgt.refused(user, password, tgt.newProject(harbor.NewProject{})+"/App", "1")
	}, nil},
	{"lost by the storage", harbor.Lost, func(tgt *target) harbor.Question {
		tgt.needsFake("its storage loses things")
		p := tgt.newProject(harbor.NewProject{})
		tgt.push(p+"/app", "1")
		tgt.fake.Lose(p+"/app", "1")
		return tgt.refused(tgt.user, tgt.password, p+"/app", "1")
	}, nil},
	{"nobody, private", harbor.LoginNeeded, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{})
		tgt.push(p+"/app", "1")
		return tgt.refused("", "", p+"/app", "1")
	}, nil},
	{"nobody, no project", harbor.NoProject, func(tgt *target) harbor.Question {
		return tgt.refused("", "", unique("none")+"/app", "1")
	}, nil},
	{"nobody, public, no tag", harbor.NoTag, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{Metadata: harbor.Metadata{Public: "true"}})
		tgt.push(p+"/app", "1")
		return tgt.refused("", "", p+"/app", "2")
	}, hasTag("1")},
	{"nobody, public", harbor.Passing, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{Metadata: harbor.Metadata{Public: "true"}})
		tgt.push(p+"/app", "1")
		return tgt.refused("", "", p+"/app", "1") // without a token that is 401
	}, nil},
	{"without the right Accept", harbor.Passing, func(tgt *target) harbor.Question {
		tgt.needsFake("it pushes an OCI image")
		p := tgt.newProject(harbor.NewProject{})
		tgt.fake.PushManifest(p+"/app", "1", "application/vnd.oci.image.manifest.v1+json", []byte(`{"schemaVersion":2}`))
		q := tgt.refused(tgt.user, tgt.password, p+"/app", "1")
		got := tgt.ask(http.MethodGet, "/v2/"+p+"/app/manifests/1", tgt.user+":"+tgt.password)
		q.Status, q.Body = got.status, got.body
		return q
	}, nil},
	{"expired token", harbor.Passing, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{})
		tgt.push(p+"/app", "1")
		return tgt.expired(p+"/app", "1")
	}, nil},

	{"no tag, behind an expired token", harbor.NoTag, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{})
		tgt.push(p+"/app", "1")
		return tgt.expired(p+"/app", "2")
	}, nil},
	{"no repository, behind an expired token", harbor.NoRepository, func(tgt *target) harbor.Question {
		return tgt.expired(tgt.newProject(harbor.NewProject{})+"/none", "1")
	}, nil},
	{"storage down, behind an expired token", harbor.BackendDown, func(tgt *target) harbor.Question {
		tgt.needsFake("its storage breaks")
		p := tgt.newProject(harbor.NewProject{})
		tgt.push(p+"/app", "1")
		tgt.fake.SetBackendDown(true)
		return tgt.expired(p+"/app", "1")
	}, nil},
}

// timedOut is for a diagnosis whose own question got no answer.
func timedOut(tgt *target, d harbor.Diagnosis) {
	tgt.Helper()
	if !errors.Is(d.Err, context.DeadlineExceeded) {
		tgt.Errorf("the error is %v", d.Err)
	}
}

func hasTag(tag string) func(*target, harbor.Diagnosis) {
	return func(tgt *target, d harbor.Diagnosis) {
		tgt.Helper()
		if !slices.Contains(d.Tags, tag) {
			tgt.Errorf("tags are %v", d.Tags)
		}
	}
}

// newRobot makes a pull-only robot.
func (tgt *target) newRobot(project string, days int64) harbor.RobotSecret {
	tgt.Helper()
	robot, err := tgt.admin.CreateRobot(tgt.ctx(), project, unique("r"), days, harbor.PullOnly)
	tgt.check(err)
	return robot
}
