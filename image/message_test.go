package image

import (
	"errors"
	"flag"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/store"
)

var update = flag.Bool("update", false, "write the golden files anew, from the fake Harbor")

// asks is who asks for what.
type asks struct {
	ref            Reference
	user, password string
}

// messageTest is a refusal, as somebody meets it who runs an image.
type messageTest struct {
	name        string // of the golden file, too
	unreachable bool   // the registry has not answered: an old answer may be used
	most        int    // requests that may carry the password, in all
	ask         func(*harborTarget) asks
}

// TestMessages: every peculiarity of Harbor's is told apart, in words that say what
// happened, why, and what to type next.
func TestMessages(t *testing.T) {
	for _, test := range append(accessMessages, append(ruleMessages, outageMessages...)...) {
		t.Run(test.name, func(t *testing.T) {
			h := newHarbor(t)
			if h.fake != nil {
				t.Parallel()
			}
			a := test.ask(h)
			h.requests()
			st := openStore(t)
			object, _, err := h.client(a.user, a.password, Options{OfflineGrace: time.Hour}).Ensure(t.Context(), st, a.ref, nil)
			if err == nil {
				t.Fatalf("got %s", object.Path)
			}
			if got := unreachable(err); got != test.unreachable {
				t.Errorf("unreachable is %v", got)
			}
			h.goldenMessage(a, err)
			h.onlyNotes(st, a.password)
			h.countPasswords(a.user, test.most)
		})
	}
}

// sizes differ because only the fake counts what is uploaded at once.
var sizes = regexp.MustCompile(`[0-9.]+ (B|KiB)\b`)

// goldenMessage compares what a person reads. All Harbors are to say the same, so
// names that differ are replaced.
func (h *harborTarget) goldenMessage(a asks, err error) {
	h.Helper()
	_, row, _ := strings.Cut(h.Name(), "/")
	h.goldenMessageOf(row, a, err)
}

func (h *harborTarget) goldenMessageOf(row string, a asks, err error) {
	h.Helper()
	wantFault(h, err)
	message := fault.Format("jrun", err)
	for _, secret := range []string{a.password, h.password, h.adminPassword} {
		if secret != "" && strings.Contains(message, secret) {
			h.Errorf("the message holds a password:\n%s", message)
		}
	}
	project, _, _ := strings.Cut(strings.TrimPrefix(a.ref.String(), a.ref.Host()+"/"), "/")
	message = strings.NewReplacer(h.base.String(), "https://HARBOR", a.ref.Host(), "HARBOR", project, "team", "jrun-test-other", "other", h.user, testUser).Replace(message)
	message = sizes.ReplaceAllString(message, "SIZE")
	golden := filepath.Join("testdata", "messages", row+".txt")
	if *update && h.fake != nil {
		writeFile(h, golden, []byte(message))
	}
	want, err := os.ReadFile(golden)
	h.check(err)
	if diff := cmp.Diff(string(want), message); diff != "" {
		h.Errorf("the message (-want +got):\n%s", diff)
	}
}

// onlyNotes checks that a refused image leaves nothing but notes, and no secret in
// them.
func (h *harborTarget) onlyNotes(st *store.Store, secret string) {
	h.Helper()
	h.check(filepath.WalkDir(st.Root(), func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && e.IsDir() {
			return nil
		}
		if filepath.Base(filepath.Dir(path)) != "notes" {
			h.Errorf("left behind: %s", path)
		}
		text, err := os.ReadFile(path)
		if secret != "" && strings.Contains(string(text), secret) {
			h.Errorf("%s holds the password", path)
		}
		return err
	}))
}

// countPasswords checks how often the password went over the network: no more than
// twice after the first 401, and once if it was wrong.
func (h *harborTarget) countPasswords(user string, most int) {
	h.Helper()
	if h.fake == nil {
		return
	}
	var sent []fakeharbor.Request
	for _, r := range h.fake.TakeRequests() {
		if user != "" && r.User == user {
			sent = append(sent, r)
		}
	}
	if len(sent) > most {
		h.Errorf("the password was sent %d times, want %d at most: %+v", len(sent), most, sent)
	}
	if len(sent) > 3 && sent[0].Status == http.StatusUnauthorized {
		h.Errorf("the password was sent more than twice after it was refused: %+v", sent)
	}
}

// accessMessages are about who asks, and for what.
var accessMessages = []messageTest{
	{"wrong password", false, 2, func(h *harborTarget) asks {
		return asks{h.ref(h.memberProject(harbor.Metadata{}) + "/app:1"), h.user, "wrong-" + h.password}
	}},
	{"not a member", false, 3, func(h *harborTarget) asks {
		p := h.project(harbor.Metadata{})
		return asks{h.push(p+"/app", "1", twoLayers("gzip")), h.user, h.password}
	}},
	{"nobody", false, 0, func(h *harborTarget) asks {
		return asks{ref: h.ref(h.memberProject(harbor.Metadata{}) + "/app:1")}
	}},
	{"no project", false, 3, func(h *harborTarget) asks {
		return asks{h.ref("jrun-test-missing/app:1"), h.user, h.password}
	}},
	{"no repository", false, 3, func(h *harborTarget) asks {
		return asks{h.ref(h.memberProject(harbor.Metadata{}) + "/ap:1"), h.user, h.password}
	}},
	{"no tag", false, 3, func(h *harborTarget) asks {
		p := h.memberProject(harbor.Metadata{})
		h.push(p+"/app", "2026.1", twoLayers("gzip"))
		if h.fake != nil {
			h.fake.Sign(p+"/app", "1") // which is a tag, too
		}
		return asks{h.ref(p + "/app:2"), h.user, h.password}
	}},
	{"no digest", false, 3, func(h *harborTarget) asks {
		return asks{h.ref(h.memberProject(harbor.Metadata{}) + "/app@sha256:" + strings.Repeat("a", 64)), h.user, h.password}
	}},
	{"robot expired", false, 2, func(h *harborTarget) asks {
		h.needsFake("its robots expire at once")
		p := h.memberProject(harbor.Metadata{})
		name, secret := h.fake.AddRobot(fakeharbor.Robot{Project: p, Name: "ci", Expires: time.Now().Add(-time.Minute)})
		return asks{h.ref(p + "/app:1"), name, secret}
	}},
	{"robot disabled", false, 2, func(h *harborTarget) asks {
		p := h.memberProject(harbor.Metadata{})
		robot := h.robot(p)
		h.check(h.admin.DisableRobot(h.Context(), robot.ID))
		return asks{h.ref(p + "/app:1"), robot.Name, robot.Secret}
	}},
	{"robot of another project", false, 3, func(h *harborTarget) asks {
		p := h.memberProject(harbor.Metadata{})
		robot := h.robot(h.projectNamed("jrun-test-other", harbor.Metadata{}))
		return asks{h.ref(p + "/app:1"), robot.Name, robot.Secret}
	}},
}

// ruleMessages are about rules of a project.
var ruleMessages = []messageTest{
	{"vulnerable", false, 5, func(h *harborTarget) asks {
		return asks{h.scanned(findings), h.user, h.password}
	}},
	{"vulnerable for a robot", false, 3, func(h *harborTarget) asks {
		ref := h.scanned(findings)
		robot := h.robot(placeOf(ref).Project)
		return asks{ref, robot.Name, robot.Secret}
	}},
	{"not scanned", false, 4, func(h *harborTarget) asks { return asks{h.scanned(nil), h.user, h.password} }},
	{"scan pending", false, 4, func(h *harborTarget) asks {
		return asks{h.scanned(&fakeharbor.Scan{Status: "Running"}), h.user, h.password}
	}},
	{"scan failed", false, 4, func(h *harborTarget) asks {
		return asks{h.scanned(&fakeharbor.Scan{Status: "Error"}), h.user, h.password}
	}},
	{"not signed", false, 2, func(h *harborTarget) asks {
		return asks{h.ref(h.memberProject(harbor.Metadata{ContentTrustCosign: "true"}) + "/app:1"), h.user, h.password}
	}},
}

// outageMessages are about a Harbor that does not work. HEAD is repeated after 502.
var outageMessages = []messageTest{
	{"storage down", true, 3, func(h *harborTarget) asks {
		return h.broken("its storage breaks", func(f *fakeharbor.Server) { f.SetBackendDown(true) })
	}},
	{"core down", true, 3, func(h *harborTarget) asks {
		return h.broken("it breaks", func(f *fakeharbor.Server) { f.SetCoreDown(true) })
	}},
	{"nobody listens", true, 0, func(h *harborTarget) asks {
		listener := must(net.Listen("tcp", "127.0.0.1:0"))
		defer listener.Close()
		return asks{mustParse(h, listener.Addr().String()+"/team/app:1"), h.user, h.password}
	}},
	{"directory down", true, 3, func(h *harborTarget) asks {
		return h.broken("its directory breaks", func(f *fakeharbor.Server) { f.SetDirectory(fakeharbor.DirectoryDown) })
	}},
	{"directory does not answer", true, 2, func(h *harborTarget) asks {
		return h.broken("its directory breaks", func(f *fakeharbor.Server) { f.SetDirectory(fakeharbor.DirectoryUnreachable) })
	}},
	{"database down", true, 2, func(h *harborTarget) asks {
		return h.broken("its database breaks", func(f *fakeharbor.Server) { f.SetDatabaseDown(true) })
	}},
	{"lost by the storage", false, 2, func(h *harborTarget) asks {
		h.needsFake("its storage loses things")
		p := h.memberProject(harbor.Metadata{})
		h.fake.Lose(p+"/app", "1")
		return asks{h.ref(p + "/app:1"), h.user, h.password}
	}},
}

// broken is a Harbor of which a part broke, and a member's question.
func (h *harborTarget) broken(why string, f func(*fakeharbor.Server)) asks {
	h.Helper()
	h.needsFake(why)
	ref := h.ref(h.memberProject(harbor.Metadata{}) + "/app:1")
	f(h.fake)
	return asks{ref, h.user, h.password}
}

var findings = &fakeharbor.Scan{Vulnerabilities: []fakeharbor.Vulnerability{
	{ID: "CVE-2024-3094", Package: "xz-utils", Version: "5.6.0", FixVersion: "5.6.2", Severity: "Critical"},
	{ID: "CVE-2023-4911", Package: "libc6", Version: "2.36", Severity: "High"},
	{ID: "CVE-2023-0001", Package: "zlib1g", Version: "1.2", Severity: "Low"},
}}

// scanned is an image with a scan, in a project that forbids what is high.
func (h *harborTarget) scanned(scan *fakeharbor.Scan) Reference {
	h.Helper()
	h.needsFake("scans come out as the test wants")
	ref := h.ref(h.memberProject(harbor.Metadata{PreventVulnerable: "true", Severity: "high"}) + "/app:1")
	h.fake.SetScan(placeOf(ref).Project+"/app", "1", scan)
	return ref
}
