package image

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/store"
)

// gateTest is a project without a gate of its own, with an image that is in the
// store, at a site with a gate.
type gateTest struct {
	*harborTarget
	ref            Reference
	st             *store.Store
	warnings       []string
	user, password string
}

func newGateTest(t *testing.T, scan *fakeharbor.Scan) *gateTest {
	h := newFakeHarbor(t)
	g := &gateTest{harborTarget: h, ref: h.ref(h.memberProject(harbor.Metadata{}) + "/app:1"), user: h.user, password: h.password}
	g.st = openStore(t)
	h.fake.SetScan(placeOf(g.ref).Project+"/app", "1", scan)
	h.ensure(h.client(h.user, h.password, Options{}), g.st, g.ref)
	h.requests()
	return g
}

// start starts a job with opts.
func (g *gateTest) start(opts Options) error {
	g.warnings = nil
	opts.Warn = func(t fault.Text) { g.warnings = append(g.warnings, t.String()) }
	_, _, err := g.client(g.user, g.password, opts).Ensure(g.Context(), g.st, g.ref, nil)
	return err
}

// apiRequests are those about the report, since the last call.
func (g *gateTest) apiRequests() []string {
	var api []string
	for _, r := range g.requests() {
		if strings.HasPrefix(r, "GET /api/") && !strings.HasSuffix(r, "/ping") {
			api = append(api, strings.TrimSuffix(r, twoLayers("gzip").digest().String()))
		}
	}
	return api
}

func TestSeverityGate(t *testing.T) {
	low := &fakeharbor.Scan{Vulnerabilities: findings.Vulnerabilities[2:]}
	for _, tt := range []struct {
		name   string
		scan   *fakeharbor.Scan
		gate   SeverityGate
		robot  bool
		denied bool
		says   string // in the refusal, or in a warning
	}{
		{"worse, deny", findings, SeverityGate{"medium", Deny, Deny}, false, true, "of the severity critical; this site allows medium at most"},
		{"worse, no action", findings, SeverityGate{Max: "medium"}, false, true, "1 critical, 1 high, 1 low"},
		{"worse, warn", findings, SeverityGate{"high", Warn, Deny}, false, false, "1 critical, 1 high, 1 low"},
		{"worse, allow", findings, SeverityGate{"high", Allow, Deny}, false, false, ""},
		{"as bad as allowed", findings, SeverityGate{"critical", Deny, Deny}, false, false, ""},
		{"better", low, SeverityGate{"medium", Deny, Deny}, false, false, ""},
		{"nothing found", &fakeharbor.Scan{}, SeverityGate{"none", Deny, Deny}, false, false, ""},
		{"something found, none allowed", low, SeverityGate{"none", Deny, Deny}, false, true, "severity low"},
		{"not scanned, deny", nil, SeverityGate{"high", Deny, Deny}, false, true, "it has not been scanned"},
		{"not scanned, no action", nil, SeverityGate{Max: "high", Action: Warn}, false, true, "it has not been scanned"},
		{"not scanned, warn", nil, SeverityGate{"high", Deny, Warn}, false, false, "it has not been scanned"},
		{"not scanned, allow", nil, SeverityGate{"high", Deny, Allow}, false, false, ""},
		{"scan under way", &fakeharbor.Scan{Status: "Running"}, SeverityGate{"high", Deny, Deny}, false, true, "it has not been scanned"},
		{"a robot that may not look, deny", &fakeharbor.Scan{}, SeverityGate{"high", Allow, Deny}, true, true, "may not see its report"},
		{"a robot that may not look, warn", findings, SeverityGate{"high", Deny, Warn}, true, false, "may not see its report"},
		{"no gate", findings, SeverityGate{Action: Deny, NotScanned: Deny}, false, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGateTest(t, tt.scan)
			if tt.robot {
				robot := g.robot(placeOf(g.ref).Project)
				g.user, g.password = robot.Name, robot.Secret
			}
			err := g.start(Options{Severity: tt.gate})
			if (err != nil) != tt.denied {
				t.Fatal(err)
			}
			said := strings.Join(g.warnings, "\n")
			if err != nil {
				said = wantFault(t, err).Error()
			}
			if !strings.Contains(said, tt.says) || (tt.says == "") != (said == "") {
				t.Errorf("it says %q, not %q", said, tt.says)
			}
		})
	}
}

// TestSeverityIsRemembered: a report is read once in an hour.
func TestSeverityIsRemembered(t *testing.T) {
	g := newGateTest(t, findings)
	gate := SeverityGate{"high", Warn, Deny}
	report := []string{"GET /api/v2.0/projects/" + placeOf(g.ref).Project + "/repositories/app/artifacts/"}
	for _, tt := range []struct {
		name string
		ago  time.Duration
		want []string
	}{{"first", 0, report}, {"second", 0, nil}, {"after 50 minutes", 50 * time.Minute, nil}, {"after an hour", 11 * time.Minute, report}} {
		ageNotes(t, g.st, tt.ago)
		if err := g.start(Options{Severity: gate}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, g.apiRequests()); diff != "" || len(g.warnings) != 1 {
			t.Errorf("%s: warnings %q, requests %s", tt.name, g.warnings, diff)
		}
	}
}

// TestMissingReport: that there is no report is known to all processes of a job, and
// asked again for the next.
func TestMissingReport(t *testing.T) {
	g := newGateTest(t, nil)
	gate := SeverityGate{"high", Deny, Warn}
	for i, want := range []int{1, 0, 0} {
		if err := g.start(Options{Severity: gate, Job: "1.pbs"}); err != nil {
			t.Fatal(err)
		}
		if asked := g.apiRequests(); len(asked) != want || len(g.warnings) != want {
			t.Errorf("process %d: asked %v, warned %q", i, asked, g.warnings)
		}
	}
	g.fake.SetScan(placeOf(g.ref).Project+"/app", "1", findings)
	if err := g.start(Options{Severity: gate, Job: "2.pbs"}); err == nil {
		t.Error("it has been scanned meanwhile")
	}
}

// TestSeverityOffline: with the registry away, what its report said before counts.
func TestSeverityOffline(t *testing.T) {
	for name, scan := range map[string]*fakeharbor.Scan{"good": {}, "bad": findings} {
		t.Run(name, func(t *testing.T) {
			g := newGateTest(t, scan)
			gate := SeverityGate{"high", Deny, Deny}
			if err := g.start(Options{Severity: gate}); (err == nil) != (name == "good") {
				t.Fatal(err)
			}
			ageNotes(t, g.st, 2*time.Hour)
			g.fake.Close()
			err := g.start(Options{Severity: gate, OfflineGrace: 4 * time.Hour})
			if (err == nil) != (name == "good") {
				t.Error(err)
			}
			if name == "bad" && !strings.Contains(err.Error(), "1 critical") {
				t.Error(err)
			}
		})
	}
}

// TestOwnGate: a project that has a gate is Harbor's business, whatever the site
// allows.
func TestOwnGate(t *testing.T) {
	g := newGateTest(t, findings)
	for key, value := range map[string]string{"prevent_vul": "true", "severity": "high"} {
		g.fake.SetMetadata(placeOf(g.ref).Project, key, value)
	}
	err := g.start(Options{Severity: SeverityGate{"critical", Allow, Allow}, OfflineGrace: time.Hour})
	var policy *PolicyError
	if wantFault(t, err); !errors.As(err, &policy) || policy.Cause != harbor.Vulnerable || httpStatus(err) != http.StatusPreconditionFailed {
		t.Errorf("got %v", err)
	}
}
