package onboarding_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/onboarding"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
)

// logIn makes Harbor know somebody.
func (tgt *target) logIn(id string) {
	tgt.Helper()
	_, err := harbor.New(harbor.Options{Base: tgt.base, User: id, Password: password}).CurrentUser(tgt.Context())
	check(tgt.T, err)
}

func ids(all []onboarding.Outcome) map[string]bool {
	names := map[string]bool{}
	for _, o := range all {
		names[o.ID] = o.Err == nil
	}
	return names
}

// TestFirstLogins: those who have logged in get a place, and nobody else.
func TestFirstLogins(t *testing.T) {
	tgt := needsFake(t)
	for _, id := range []string{"20260001", "20260002", "Carol", "left", "lost", "owner", "boss", "taken", "stays-out"} {
		tgt.person(id)
	}
	for _, id := range []string{"20260001", "20260002", "Carol", "left", "lost", "owner", "taken"} {
		tgt.logIn(id)
	}
	tgt.fake.AddUser(fakeharbor.User{Name: "local", Password: "x", Local: true})
	tgt.fake.AddUser(fakeharbor.User{Name: "boss2", Password: "x", Local: true, Admin: true})
	left := tgt.directory.all["left"]
	left.Expires = now.AddDate(0, 0, -1)
	tgt.directory.all["left"] = left
	tgt.directory.all["boss2"] = people.Person{ID: "boss2", Mail: "boss@example.jp"}
	delete(tgt.directory.all, "lost")
	tgt.project("owner")
	tgt.fake.AddMember("owner", "owner", fakeharbor.ProjectAdmin)

	run := func(at time.Time, most int) map[string]bool {
		t.Helper()
		all, err := tgt.onboarder().FirstLogins(t.Context(), onboarding.Choices{Now: at}, most)
		check(t, err)
		return ids(all)
	}
	if diff := cmp.Diff(map[string]bool{"20260001": true}, run(now, 1)); diff != "" {
		t.Errorf("one at a time (-want +got):\n%s", diff)
	}
	// With one it goes wrong; the others have their turn.
	tgt.directory.all["20260002"] = people.Person{ID: "20260002"}
	if diff := cmp.Diff(map[string]bool{"20260002": false, "Carol": true, "taken": true}, run(now, 50)); diff != "" {
		t.Errorf("all others (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]bool{}, run(now.Add(time.Hour), 50)); diff != "" {
		t.Errorf("an hour later (-want +got):\n%s", diff)
	}
	tgt.directory.all["20260002"] = people.Person{ID: "20260002", Mail: "2@example.jp"}
	if diff := cmp.Diff(map[string]bool{"20260002": true}, run(now.Add(25*time.Hour), 50)); diff != "" {
		t.Errorf("a day later (-want +got):\n%s", diff)
	}
	for _, project := range []string{"left", "lost", "local", "boss2", "admin", "boss", "stays-out"} {
		if _, err := tgt.admin.Project(t.Context(), project); harbor.Status(err) != http.StatusNotFound {
			t.Errorf("there is a project %s: %v", project, err)
		}
	}
	if _, err := tgt.admin.SystemRobot(t.Context(), onboarding.RobotName("owner")); harbor.Status(err) != http.StatusNotFound {
		t.Errorf("whoever had a project was taken in again: %v", err)
	}
}

// TestFirstLoginsWithoutDirectory: when the directory cannot say, nobody is guessed about.
func TestFirstLoginsWithoutDirectory(t *testing.T) {
	tgt := needsFake(t)
	tgt.person("20260001")
	tgt.logIn("20260001")
	tgt.directory.down = errors.New("it is down")
	all, err := tgt.onboarder().FirstLogins(t.Context(), onboarding.Choices{Now: now}, 50)
	if !errors.Is(err, tgt.directory.down) || len(all) > 0 {
		t.Errorf("it did %v, %v", all, err)
	}
	tgt.directory.down = nil
	// Killed in the middle, the next round goes on.
	tgt.transport = &mortal{left: 7, after: true}
	if !killed(func() { _, _ = tgt.onboarder().FirstLogins(t.Context(), onboarding.Choices{Now: now}, 50) }) {
		t.Fatal("it was not killed")
	}
	tgt.transport = nil
	all, err = tgt.onboarder().FirstLogins(t.Context(), onboarding.Choices{Now: now}, 50)
	check(t, err)
	if diff := cmp.Diff(map[string]bool{"20260001": true}, ids(all)); diff != "" {
		t.Errorf("the next round (-want +got):\n%s", diff)
	}
}

// TestRenew: robots live on with those who are there, and end with those who are not.
func TestRenew(t *testing.T) {
	tgt := needsFake(t)
	for _, id := range []string{"stays", "left", "lost", "off"} {
		tgt.person(id)
		_, err := tgt.onboarder().Add(t.Context(), id, onboarding.Choices{Now: now})
		check(t, err)
	}
	_, err := tgt.admin.CreateSystemRobot(t.Context(), harbor.Robot{Name: "others", Days: 1, Permissions: harbor.PullFrom("stays")})
	check(t, err)
	left := tgt.directory.all["left"]
	left.Disabled = true
	tgt.directory.all["left"] = left
	delete(tgt.directory.all, "lost")
	off, err := tgt.admin.SystemRobot(t.Context(), onboarding.RobotName("off"))
	check(t, err, tgt.admin.DisableRobot(t.Context(), off.ID))
	renew := func(at time.Time, dryRun bool) []string {
		t.Helper()
		done, err := tgt.onboarder().Renew(t.Context(), onboarding.Choices{Now: at, DryRun: dryRun})
		check(t, err)
		var names []string
		for _, s := range done {
			names = append(names, s.Action+" "+s.Subject)
		}
		return names
	}
	soon := now.AddDate(0, 0, 340)
	for _, tt := range []struct {
		at     time.Time
		dryRun bool
		want   []string
	}{
		{now, false, nil},
		{soon, true, []string{"robot.update robot$nodes-stays"}},
		{soon, false, []string{"robot.update robot$nodes-stays"}},
		{soon, false, nil},
	} {
		if diff := cmp.Diff(tt.want, renew(tt.at, tt.dryRun)); diff != "" {
			t.Errorf("at %v (-want +got):\n%s", tt.at, diff)
		}
	}
	tgt.directory.down = errors.New("it is down")
	if _, err := tgt.onboarder().Renew(t.Context(), onboarding.Choices{Now: soon}); !errors.Is(err, tgt.directory.down) {
		t.Errorf("without the directory: %v", err)
	}
}

// TestFirstLoginsAskLittle: a site of people who all have projects is listed once an hour,
// and who comes meanwhile is found.
func TestFirstLoginsAskLittle(t *testing.T) {
	tgt := needsFake(t)
	for i := range 30 {
		id := fmt.Sprintf("old%d", i)
		tgt.person(id)
		tgt.logIn(id)
		tgt.project(id)
	}
	tgt.person("new")
	o := tgt.onboarder()
	asked := func(at time.Time, want map[string]bool) (lists, projects int) {
		t.Helper()
		tgt.fake.TakeRequests()
		all, err := o.FirstLogins(t.Context(), onboarding.Choices{Now: at}, 50)
		check(t, err)
		if diff := cmp.Diff(want, ids(all)); diff != "" {
			t.Errorf("taken in at %v (-want +got):\n%s", at, diff)
		}
		for _, r := range tgt.fake.TakeRequests() {
			if r.Path == "/api/v2.0/projects" && r.Method == http.MethodGet {
				lists++
			} else if strings.HasPrefix(r.Path, "/api/v2.0/projects/old") {
				projects++
			}
		}
		return lists, projects
	}
	if lists, _ := asked(now, map[string]bool{}); lists != 1 {
		t.Errorf("at first there are %d lists", lists)
	}
	if lists, projects := asked(now.Add(time.Minute), map[string]bool{}); lists+projects != 0 {
		t.Errorf("a minute later it asks for %d lists and %d projects", lists, projects)
	}
	tgt.logIn("new")
	if lists, projects := asked(now.Add(2*time.Minute), map[string]bool{"new": true}); lists+projects != 0 {
		t.Errorf("with somebody new it asks for %d lists and %d projects", lists, projects)
	}
	if lists, _ := asked(now.Add(2*time.Hour), map[string]bool{}); lists != 1 {
		t.Errorf("two hours later there are %d lists", lists)
	}
}
