//go:build e2e

package admin

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestStory is a site from its first day to the day when somebody's certificate is
// written: each step stands on those before.
func TestStory(t *testing.T) {
	s := newSite(t)
	s.whole = t
	for _, step := range []struct {
		name string
		do   func(*testing.T)
	}{
		{"set up", s.setUp},
		{"plan and apply", s.apply},
		{"people come", s.onboard},
		{"pushed, and ready", s.push},
		{"the first run converts nothing", s.firstRun},
		{"an index", s.index},
		{"usage reaches Harbor", s.usage},
		{"a member is removed", s.removeMember},
		{"retention, and its undoing", s.retain},
		{"the store is lost", s.loseStore},
		{"somebody leaves", s.leave},
		{"a bundle without a registry", s.bundle},
		{"the audit log", s.audit},
	} {
		if !t.Run(step.name, func(t *testing.T) { s.during(t, step.do) }) {
			t.Fatalf("the steps behind %q need it\njadm serve said:\n%s", step.name, s.log.String())
		}
	}
}

// during does a step in the name of its own test.
func (s *site) during(t *testing.T, do func(*testing.T)) {
	story := s.t
	set := func(t *testing.T) {
		s.t, s.registry.t, s.directory.t, s.service.t, s.alice.t, s.bob.t = t, t, t, t, t, t
	}
	set(t)
	defer set(story)
	do(t)
}

// setUp is jadm init, the editor, jadm passwords and jadm doctor.
func (s *site) setUp(t *testing.T) {
	s.listen = freeAddress(t)
	check(t, s.service.Mkdir(filepath.Join(s.dir, "etc")), s.service.Mkdir(filepath.Join(s.dir, "archive")), s.service.Mkdir(filepath.Join(s.dir, "state")), os.Chmod(filepath.Join(s.dir, "state"), 0o700))
	check(t, os.Mkdir(s.store, 0o755), os.Chmod(s.store, 0o777|os.ModeSticky)) // it is root's
	s.service.env["JADM_CONFIG"] = s.config
	says(t, s.as("init", "--harbor", s.registry.url, "--store", s.store), "jadm passwords", "jadm doctor")
	s.configure(fmt.Sprintf("%q", s.taro.id))
	o := s.service.try(s.jadm, "doctor")
	if o.code != 1 {
		t.Errorf("without passwords: %s", o)
	}
	says(t, o.stdout, "next: let jadm ask for it: jadm passwords")
	passwords := s.service.command(t.Context(), s.jadm, "passwords")
	passwords.Stdin = strings.NewReader(s.registry.password + "\n" + s.directory.passwd + "\n")
	if o := run(t, passwords); o.code != 0 {
		t.Fatal(o)
	}
	// What jadm serve takes up is shared by jrun's users.
	jrunConfig := filepath.Join(s.dir, "jrun.toml")
	check(t, os.WriteFile(jrunConfig, fmt.Appendf(nil, "store = %q\nsite_owner = %q\n", s.store, s.service.Name), 0o644))
	for _, a := range []*account{s.alice, s.bob, s.service} {
		a.env["JRUN_CONFIG"] = jrunConfig
	}
	if !s.registry.real() { // of the people in a real directory somebody may lack a mail address
		says(t, s.as("doctor"), "ok       people")
	}
	says(t, s.as("doctor"), "ok       administrator", "ok       store", "ok       webhook", "warning  jadm serve")
}

// apply makes the site's projects; a second time there is nothing to do.
func (s *site) apply(t *testing.T) {
	says(t, s.as("plan"), "+ project "+s.lab, "+ project "+s.hanako.project(), "+ webhook jadm of "+s.lab)
	if strings.Contains(s.as("plan"), s.gone.id) {
		t.Error("somebody whose account has ended would get a project")
	}
	says(t, s.as("apply"), "0 failed")
	says(t, s.as("plan"), "Nothing to do")
	if o := s.service.try(s.jadm, "plan", "--exit-code"); o.code != 0 {
		t.Error(o)
	}
}

// onboard gives both users a login for the compute servers.
func (s *site) onboard(t *testing.T) {
	says(t, s.as("user", "add", s.hanako.id, s.taro.id), "robot$nodes-"+s.hanako.id, "welcome")
	o := s.service.try(s.jadm, "user", "add", s.gone.id)
	if o.code != 1 {
		t.Errorf("somebody whose account has ended was taken in: %s", o)
	}
	list := s.as("user", "list")
	says(t, list, s.hanako.id, s.hanako.name)
	for _, line := range strings.Split(list, "\n") {
		if ended := strings.HasPrefix(line, s.gone.id) || strings.HasPrefix(line, "locked"); ended && !strings.Contains(line, "ended") {
			t.Errorf("an account is over, and the list says %q", line)
		}
	}
	for who, a := range map[person]*account{s.hanako: s.alice, s.taro: s.bob} {
		login := filepath.Join(s.dir, "state", "credentials", who.id+".auth.json")
		into := filepath.Join(a.home, ".config", "containers", "auth.json")
		says(t, s.rootRuns("user", "place", login, into), s.registry.host+"/"+who.project())
		info, err := os.Stat(into)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", into, info, err)
		}
		// That login is for the own and the shared projects. Labs want the person's own, which
		// stands beside it.
		own := a.command(t.Context(), s.jrun, "login", "--tls-verify=false", "--username", who.id, "--password-stdin", s.registry.host)
		own.Stdin = strings.NewReader(who.password + "\n")
		if o := run(t, own); o.code != 0 {
			t.Fatal(o)
		}
	}
}

// rootRuns runs jadm as root, which needs no configuration.
func (s *site) rootRuns(args ...string) string {
	s.t.Helper()
	root := *s.service
	account := *root.Account
	account.UID, account.GID, account.Groups = 0, 0, nil
	root.Account = &account
	return root.ok(s.jadm, args...)
}

// push uploads an image as its owner; Harbor tells jadm serve, which converts it.
func (s *site) push(t *testing.T) {
	s.during(s.whole, func(*testing.T) { s.serve() })
	s.registry.push(s.hanako, s.hanako.project()+"/tool:1", s.edition("first"))
	s.ready(s.hanako.project(), 1)
	s.registry.push(s.hanako, s.lab+"/sim:1", s.edition("lab 1"))
	s.ready(s.lab, 1)
	says(t, s.as("doctor"), "ok       jadm serve")
}

// firstRun runs what is ready: nobody converts anything.
func (s *site) firstRun(t *testing.T) {
	s.runs(s.alice, s.hanako.project()+"/tool:1", "first")
	s.runs(s.bob, s.lab+"/sim:1", "lab 1")
	for _, a := range []*account{s.alice, s.bob} {
		if own := s.own(a); len(own) != 0 {
			t.Errorf("%s has converted %v", a.Name, own)
		}
	}
	if o := s.try(s.bob, s.hanako.project()+"/tool:1", "true"); o.code != 125 {
		t.Errorf("who is no member runs an image of another's: %s", o)
	}
	if o := s.bob.try("cat", s.objects(s.hanako.project())[0]); o.code == 0 || !strings.Contains(o.stderr, "Permission denied") {
		t.Errorf("who is no member reads it: %s", o)
	}
}

// index pushes an image of several platforms: this machine's is converted, once.
func (s *site) index(t *testing.T) {
	s.registry.pushIndex(s.hanako, s.hanako.project()+"/multi:1", s.edition("of an index"))
	s.ready(s.hanako.project(), 2)
	s.runs(s.alice, s.hanako.project()+"/multi:1", "of an index")
	s.runs(s.alice, s.hanako.project()+"/multi:1", "of an index")
	if own, site := s.own(s.alice), s.objects(s.hanako.project()); len(own) != 0 || len(site) != 2 {
		t.Errorf("converted by the user: %v; by the site: %v", own, site)
	}
}

// usage takes up what jobs have told, and makes Harbor's pull times true: jrun asks with
// HEAD, which is no pull.
func (s *site) usage(t *testing.T) {
	eventually(t, "jadm knows what was run", func() bool {
		s.as("usage", "collect")
		return strings.Contains(s.as("usage", s.lab), "sim") && strings.Contains(s.as("usage", s.hanako.project()), "multi")
	})
	s.as("usage", "keep-alive")
	for _, name := range []string{"sim", "tool", "multi"} {
		project := s.hanako.project()
		if name == "sim" {
			project = s.lab
		}
		eventually(t, "Harbor says that "+name+" was pulled", func() bool { return time.Since(s.registry.pulled(project, name, "1")) < time.Hour })
	}
	says(t, s.as("usage", "records", fmt.Sprint(s.alice.UID)), "EDITION")
}

// removeMember takes somebody out of the file: apply takes the membership, and jadm serve
// the right to read.
func (s *site) removeMember(t *testing.T) {
	object := s.objects(s.lab)[0]
	s.bob.ok("cat", object)
	s.configure("")
	says(t, s.as("apply"), "member "+s.taro.id+" of "+s.lab)
	eventually(t, "who was removed cannot read the image", func() bool { return s.bob.try("cat", object).code != 0 })
	if o := s.try(s.bob, s.lab+"/sim:1", "true"); o.code != 125 {
		t.Errorf("who was removed runs it: %s", o)
	}
	s.runs(s.alice, s.lab+"/sim:1", "lab 1")
}

// retain keeps the last tag and what is cited; the rest can be had back.
func (s *site) retain(t *testing.T) {
	cited := s.registry.push(s.hanako, s.lab+"/sim:1", s.edition("lab 1"))
	s.alice.ok(s.jrun, "--tls-verify=false", "pin", s.registry.host+"/"+s.lab+"/sim:1", "--reason", "Yamada 2026, figure 3")
	s.registry.push(s.hanako, s.lab+"/sim:2", s.edition("lab 2"))
	s.ready(s.lab, 2)
	time.Sleep(1100 * time.Millisecond) // Harbor's times are whole seconds
	s.registry.push(s.hanako, s.lab+"/sim:3", s.edition("lab 3"))
	s.ready(s.lab, 3)
	eventually(t, "jadm knows of the pin", func() bool {
		s.as("usage", "collect")
		return strings.Contains(s.as("pins", s.lab), "figure 3")
	})
	dry := s.as("retain", "--dry-run", "--all", "--project", s.lab)
	says(t, dry, "sim:2")
	for _, tag := range []string{"1", "2", "3"} {
		if !s.registry.has(s.lab, "sim", tag) {
			t.Errorf("the dry run has removed %s", tag)
		}
	}
	s.as("retain", "--project", s.lab)
	if !s.registry.has(s.lab, "sim", "1") || s.registry.has(s.lab, "sim", "2") || !s.registry.has(s.lab, "sim", "3") {
		t.Errorf("the rule is: the last one, and what is cited. There are 1: %v, 2: %v, 3: %v\nthe dry run said\n%s",
			s.registry.has(s.lab, "sim", "1"), s.registry.has(s.lab, "sim", "2"), s.registry.has(s.lab, "sim", "3"), dry)
	}
	s.runs(s.alice, s.lab+"/sim@"+cited, "lab 1")
	s.as("retain", "undo", "--project", s.lab, "sim:2")
	if !s.registry.has(s.lab, "sim", "2") {
		t.Error("what was removed is not back")
	}
	s.runs(s.alice, s.lab+"/sim:2", "lab 2")
}

// loseStore removes the site's part: jadm serve makes it again out of the registry.
func (s *site) loseStore(t *testing.T) {
	s.stop()
	check(t, os.RemoveAll(filepath.Join(s.store, "site")))
	s.during(s.whole, func(*testing.T) { s.serve() })
	s.ready(s.hanako.project(), 2)
	s.ready(s.lab, 3)
	s.runs(s.alice, s.hanako.project()+"/tool:1", "first")
}

// leave is the whole way of somebody who leaves today. The undelete period passes in a jadm
// whose clock is ahead.
func (s *site) leave(t *testing.T) {
	says(t, s.as("user", "leave", s.hanako.id, "--on", time.Now().Format(time.DateOnly), "--archive", "--reason", "Graduation"), "certificate")
	s.as("leavers", "run")
	eventually(t, "the images are handed over", func() bool {
		s.as("leavers", "run")
		return len(s.bundles()) == 1
	})
	if o := s.try(s.alice, s.hanako.project()+"/tool:1", "true"); !s.registry.has(s.hanako.project(), "tool", "1") {
		t.Errorf("it is removed before the undelete period is over: %s", o)
	}
	s.stop() // which lives in the present
	s.later(3, "leavers", "run")
	s.later(3, "leavers", "run")
	if s.registry.has(s.hanako.project(), "tool", "1") {
		t.Errorf("it is there after the undelete period:\n%s", s.as("leavers", "show", s.hanako.id))
	}
	says(t, s.later(3, "leavers", "show", s.hanako.id), "certificate")
	if len(s.objects(s.hanako.project())) != 0 {
		t.Error("the store still has images of who has left")
	}
}

// bundles are those in the archive.
func (s *site) bundles() []string {
	s.t.Helper()
	found, err := filepath.Glob(filepath.Join(s.dir, "archive", "*", "bagit.txt"))
	check(s.t, err)
	for i := range found {
		found[i] = filepath.Dir(found[i])
	}
	return found
}

// bundle runs an image out of the archive, with nothing else there.
func (s *site) bundle(t *testing.T) {
	dir := s.bundles()[0]
	s.registry.end()
	says(t, s.as("bundle", "verify", "--deep", dir), "sound")
	s.service.env["PATH"] = s.dir + ":" + s.service.env["PATH"]
	delete(s.service.env, "JADM_CONFIG")
	says(t, s.as("bundle", "run", dir, "tool:1", "sh", "-c", "echo $EDITION, years later"), "first, years later")
	s.service.env["JADM_CONFIG"] = s.config
}

// audit checks the log, and that no password has got into it or into what jadm serve says.
func (s *site) audit(t *testing.T) {
	var report struct {
		OK      bool `json:"ok"`
		Entries int  `json:"entries"`
	}
	check(t, json.Unmarshal([]byte(s.as("audit", "verify", "--json")), &report))
	if !report.OK || report.Entries < 20 {
		t.Errorf("the log: %+v", report)
	}
	log, err := os.ReadFile(filepath.Join(s.dir, "state", "audit.jsonl"))
	check(t, err)
	secret, err := os.ReadFile(filepath.Join(s.dir, "etc", "webhook.secret"))
	check(t, err)
	for _, text := range []string{s.registry.password, s.directory.passwd, strings.TrimSpace(string(secret)), s.hanako.password} {
		if strings.Contains(string(log), text) || strings.Contains(s.log.String(), text) {
			t.Errorf("a secret is in a log: it begins with %.4q", text)
		}
	}
}
