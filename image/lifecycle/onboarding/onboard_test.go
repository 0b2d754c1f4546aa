package onboarding_test

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/notice"
	"github.com/jrun-hpc/jrun/image/lifecycle/onboarding"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
)

// all are the steps for somebody new, with one shared project.
var all = []string{"project.create", "member.add", "member.add", "robot.create", "credential.write", "letter.send"}

// TestAdd takes in a student with a number, and again, and in a dry run.
func TestAdd(t *testing.T) {
	tgt := newTarget(t)
	shared := tgt.project(unique("shared"))
	tgt.settings.Shared = []string{shared}
	p := tgt.person(number())
	tgt.remove(p.ID)

	dry, err := tgt.onboarder().Add(t.Context(), p.ID, onboarding.Choices{Now: now, DryRun: true})
	check(t, err)
	if diff := cmp.Diff(all, actions(dry.Steps)); diff != "" {
		t.Errorf("a dry run (-want +got):\n%s", diff)
	}
	if _, err := tgt.admin.Project(t.Context(), p.ID); harbor.Status(err) != http.StatusNotFound {
		t.Errorf("after a dry run the project is there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(tgt.dir, "state")); err == nil {
		t.Error("a dry run has written something down")
	}

	r, err := tgt.onboarder().Add(t.Context(), p.ID, onboarding.Choices{Now: now})
	check(t, err)
	if diff := cmp.Diff(all, actions(r.Steps)); diff != "" {
		t.Errorf("the steps (-want +got):\n%s", diff)
	}
	want := p.ID + " map[" + p.ID + ":project admin]\n" + shared + " map[" + p.ID + ":guest]\nquota 10.0 GB\nrobot$nodes-" + p.ID + " [" + p.ID + " " + shared + "] false\n1 robots\n"
	if diff := cmp.Diff(want, tgt.world(p, shared)); diff != "" {
		t.Errorf("it is (-want +got):\n%s", diff)
	}
	logins := auth(t, r.Login.File)
	if len(logins) != 2 || logins[tgt.base.Host+"/"+p.ID] == "" || logins[tgt.base.Host+"/"+p.ID] != logins[tgt.base.Host+"/"+shared] {
		t.Errorf("the logins are for %v", logins)
	}
	tgt.pulls(logins, p.ID, shared)

	again, err := tgt.onboarder().Add(t.Context(), strings.ToUpper(p.ID), onboarding.Choices{Now: now})
	check(t, err)
	if len(again.Steps) > 0 || again.Login.File != "" {
		t.Errorf("once more it did %v", again.Steps)
	}
	if r.Login.Robot != again.Login.Robot || !again.Login.Expires.After(now.AddDate(0, 11, 0)) {
		t.Errorf("the login is %+v", again.Login)
	}

	if dry, err = tgt.onboarder().Add(t.Context(), p.ID, onboarding.Choices{Now: now, DryRun: true}); err != nil || len(dry.Steps) > 0 {
		t.Errorf("a dry run afterwards would do %v, %v", dry.Steps, err)
	}
	var out bytes.Buffer
	other, err := tgt.onboarder().Add(t.Context(), p.ID, onboarding.Choices{Now: now, NewCredential: true, Credential: func(people.Person) onboarding.Sink { return onboarding.WriterSink{Writer: &out, Name: "-"} }})
	check(t, err)
	if diff := cmp.Diff([]string{"robot.refresh", "credential.write"}, actions(other.Steps)); diff != "" {
		t.Errorf("for another secret (-want +got):\n%s", diff)
	}
	newer := parseAuth(t, out.Bytes())
	if newer[tgt.base.Host+"/"+p.ID] == logins[tgt.base.Host+"/"+p.ID] {
		t.Error("it is the same secret")
	}
	tgt.pulls(newer, p.ID, shared)
	// A secret that could not be written down is not made, and the old one stays.
	blocked := filepath.Join(tgt.dir, "blocked")
	check(t, os.WriteFile(blocked, nil, 0o600))
	_, err = tgt.onboarder().Add(t.Context(), p.ID, onboarding.Choices{Now: now, NewCredential: true, Credential: func(people.Person) onboarding.Sink {
		return onboarding.FileSink{Path: filepath.Join(blocked, "auth.json")}
	}})
	if err == nil {
		t.Error("it was written into a file as if that was a directory")
	}
	tgt.pulls(newer, p.ID, shared)
	tgt.noSecrets(logins, newer)
}

// pulls checks that a login is good for projects: a missing image is not found.
func (tgt *target) pulls(logins map[string]string, projects ...string) {
	tgt.Helper()
	for _, project := range projects {
		user, secret, _ := strings.Cut(logins[tgt.base.Host+"/"+project], ":")
		request, err := http.NewRequestWithContext(tgt.Context(), http.MethodGet, tgt.base.String()+"/v2/"+project+"/none/manifests/1", http.NoBody)
		check(tgt.T, err)
		request.SetBasicAuth(user, secret)
		resp, err := http.DefaultClient.Do(request)
		check(tgt.T, err)
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			tgt.Errorf("the login gets %s from %s", resp.Status, project)
		}
	}
}

// noSecrets looks through all that jadm keeps.
func (tgt *target) noSecrets(logins ...map[string]string) {
	tgt.Helper()
	check(tgt.T, filepath.WalkDir(tgt.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "/credentials/") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, some := range logins {
			for _, login := range some {
				_, secret, _ := strings.Cut(login, ":")
				if bytes.Contains(b, []byte(secret)) {
					tgt.Errorf("a secret is in %s", path)
				}
			}
		}
		return err
	}))
}

// TestMixedCase: Harbor's names are lower case, and people log in as they like.
func TestMixedCase(t *testing.T) {
	tgt := newTarget(t)
	p := tgt.person(strings.ToUpper(unique("a")[:1]) + unique("lice"))
	tgt.remove(strings.ToLower(p.ID))
	_, err := tgt.onboarder().Add(t.Context(), strings.ToUpper(p.ID), onboarding.Choices{Now: now})
	check(t, err)
	want := map[string]string{strings.ToLower(p.ID): "project admin"}
	if diff := cmp.Diff(want, tgt.roles(strings.ToLower(p.ID))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestCannot is about people who are not begun with.
func TestCannot(t *testing.T) {
	tgt := newTarget(t)
	add := func(p people.Person) string {
		tgt.directory.all[strings.ToLower(p.ID)] = p
		return p.ID
	}
	down := errors.New("the directory is down")
	for name, tt := range map[string]struct {
		id    string
		is    error
		words string
	}{
		"unknown":   {unique("nobody"), people.ErrUnknown, "nobody called"},
		"ended":     {add(people.Person{ID: unique("e"), Mail: "e@example.jp", Expires: now.AddDate(0, 0, -1)}), onboarding.ErrEnded, "cannot take in"},
		"locked":    {add(people.Person{ID: unique("l"), Mail: "l@example.jp", Disabled: true}), onboarding.ErrEnded, "locked"},
		"no mail":   {add(people.Person{ID: unique("m")}), notice.ErrNoAddress, "--no-letter"},
		"signs":     {add(people.Person{ID: "a__b", Mail: "l@example.jp"}), nil, "there can be no project"},
		"path":      {add(people.Person{ID: "../x", Mail: "l@example.jp"}), nil, "there can be no project"},
		"Japanese":  {add(people.Person{ID: "山田", Mail: "l@example.jp"}), nil, "there can be no project"},
		"too long":  {add(people.Person{ID: strings.Repeat("x", 250), Mail: "l@example.jp"}), nil, "there can be no project"},
		"directory": {"", down, "directory is down"},
	} {
		t.Run(name, func(t *testing.T) {
			tgt.directory.down = nil
			if errors.Is(tt.is, down) {
				tgt.directory.down = down
			}
			_, err := tgt.onboarder().Add(t.Context(), tt.id, onboarding.Choices{Now: now})
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(fault.Format("jadm", err), tt.words) {
				t.Errorf("it says %v", err)
			}
			if _, err := os.Stat(filepath.Join(tgt.dir, "audit.jsonl")); err == nil {
				t.Error("something was done")
			}
		})
	}
}

// TestTaken: what is somebody else's stays theirs.
func TestTaken(t *testing.T) {
	tgt := newTarget(t)
	for name, prepare := range map[string]func(project string, other people.Person){
		"of another": func(project string, other people.Person) {
			tgt.project(project)
			_, err := tgt.admin.AddUser(t.Context(), project, other.ID, harbor.ProjectAdmin)
			check(t, err)
		},
		"of an administrator": func(project string, _ people.Person) { tgt.project(project) },
		"a robot": func(project string, _ people.Person) {
			somewhere := tgt.project(unique("p"))
			_, err := tgt.admin.CreateSystemRobot(t.Context(), harbor.Robot{Name: onboarding.RobotName(project), Days: 2, Permissions: harbor.PullFrom(somewhere)})
			check(t, err)
			tgt.remove(project)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, other := tgt.person(unique("u")), tgt.person(unique("o"))
			prepare(p.ID, other)
			for range 2 {
				_, err := tgt.onboarder().Add(t.Context(), p.ID, onboarding.Choices{Now: now})
				var f *fault.Error
				if !errors.Is(err, onboarding.ErrTaken) || !errors.As(err, &f) || f.Next == "" {
					t.Errorf("it says %v", err)
				}
			}
			if name != "a robot" && tgt.roles(p.ID)[p.ID] != "" {
				t.Errorf("the members are %v", tgt.roles(p.ID))
			}
		})
	}
	t.Run("a role is not lowered", func(t *testing.T) {
		shared := tgt.project(unique("shared"))
		tgt.settings.Shared = []string{shared}
		p := tgt.person(unique("u"))
		tgt.remove(p.ID)
		_, err := tgt.admin.AddUser(t.Context(), shared, p.ID, harbor.Maintainer)
		check(t, err)
		_, err = tgt.onboarder().Add(t.Context(), p.ID, onboarding.Choices{Now: now})
		check(t, err)
		if got := tgt.roles(shared)[p.ID]; got != "maintainer" {
			t.Errorf("the role is %s", got)
		}
	})
	t.Run("no shared project", func(t *testing.T) {
		tgt.settings.Shared = []string{unique("none")}
		p := tgt.person(unique("u"))
		tgt.remove(p.ID)
		_, err := tgt.onboarder().Add(t.Context(), p.ID, onboarding.Choices{Now: now})
		if err == nil || !strings.Contains(fault.Format("jadm", err), "onboarding.shared") {
			t.Errorf("it says %v", err)
		}
	})
}

// TestHarborsDirectory: what Harbor's own directory says is told.
func TestHarborsDirectory(t *testing.T) {
	tgt := needsFake(t)
	tgt.directory.all["u1"] = people.Person{ID: "u1", Mail: "u1@example.jp"}
	_, err := tgt.onboarder().Add(t.Context(), "u1", onboarding.Choices{Now: now})
	if err == nil || !strings.Contains(fault.Format("jadm", err), "LDAP settings") {
		t.Errorf("unknown to Harbor: %v", err)
	}
	tgt.fake.AddUser(fakeharbor.User{Name: "other", Password: "x", Email: "u2@example.ac.jp"})
	_, err = tgt.admin.AddUser(t.Context(), tgt.project("p"), "other", harbor.Guest)
	check(t, err)
	tgt.person("u2")
	_, err = tgt.onboarder().Add(t.Context(), "u2", onboarding.Choices{Now: now})
	if err == nil || !strings.Contains(fault.Format("jadm", err), "another account at Harbor has the mail address u2@example.ac.jp") {
		t.Errorf("with somebody's mail address: %v", err)
	}
	// Mended, it goes on with the project that it began.
	tgt.fake.AddUser(fakeharbor.User{Name: "u1", Password: "x"})
	_, err = tgt.onboarder().Add(t.Context(), "u1", onboarding.Choices{Now: now})
	check(t, err)
}

// TestRobotsTime: a robot that ends soon lives on with its secret; one that has ended
// gets another; one that was disabled stays so.
func TestRobotsTime(t *testing.T) {
	tgt := needsFake(t)
	p := tgt.person("20260001")
	add := func(c onboarding.Choices) onboarding.Result {
		t.Helper()
		r, err := tgt.onboarder().Add(t.Context(), p.ID, c)
		check(t, err)
		return r
	}
	first := add(onboarding.Choices{Now: now})
	logins := auth(t, first.Login.File)
	soon := now.AddDate(0, 0, 340)
	r := add(onboarding.Choices{Now: soon})
	if diff := cmp.Diff([]string{"robot.update"}, actions(r.Steps)); diff != "" || r.Login.Expires.Before(soon.AddDate(0, 0, 364)) {
		t.Errorf("before its end: %+v (-want +got):\n%s", r.Login, diff)
	}
	tgt.pulls(logins, p.ID)

	tgt.fake.ExpireRobot(first.Login.Robot, now.Add(-time.Hour))
	r = add(onboarding.Choices{Now: now})
	if diff := cmp.Diff([]string{"robot.update", "robot.refresh", "credential.write"}, actions(r.Steps)); diff != "" {
		t.Errorf("after its end (-want +got):\n%s", diff)
	}
	tgt.settings.Shared = []string{tgt.project("tools")}
	r = add(onboarding.Choices{Now: now})
	if diff := cmp.Diff([]string{"member.add", "robot.update"}, actions(r.Steps)); diff != "" {
		t.Errorf("with one more shared project (-want +got):\n%s", diff)
	}
	tgt.pulls(map[string]string{tgt.base.Host + "/tools": auth(t, first.Login.File)[tgt.base.Host+"/"+p.ID]}, "tools")

	robot, err := tgt.admin.SystemRobot(t.Context(), onboarding.RobotName(p.ID))
	check(t, err, tgt.admin.DisableRobot(t.Context(), robot.ID))
	if r = add(onboarding.Choices{Now: now}); len(r.Steps) > 0 || len(r.Warnings) != 1 || !r.Login.Disabled {
		t.Errorf("disabled: %+v", r)
	}
	r = add(onboarding.Choices{Now: now, NewCredential: true})
	if diff := cmp.Diff([]string{"robot.update", "robot.refresh", "credential.write"}, actions(r.Steps)); diff != "" || r.Login.Disabled {
		t.Errorf("enabled (-want +got):\n%s", diff)
	}
	tgt.pulls(auth(t, r.Login.File), p.ID, "tools")
}
