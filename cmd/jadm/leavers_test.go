package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/leaving"
	"github.com/jrun-hpc/jrun/integration/campaign"
	"github.com/opencontainers/go-digest"
)

// TestJadmProcess is jadm, when another test starts this one as a process of its own, on
// some day.
func TestJadmProcess(t *testing.T) {
	day, err := strconv.Atoi(os.Getenv("JADM_TEST_DAY"))
	if err != nil {
		t.Skip("it is started by other tests")
	}
	clock = func() time.Time { return time.Now().AddDate(0, 0, day) }
	os.Exit(run(strings.Split(os.Getenv("JADM_TEST_ARGS"), "\n")))
}

// site is a Harbor, people in a CSV file, letters in a directory.
type site struct {
	*testing.T
	fake   *fakeharbor.Server
	client *harbor.Client
	dir    string
	day    int
}

func newSite(t *testing.T) *site {
	s := &site{T: t, fake: fakeharbor.New(fakeharbor.Options{LoginDelay: time.Millisecond}), dir: t.TempDir()}
	t.Cleanup(s.fake.Close)
	for _, id := range []string{"u001", "s001", "c001"} {
		s.fake.AddUser(fakeharbor.User{Name: id, Password: "x"})
		s.fake.AddProject(fakeharbor.Project{Name: id})
		s.fake.AddMember(id, id, fakeharbor.ProjectAdmin)
	}
	s.fake.AddMember("u001", "c001", fakeharbor.Developer)
	s.fake.AddProject(fakeharbor.Project{Name: "lab"})
	s.fake.AddMember("lab", "u001", fakeharbor.ProjectAdmin)
	s.fake.AddRobot(fakeharbor.Robot{Project: "u001", Name: "ci", Access: []string{"repository:pull", "repository:push"}})
	s.write("harbor.password", fakeharbor.AdminPassword+"\n")
	s.write("people.csv", "id,name,mail,language,supervisor\nu001,Hanako,u001@example.ac.jp,ja,s001\ns001,Tanaka,s001@example.ac.jp,en,\nc001,Ito,c001@example.ac.jp,en,s001\n")
	s.write("jadm.toml", `
state = "state"
[harbor]
url = "`+s.fake.URL+`"
user = "admin"
password_file = "harbor.password"
[people]
csv = "people.csv"
[mail]
directory = "letters"
[leaving]
admin_mail = "admin@example.ac.jp"
`)
	s.write("jadm.toml", strings.Replace(s.read("jadm.toml"), `state = "state"`, `state = "`+filepath.Join(s.dir, "state")+`"`, 1))
	t.Setenv("JADM_CONFIG", filepath.Join(s.dir, "jadm.toml"))
	s.client = harbor.New(harbor.Options{Base: must(url.Parse(s.fake.URL)), User: fakeharbor.AdminUser, Password: fakeharbor.AdminPassword})
	return s
}

func (s *site) write(name, content string) {
	s.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
		s.Fatal(err)
	}
}

func (s *site) read(name string) string {
	s.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.Fatal(err)
	}
	return string(b)
}

// process is jadm on the site's day.
func (s *site) process(args ...string) (*exec.Cmd, *bytes.Buffer) {
	c := exec.Command(os.Args[0], "-test.run=^TestJadmProcess$")
	c.Env = append(os.Environ(), "JADM_TEST_DAY="+strconv.Itoa(s.day), "JADM_TEST_ARGS="+strings.Join(args, "\n"))
	out := &bytes.Buffer{}
	c.Stdout, c.Stderr = out, out
	return c, out
}

// jadm runs it to its end.
func (s *site) jadm(args ...string) string {
	s.Helper()
	c, out := s.process(args...)
	if err := c.Run(); err != nil {
		s.Fatalf("day %d: jadm %s: %v\n%s", s.day, strings.Join(args, " "), err, out)
	}
	return out.String()
}

// killed runs jadm leavers run, again and again, and kills it after a while that grows,
// until it comes to its end.
func (s *site) killed(rng *rand.Rand) (kills int) {
	s.Helper()
	for most := 20; ; most += 10 {
		c, out := s.process("leavers", "run")
		if err := c.Start(); err != nil {
			s.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(rng.IntN(most))*time.Millisecond, func() { _ = c.Process.Kill() })
		err := c.Wait()
		timer.Stop()
		if err == nil {
			return kills
		}
		if c.ProcessState.ExitCode() != -1 || most > 5000 {
			s.Fatalf("day %d: %v\n%s", s.day, err, out)
		}
		kills++
	}
}

// images are repository@digest and the tags of all in a project.
func (s *site) images(project string) map[string][]string {
	s.Helper()
	all := map[string][]string{}
	for r, err := range s.client.Repositories(s.Context(), project) {
		if harbor.Status(err) == 404 {
			return nil
		}
		if err != nil {
			s.Fatal(err)
		}
		repository := strings.TrimPrefix(r.Name, project+"/")
		for a, err := range s.client.Artifacts(s.Context(), project, repository) {
			if err != nil {
				s.Fatal(err)
			}
			tags := []string{}
			for _, t := range a.Tags {
				tags = append(tags, t.Name)
			}
			slices.Sort(tags)
			all[repository+"@"+a.Digest.String()] = tags
		}
	}
	return all
}

func (s *site) pushSome() map[string][]string {
	s.Helper()
	s.fake.Push("u001/app", "1", must(random.Image(2000, 2)))
	s.fake.Push("u001/app", "2", must(random.Image(2000, 2)))
	s.fake.Push("u001/app", "", must(random.Image(300, 1)))
	s.fake.PushIndex("u001/cfd/solver", "multi", must(random.Index(500, 1, 2)))
	return s.images("u001")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// departure is what jadm leavers show says.
func (s *site) departure() (d struct {
	leaving.Departure
	Certificate *leaving.Certificate
}) {
	s.Helper()
	if err := json.Unmarshal([]byte(s.jadm("leavers", "show", "u001", "--json")), &d); err != nil {
		s.Fatal(err)
	}
	return d
}

// TestKilledLeaver: somebody leaves, over months, and each jadm leavers run is killed with
// SIGKILL many times. Nothing is lost, nothing is doubled.
func TestKilledLeaver(t *testing.T) {
	rng := campaign.Random(t)
	s := newSite(t)
	want := s.pushSome()
	on := time.Now().AddDate(0, 0, 100).Format(time.DateOnly)
	if got := s.jadm("user", "leave", "u001", "--on", on, "--admin", "lab=s001"); !strings.Contains(got, "notice, 90 days before") {
		t.Errorf("it says %s", got)
	}
	if got := s.jadm("leavers", "--json"); !strings.Contains(got, `"id": "u001"`) || !strings.Contains(got, `"supervisor": "s001"`) {
		t.Errorf("programs read %s", got)
	}
	kills := 0
	for _, day := range []int{11, 75, 94, 101, 132, 165} {
		s.day = day
		kills += s.killed(rng)
		if day == 101 {
			pushed := s.fake.Push("u001/late", "1", must(random.Image(100, 1)))
			want["late@"+pushed.String()] = []string{"1"}
		}
	}
	t.Logf("%d kills", kills)
	if kills == 0 {
		t.Error("nothing was killed")
	}
	d := s.departure()
	if d.Stage != leaving.Done || d.Certificate == nil || len(d.Certificate.Images) != len(want) || len(d.Certificate.Acts) == 0 {
		t.Errorf("it is %s, the certificate %+v, wanted %d images", d.Stage, d.Certificate, len(want))
	}
	has := s.images("s001")
	for image, tags := range want {
		if got, ok := has["from-u001/"+image]; !ok || !slices.Equal(got, tags) {
			t.Errorf("the supervisor has not %s with %q, but with %q", image, tags, got)
		}
	}
	if _, err := s.client.Project(t.Context(), "u001"); harbor.Status(err) != 404 {
		t.Errorf("the project: %v", err)
	}
	members, err := harbor.All(s.client.Members(t.Context(), "lab"))
	if err != nil || slices.ContainsFunc(members, func(m harbor.Member) bool { return m.Name == "u001" }) ||
		!slices.ContainsFunc(members, func(m harbor.Member) bool { return m.Name == "s001" && m.Role == harbor.ProjectAdmin }) {
		t.Errorf("members of lab are %+v, %v", members, err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.dir, "state", "bundles", "*")); len(left) > 0 {
		t.Errorf("left over are %q", left)
	}
	letters, err := filepath.Glob(filepath.Join(s.dir, "letters", "*.eml"))
	if err != nil || len(letters) < 9 || len(letters) > 10 { // 4 to the leaver, 2 and more to the supervisor, 1 to the colleague, 2 certificates
		t.Errorf("%d letters: %q", len(letters), letters)
	}
	if got := s.jadm("leavers", "list", "--all"); !strings.Contains(got, "done") {
		t.Errorf("the list is %s", got)
	}
}

// TestReturnAfterRemoval: everything comes back from the bundle, through HTTP.
func TestReturnAfterRemoval(t *testing.T) {
	s := newSite(t)
	want := s.pushSome()
	s.jadm("user", "leave", "u001", "--on", time.Now().Format(time.DateOnly), "--archive", "--reason", "finished")
	s.jadm("leavers", "run")
	members, err := harbor.All(s.client.Members(t.Context(), "u001"))
	if err != nil || slices.ContainsFunc(members, func(m harbor.Member) bool { return m.Name != "admin" && m.Role != harbor.Guest }) {
		t.Errorf("frozen, the members are %+v, %v", members, err)
	}
	s.day = 31
	if got := s.jadm("leavers", "run"); !strings.Contains(got, "certified") {
		t.Fatalf("after a month it is %s", got)
	}
	if s.images("u001") != nil {
		t.Error("the images are there still")
	}
	if got := s.jadm("user", "return", "u001"); !strings.Contains(got, "jadm user add u001") {
		t.Errorf("it says %s", got)
	}
	got := s.images("u001")
	for image, tags := range want {
		if !slices.Equal(got[image], tags) {
			t.Errorf("%s has the tags %q, not %q", image, got[image], tags)
		}
		_, d, _ := strings.Cut(image, "@")
		if err := digest.Digest(d).Validate(); err != nil {
			t.Error(err)
		}
	}
	if len(got) != len(want) {
		t.Errorf("there are %d images, not %d", len(got), len(want))
	}
	members, err = harbor.All(s.client.Members(t.Context(), "u001"))
	for name, role := range map[string]harbor.Role{"u001": harbor.ProjectAdmin, "c001": harbor.Developer} {
		if !slices.ContainsFunc(members, func(m harbor.Member) bool { return m.Name == name && m.Role == role }) {
			t.Errorf("%s is no %s: %+v, %v", name, role, members, err)
		}
	}
	if archived, _ := filepath.Glob(filepath.Join(s.dir, "state", "archive", "u001-*")); len(archived) != 1 {
		t.Errorf("the archive has %q", archived)
	}
}

// TestReturnToOwnProject: after the removal the project is another one to Harbor, and still
// jadm's: what it says to type works, and apply has nothing against it.
func TestReturnToOwnProject(t *testing.T) {
	s := newSite(t)
	s.pushSome()
	s.write("desired.toml", "[people]\nexcept = [\"s001\", \"c001\"]\nimmutable_tags = [\"1\"]\n")
	s.jadm("apply", "--adopt")
	s.jadm("user", "add", "u001")
	login := filepath.Join(s.dir, "state", "credentials", "u001.auth.json")
	if _, err := os.Stat(login); err != nil {
		t.Fatal(err)
	}
	if _, err := s.client.CreateSystemRobot(t.Context(), harbor.Robot{Name: "nodes-s001", Description: "an administrator's", Days: 30, Permissions: harbor.PullFrom("lab")}); err != nil {
		t.Fatal(err)
	}
	s.jadm("user", "leave", "u001", "--on", time.Now().Format(time.DateOnly))
	s.jadm("user", "leave", "s001", "--on", time.Now().Format(time.DateOnly))
	s.jadm("leavers", "run")
	s.day = 31
	s.jadm("leavers", "run")
	if s.images("u001") != nil {
		t.Error("the images are there still")
	}
	if _, err := os.Stat(login); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the login of a robot that is gone is still there: %v", err)
	}
	if _, err := s.client.SystemRobot(t.Context(), "nodes-s001"); err != nil {
		t.Errorf("a robot that jadm did not make: %v", err)
	}
	s.jadm("user", "return", "u001")
	if got := s.jadm("plan"); !strings.Contains(got, "Nothing to do: Harbor is as the file says.") {
		t.Errorf("it is not as it was:\n%s", got)
	}
	if got := s.jadm("user", "add", "u001"); !strings.Contains(got, "write the login") {
		t.Errorf("the login is not made again:\n%s", got)
	}
	// What jadm had made in the old project is its own in the new one.
	s.write("desired.toml", "[people]\nexcept = [\"s001\", \"c001\"]\n")
	if got := s.jadm("plan"); !strings.Contains(got, "- immutable tags 1 of u001") {
		t.Errorf("a rule that jadm has made is somebody else's:\n%s", got)
	}
}

// TestExpired: who has left is proposed, and nobody when the directory does not answer.
func TestExpired(t *testing.T) {
	s := newSite(t)
	s.pushSome()
	if got := s.jadm("expired"); !strings.Contains(got, "Nobody") {
		t.Errorf("it proposes %s", got)
	}
	s.write("people.csv", "id,name,expires\ns001,Tanaka,\nc001,Ito,2020-03-31\n")
	var proposals []leaving.Proposal
	if err := json.Unmarshal([]byte(s.jadm("expired", "--json")), &proposals); err != nil {
		t.Fatal(err)
	}
	if len(proposals) != 2 || proposals[0].ID != "c001" || proposals[0].Account != leaving.AccountEnded || proposals[0].Memberships[0] != "u001" ||
		proposals[1].ID != "u001" || proposals[1].Account != leaving.AccountUnknown || proposals[1].Robots != 1 || proposals[1].Images != 2 {
		t.Errorf("proposed are %+v", proposals)
	}
	s.jadm(strings.Fields(proposals[1].Next)[1:]...)
	if got := s.jadm("expired"); strings.Contains(got, "leave u001") {
		t.Errorf("who leaves already is proposed: %s", got)
	}
	if err := os.Remove(filepath.Join(s.dir, "people.csv")); err != nil {
		t.Fatal(err)
	}
	c, out := s.process("expired")
	if err := c.Run(); err == nil || !strings.Contains(out.String(), "nobody is proposed") {
		t.Errorf("without a directory: %v, %s", err, out)
	}
}
