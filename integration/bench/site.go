package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
)

// passwordSeconds is what a real Harbor computes for each request with a password: the
// hash of it, anew (docs/harbor.md). Robots' and people's of a directory take less.
const passwordSeconds = 0.088

// Sizes of sites, in people. Each has a project, and every tenth of these 40
// repositories; 25 are in a lab.
var (
	siteSizes  = []int{100, 1000, 5000}
	pushEvery  = 10
	pushedEach = 40
	peopleLab  = 25
)

// benchSite measures jadm with sites of a thousand projects, before the Harbor of
// image/harbor/fakeharbor, which takes no time for anything: what is counted is how often
// it is asked, and how often with a password.
func benchSite(ctx context.Context, b *bench, _ *subject) error {
	sizes := siteSizes
	if b.rounds == 1 {
		sizes = sizes[:1]
	}
	if err := copyProgram("bin/jadm", b.path("jadm")); err != nil {
		return err
	}
	printHeader("jadm, by the size of a site", strings.Split("people and projects|repositories|command|requests|with the password|wall s|CPU s|peak, MB|the passwords at Harbor, s", "|"))
	for _, people := range sizes {
		if err := b.measureSite(ctx, people); err != nil {
			return err
		}
	}
	fmt.Printf("\nThe Harbor is one in memory, on the same processors. The last column is what a real one would compute for passwords: %.0f ms each.\n", passwordSeconds*1000)
	return nil
}

// measureSite makes a site with jadm apply, which is the first row, and asks about it.
func (b *bench) measureSite(ctx context.Context, people int) error {
	fake := fakeharbor.New(fakeharbor.Options{})
	defer fake.Close()
	dir := b.path(fmt.Sprintf("site-%d", people))
	if err := b.writeSite(dir, fake, people); err != nil {
		return err
	}
	if _, err := measure(ctx, b.jrunTask(filepath.Base(dir)+"/store", "store", "init", "--site")); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"apply"}, {"plan"}, {"apply"}, {"user", "list"}, {"serve", "--dry-run"}, {"retain", "--dry-run"}, {"report"}, {"doctor"},
	} {
		progress("  %d people: jadm %s", people, strings.Join(args, " "))
		fake.TakeRequests()
		t := b.shell(`"$@" >out 2>&1 || test "$2" = doctor || { tail -n 5 out >&2; exit 1; }`, map[string]string{"JADM_CONFIG": filepath.Join(dir, "jadm.toml")})
		t.dir, t.args = dir, append(append(t.args, "sh", b.path("jadm")), args...)
		got, err := measure(ctx, t)
		if err != nil {
			return err
		}
		requests := fake.TakeRequests()
		passwords := 0
		for _, r := range requests {
			if r.User == fakeharbor.AdminUser || r.Method == http.MethodPost && r.Path == "/c/login" {
				passwords++
			}
		}
		repositories := people / pushEvery * pushedEach
		printRows([][]string{{
			fmt.Sprint(people), fmt.Sprint(repositories), "jadm " + strings.Join(args, " "), fmt.Sprint(len(requests)), fmt.Sprint(passwords),
			fmt.Sprintf("%.1f", got.WallSeconds), fmt.Sprintf("%.1f", got.CPUSeconds), fmt.Sprintf("%.0f", peak(got)), fmt.Sprintf("%.0f", float64(passwords)*passwordSeconds),
		}})
		if args[0] == "apply" && len(requests) > people { // it has made the projects
			if err := push(fake, people); err != nil {
				return err
			}
		}
	}
	return nil
}

// person is an ID.
func person(i int) string { return fmt.Sprintf("u%05d", i) }

// push fills the projects of some people.
func push(fake *fakeharbor.Server, people int) error {
	img, err := random.Image(64, 1)
	if err != nil {
		return err
	}
	for i := 0; i < people; i += pushEvery {
		for n := range pushedEach {
			fake.Push(fmt.Sprintf("%s/app-%d", person(i), n), "1", img)
		}
	}
	return nil
}

// writeSite writes the files of a site, and lets Harbor know its people.
func (b *bench) writeSite(dir string, fake *fakeharbor.Server, people int) error {
	list := strings.Builder{}
	list.WriteString("id,name,mail,language,uid,gid,groups,supervisor,disabled,expires\n")
	labs := strings.Builder{}
	for i := range people {
		lab := i / peopleLab
		fmt.Fprintf(&list, "%s,Person %d,%s@example.org,en,%d,100,lab%d,,,\n", person(i), i, person(i), 20000+i, lab)
		fake.AddUser(fakeharbor.User{Name: person(i), Password: "x", Email: person(i) + "@example.org"})
		if i%peopleLab == 0 {
			fmt.Fprintf(&labs, "[lab.lab-%d]\nadmins = [%q]\ndevelopers = [\"group:lab%d\"]\nimmutable_tags = [\"v*\"]\n", lab, person(i), lab)
		}
	}
	files := map[string]string{
		"people.csv":      list.String(),
		"harbor.password": fakeharbor.AdminPassword + "\n",
		"webhook.secret":  "secret-of-webhooks\n",
		"jadm.toml": fmt.Sprintf(`desired = "desired.toml"
state = "state"
[harbor]
url = %q
user = %q
password_file = "harbor.password"
[people]
csv = "people.csv"
[store]
path = "store"
[serve]
listen = "127.0.0.1:0"
webhook_secret_file = "webhook.secret"
exclude = ["*"]
[usage]
keep = { keep_last = 3 }
`, fake.URL, fakeharbor.AdminUser),
		"desired.toml": labs.String() + `
[shared.base]
public = true
guests = ["everybody"]
[people]
quota = "50G"
robot.nodes = {}
[webhook.jadm]
address = "http://127.0.0.1:9/v1/webhook"
secret_file = "webhook.secret"
`,
	}
	err := os.Mkdir(dir, 0o700)
	for name, text := range files {
		path := filepath.Join(dir, name)
		err = errors.Join(err, os.WriteFile(path, []byte(text), 0o600), os.Chown(path, b.user.UID, b.user.GID))
	}
	return errors.Join(err, os.Chown(dir, b.user.UID, b.user.GID))
}
