package desired

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

// TestRealHarbor does it all once with a real Harbor, when HARBOR_URL names one and its
// directory has HARBOR_TEST_USER.
func TestRealHarbor(t *testing.T) {
	address := os.Getenv("HARBOR_URL")
	if address == "" {
		t.Skip("HARBOR_URL names no Harbor")
	}
	person := os.Getenv("HARBOR_TEST_USER")
	w := &world{
		TB: t, base: must(url.Parse(address)), user: os.Getenv("HARBOR_USER"), password: os.Getenv("HARBOR_PASSWORD"),
		transport: http.DefaultTransport, state: state.Open(t.TempDir()), kept: map[string]Credential{}, now: time.Now(), recorder: audit.None{},
		directory: &directory{people: []people.Person{{ID: person}}, groups: map[string][]string{}},
	}
	name := "jadm-" + strings.ToLower(rand.Text()[:8])
	t.Cleanup(func() { _ = w.client().DeleteProject(context.Background(), name) })
	group := ""
	if dn := os.Getenv("HARBOR_TEST_GROUP"); dn != "" {
		w.directory.groups[dn] = nil
		group = fmt.Sprintf("guests = [%q]\n", dn)
	}
	text := withSecret(t, fmt.Sprintf(`
[webhook.jadm]
address = "http://127.0.0.1:9/webhook"
secret_file = "SECRET"
[lab.%s]
quota = "2G"
severity = "high"
scan_on_push = true
developers = [%q]
%simmutable_tags = ["v*", "release"]
robot.nodes = {}
robot.ci = { rights = ["pull", "push"], days = -1 }
harbor_retention = { keep_latest = 10, keep_tags = ["v*"], cron = "0 30 3 * * *" }
`, name, person, group))
	w.apply(text, Options{})
	if got := lines(w.plan(text, Options{})); got != "Nothing to do: Harbor is as the file says.\n" {
		t.Errorf("a second plan:\n%s", got)
	}
	w.now = w.now.AddDate(0, 0, 80)
	w.apply(text, Options{})
	w.wantNothing(text, Options{})
	w.now = time.Now().AddDate(0, 0, 80)
	changed := strings.NewReplacer(`"2G"`, `"none"`, `"high"`, `"critical"`, "developers", "maintainers", `"release"`, `"final"`, "keep_latest = 10", "keep_latest = 3",
		`"pull", "push"`, `"pull"`).Replace(text)
	w.apply(changed, Options{})
	w.wantNothing(changed, Options{})
	t.Log("\n" + describe(w.snapshot(name)))
	less := fmt.Sprintf("[lab.%s]\n", name)
	w.apply(less, Options{})
	w.wantNothing(less, Options{})
	w.apply("", Options{Prune: true})
	if left := w.snapshot(name); len(left) != 0 {
		t.Errorf("there is left: %v", left)
	}
}
