package harbor_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/opencontainers/go-digest"
)

// refused asks for a manifest with HEAD and makes a question of the answer. It
// knows what jrun knows: neither body nor how long it took.
func (tgt *target) refused(user, password, repository, reference string) harbor.Question {
	tgt.Helper()
	auth := ""
	if user != "" {
		auth = user + ":" + password
	}
	got := tgt.head(repository, reference, auth)
	project, rest, _ := strings.Cut(repository, "/")
	return harbor.Question{
		Client: tgt.client(user, password), Project: project, Repository: rest, Reference: reference,
		Status: got.status, Header: got.header, Timing: tgt.timing,
	}
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

// gated is a project that lets nothing high pass, with a scanned image.
func (tgt *target) gated(scan *fakeharbor.Scan) string {
	tgt.Helper()
	tgt.needsFake("scans come out as the test wants")
	p := tgt.newProject(harbor.NewProject{Metadata: harbor.Metadata{PreventVulnerable: "true", Severity: "high"}})
	tgt.push(p+"/app", "1")
	tgt.fake.SetScan(p+"/app", "1", scan)
	return p
}

var vulnerable = &fakeharbor.Scan{Vulnerabilities: []fakeharbor.Vulnerability{
	{ID: "CVE-1", Package: "zlib", Version: "1", Severity: "Low"},
	{ID: "CVE-2", Package: "xz", Version: "5.6", Severity: "Critical"},
	{ID: "CVE-3", Package: "ssl", Version: "3", FixVersion: "3.1", Severity: "Critical"},
	{ID: "CVE-3", Package: "ssl-dev", Version: "3", FixVersion: "3.1", Severity: "Critical"},
}}

// diagnoses are all causes, each by the ways that lead to it. check looks at the
// rest of the diagnosis, and may be nil.
var diagnoses = []struct {
	name  string
	want  harbor.Cause
	ask   func(*target) harbor.Question
	check func(*target, harbor.Diagnosis)
}{
	{"wrong password", harbor.WrongPassword, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{})
		user, _ := tgt.newMember(p, harbor.Guest)
		return tgt.refused(user, "wrong", p+"/app", "1")
	}, nil},
	{"unknown user", harbor.WrongPassword, func(tgt *target) harbor.Question {
		return tgt.refused(unique("nobody"), "x", tgt.newProject(harbor.NewProject{})+"/app", "1")
	}, nil},
	{"wrong password, and no project either", harbor.WrongPassword, func(tgt *target) harbor.Question {
		user, _ := tgt.newUser()
		return tgt.refused(user, "wrong", unique("none")+"/app", "1")
	}, nil},
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
		return tgt.refused(user, password, p+"/app", "1")
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

	{"vulnerable", harbor.Vulnerable, func(tgt *target) harbor.Question {
		p := tgt.gated(vulnerable)
		user, password := tgt.newMember(p, harbor.LimitedGuest)
		return tgt.refused(user, password, p+"/app", "1")
	}, func(tgt *target, d harbor.Diagnosis) {
		f := d.Vulnerabilities
		if f == nil || f.Total != 4 || f.Fixable != 2 || f.BySeverity["Critical"] != 3 || f.Worst != "Critical" || f.Gate != "high" || f.Scanned.IsZero() {
			tgt.Fatalf("findings are %+v", f)
		}
		var ids []string
		for _, v := range f.Top {
			ids = append(ids, v.ID)
		}
		if !slices.Equal(ids, []string{"CVE-3", "CVE-2", "CVE-1"}) {
			tgt.Errorf("the worst are %v", ids)
		}
	}},
	{"vulnerable, for a pull-only robot", harbor.Vulnerable, func(tgt *target) harbor.Question {
		p := tgt.gated(vulnerable)
		robot := tgt.newRobot(p, harbor.Forever)
		return tgt.refused(robot.Name, robot.Secret, p+"/app", "1")
	}, func(tgt *target, d harbor.Diagnosis) {
		if d.Vulnerabilities != nil || d.Err != nil || !strings.Contains(d.Message, "4 vulnerabilities") {
			tgt.Errorf("the diagnosis is %+v", d)
		}
	}},
	{"vulnerable, behind an expired token", harbor.Vulnerable, func(tgt *target) harbor.Question {
		return tgt.expired(tgt.gated(vulnerable)+"/app", "1")
	}, nil},
	{"not scanned", harbor.NotScanned, func(tgt *target) harbor.Question {
		p := tgt.gated(nil)
		user, password := tgt.newMember(p, harbor.Guest)
		return tgt.refused(user, password, p+"/app", "1")
	}, nil},
	{"scan pending", harbor.ScanPending, func(tgt *target) harbor.Question {
		p := tgt.gated(&fakeharbor.Scan{Status: "Running"})
		user, password := tgt.newMember(p, harbor.Guest)
		return tgt.refused(user, password, p+"/app", "1")
	}, nil},
	{"scan failed", harbor.ScanFailed, func(tgt *target) harbor.Question {
		p := tgt.gated(&fakeharbor.Scan{Status: "Error"})
		robot := tgt.newRobot(p, harbor.Forever)
		return tgt.refused(robot.Name, robot.Secret, p+"/app", "1")
	}, nil},
	{"scan ended meanwhile", harbor.Passing, func(tgt *target) harbor.Question {
		p := tgt.gated(&fakeharbor.Scan{Status: "Running"})
		q := tgt.refused(tgt.user, tgt.password, p+"/app", "1")
		tgt.fake.SetScan(p+"/app", "1", &fakeharbor.Scan{})
		return q
	}, nil},
	{"not signed", harbor.NotSigned, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{Metadata: harbor.Metadata{ContentTrustCosign: "true"}})
		tgt.push(p+"/app", "1")
		user, password := tgt.newMember(p, harbor.Guest)
		return tgt.refused(user, password, p+"/app", "1")
	}, nil},
	{"a gate with new words", harbor.NotSigned, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{Metadata: harbor.Metadata{ContentTrustCosign: "true"}})
		tgt.push(p+"/app", "1")
		q := tgt.refused(tgt.user, tgt.password, p+"/app", "1")
		q.Body = []byte(`{"errors":[{"code":"PROJECTPOLICYVIOLATION","message":"no"}]}`)
		return q
	}, nil},

	{"quota", harbor.QuotaExceeded, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{StorageLimitBytes: 1000})
		q := tgt.refused(tgt.user, tgt.password, p+"/app", "1")
		err := tgt.pushAs(p+"/app", "1", must(random.Image(4096, 1)), tgt.user, tgt.password)
		q.Method, q.Status, q.Body = http.MethodPut, http.StatusForbidden, []byte(quotaMessage(tgt, err))
		return q
	}, func(tgt *target, d harbor.Diagnosis) {
		if d.Quota == nil || d.Quota.Hard.StorageBytes != 1000 {
			tgt.Errorf("the quota is %+v", d.Quota)
		}
	}},
	{"read only", harbor.ReadOnly, func(tgt *target) harbor.Question {
		tgt.needsFake("all others would be locked out")
		p := tgt.newProject(harbor.NewProject{})
		tgt.fake.SetReadOnly(true)
		q := tgt.refused(tgt.user, tgt.password, p+"/app", "1")
		got := tgt.ask(http.MethodPost, "/v2/"+p+"/app/blobs/uploads/", tgt.user+":"+tgt.password)
		q.Method, q.Status, q.Body = http.MethodPost, got.status, got.body
		return q
	}, nil},
	{"read only, without its words", harbor.ReadOnly, func(tgt *target) harbor.Question {
		tgt.needsFake("all others would be locked out")
		p := tgt.newProject(harbor.NewProject{})
		tgt.fake.SetReadOnly(true)
		q := tgt.refused(tgt.user, tgt.password, p+"/app", "1")
		q.Method, q.Status = http.MethodPost, http.StatusForbidden
		return q
	}, nil},
	{"immutable tag", harbor.ImmutableTag, func(tgt *target) harbor.Question {
		tgt.needsFake("the client makes no such rules")
		p := tgt.newProject(harbor.NewProject{})
		tgt.push(p+"/app", "v1")
		tgt.fake.SetImmutable(p, "v*")
		q := tgt.refused(tgt.user, tgt.password, p+"/app", "v1")
		got := tgt.ask(http.MethodPut, "/v2/"+p+"/app/manifests/v1", tgt.user+":"+tgt.password)
		q.Method, q.Status, q.Body = http.MethodPut, got.status, got.body
		return q
	}, nil},

	{"storage down", harbor.BackendDown, func(tgt *target) harbor.Question {
		tgt.needsFake("its storage breaks")
		p := tgt.newProject(harbor.NewProject{})
		tgt.push(p+"/app", "1")
		tgt.fake.SetBackendDown(true)
		return tgt.refused(tgt.user, tgt.password, p+"/app", "1")
	}, nil},
	{"storage down, without a header", harbor.BackendDown, func(tgt *target) harbor.Question {
		tgt.needsFake("its storage breaks")
		p := tgt.newProject(harbor.NewProject{})
		tgt.push(p+"/app", "1")
		tgt.fake.SetBackendDown(true)
		q := tgt.refused(tgt.user, tgt.password, p+"/app", "1")
		q.Header = nil
		return q
	}, nil},
	{"core down", harbor.CoreDown, func(tgt *target) harbor.Question {
		tgt.needsFake("its core breaks")
		tgt.fake.SetCoreDown(true)
		return tgt.refused(tgt.user, tgt.password, "p/app", "1")
	}, nil},
	{"core was down", harbor.CoreDown, func(tgt *target) harbor.Question {
		tgt.needsFake("its core breaks")
		tgt.fake.SetCoreDown(true)
		q := tgt.refused(tgt.user, tgt.password, "p/app", "1")
		tgt.fake.SetCoreDown(false)
		return q
	}, nil},
	{"database down", harbor.DatabaseDown, func(tgt *target) harbor.Question {
		tgt.needsFake("its database breaks")
		p := tgt.newProject(harbor.NewProject{})
		user, password := tgt.newMember(p, harbor.Guest)
		tgt.fake.SetDatabaseDown(true) // not yet seen by /health
		return tgt.refused(user, password, p+"/app", "1")
	}, nil},
	{"database down, for a robot", harbor.DatabaseDown, func(tgt *target) harbor.Question {
		tgt.needsFake("its database breaks")
		p := tgt.newProject(harbor.NewProject{})
		robot := tgt.newRobot(p, harbor.Forever)
		tgt.fake.SetDatabaseDown(true)
		return tgt.refused(robot.Name, robot.Secret, p+"/app", "1")
	}, nil},
	{"too many requests", harbor.TooMany, func(tgt *target) harbor.Question {
		q := tgt.refused(tgt.user, tgt.password, "p/app", "1")
		q.Status = http.StatusTooManyRequests
		return q
	}, nil},
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

func TestDiagnose(t *testing.T) {
	for _, test := range diagnoses {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tgt := newTarget(t)
			q := test.ask(tgt)
			if q.Status < http.StatusBadRequest {
				t.Fatalf("nothing was refused: %d", q.Status)
			}
			if tgt.fake != nil {
				tgt.fake.TakeRequests()
			}
			d := harbor.Diagnose(t.Context(), q)
			if d.Cause != test.want {
				t.Fatalf("the cause is %v: %+v", d.Cause, d)
			}
			if test.check != nil {
				test.check(&target{TB: t}, d)
			}
			if tgt.fake != nil && q.Status == http.StatusUnauthorized {
				countCredential(t, tgt.fake.TakeRequests(), q.Client.User(), d.Cause)
			}
		})
	}
}

// countCredential checks that no more was asked than may be after a 401.
func countCredential(t *testing.T, requests []fakeharbor.Request, user string, cause harbor.Cause) {
	t.Helper()
	most := 2
	if cause == harbor.WrongPassword || cause == harbor.RobotRefused {
		most = 1
	}
	n := 0
	for _, r := range requests {
		if user != "" && r.User == user && r.Agent == "jrun" {
			n++
		}
	}
	if n > most {
		t.Errorf("the credential was used %d times: %v", n, requests)
	}
}

// TestDiagnoseTook is about a refusal that took as long as a wrong password
// does: then a second instant 401 needs no third question.
func TestDiagnoseTook(t *testing.T) {
	tgt := fakeTarget(t, fakeharbor.Options{})
	p := tgt.newProject(harbor.NewProject{})
	user, _ := tgt.newMember(p, harbor.Guest)
	q := tgt.refused(user, "wrong", p+"/app", "1")
	q.Took = loginDelay
	q.Timing.Wait = func(context.Context) error {
		t.Error("it waits")
		return nil
	}
	go func() { _, _ = tgt.tryAsk(http.MethodGet, "/api/v2.0/users/current", user+":old") }()
	time.Sleep(loginDelay / 3)
	if d := harbor.Diagnose(t.Context(), q); d.Cause != harbor.WrongPassword {
		t.Errorf("the cause is %v", d.Cause)
	}
}

// TestDiagnoseHammered is about an account that somebody does not leave alone.
// Without a directory that is what it must be.
func TestDiagnoseHammered(t *testing.T) {
	for mode, want := range map[string]harbor.Cause{"ldap_auth": harbor.DirectoryDown, "db_auth": harbor.LoginLocked} {
		t.Run(mode, func(t *testing.T) {
			tgt := fakeTarget(t, fakeharbor.Options{AuthMode: mode})
			p := tgt.newProject(harbor.NewProject{})
			user, password := tgt.newMember(p, harbor.Guest)
			lock := func() {
				go func() { _, _ = tgt.tryAsk(http.MethodGet, "/api/v2.0/users/current", user+":old") }()
				time.Sleep(loginDelay / 3)
			}
			lock()
			q := tgt.refused(user, password, p+"/app", "1")
			q.Timing.Wait = func(context.Context) error {
				time.Sleep(loginDelay)
				lock()
				return nil
			}
			if d := harbor.Diagnose(t.Context(), q); d.Cause != want {
				t.Errorf("the cause is %v", d.Cause)
			}
		})
	}
}

// TestDiagnoseOIDC: a wrong CLI secret is refused at once.
func TestDiagnoseOIDC(t *testing.T) {
	tgt := fakeTarget(t, fakeharbor.Options{AuthMode: "oidc_auth"})
	p := tgt.newProject(harbor.NewProject{})
	user, _ := tgt.newMember(p, harbor.Guest)
	tgt.fake.TakeRequests()
	q := tgt.refused(user, "wrong", p+"/app", "1")
	if d := harbor.Diagnose(t.Context(), q); d.Cause != harbor.WrongPassword {
		t.Errorf("the cause is %v", d.Cause)
	}
	countCredential(t, tgt.fake.TakeRequests(), user, harbor.WrongPassword)
}

// TestDiagnoseRule decides by the project's rules, when Harbor has new words.
func TestDiagnoseRule(t *testing.T) {
	for want, scan := range map[harbor.Cause]*fakeharbor.Scan{
		harbor.NotScanned: nil, harbor.ScanPending: {Status: "Pending"}, harbor.ScanFailed: {Status: "Stopped"}, harbor.Vulnerable: vulnerable,
	} {
		t.Run(want.String(), func(t *testing.T) {
			tgt := fakeTarget(t, fakeharbor.Options{})
			p := tgt.gated(scan)
			q := tgt.refused(tgt.user, tgt.password, p+"/app", "1")
			q.Body = []byte(`{"errors":[{"code":"PROJECTPOLICYVIOLATION","message":"nein"}]}`)
			if d := harbor.Diagnose(t.Context(), q); d.Cause != want {
				t.Errorf("the diagnosis is %+v", d)
			}
		})
	}
}

// TestDiagnoseOthers is about what is no Harbor, or not there.
func TestDiagnoseOthers(t *testing.T) {
	other := httptest.NewServer(registry.New())
	t.Cleanup(other.Close)
	ask := func(base string, status int) harbor.Question {
		c := harbor.New(harbor.Options{Base: must(url.Parse(base)), User: "u", Password: "p"})
		return harbor.Question{Client: c, Project: "p", Repository: "app", Reference: "1", Status: status}
	}
	t.Run("another registry", func(t *testing.T) {
		if d := harbor.Diagnose(t.Context(), ask(other.URL, http.StatusUnauthorized)); d.Cause != harbor.NotHarbor {
			t.Errorf("the cause is %v", d.Cause)
		}
	})
	t.Run("a page that is always there", func(t *testing.T) {
		page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>hello</html>")) }))
		t.Cleanup(page.Close)
		if d := harbor.Diagnose(t.Context(), ask(page.URL, http.StatusNotFound)); d.Cause != harbor.NotHarbor {
			t.Errorf("the cause is %v", d.Cause)
		}
	})
	for status, want := range map[int]harbor.Cause{http.StatusForbidden: harbor.Unknown, http.StatusUnauthorized: harbor.NotHarbor, http.StatusTooManyRequests: harbor.TooMany} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			closed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
			t.Cleanup(closed.Close)
			if d := harbor.Diagnose(t.Context(), ask(closed.URL, http.StatusUnauthorized)); d.Cause != want {
				t.Errorf("the diagnosis is %+v", d)
			}
		})
	}
	t.Run("nothing there", func(t *testing.T) {
		gone := httptest.NewServer(http.NotFoundHandler())
		gone.Close()
		if d := harbor.Diagnose(t.Context(), ask(gone.URL, http.StatusUnauthorized)); d.Cause != harbor.Unknown || d.Err == nil {
			t.Errorf("the diagnosis is %+v", d)
		}
	})
	t.Run("no time", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if d := harbor.Diagnose(ctx, ask(other.URL, http.StatusUnauthorized)); d.Cause != harbor.Unknown || !errors.Is(d.Err, context.Canceled) {
			t.Errorf("the diagnosis is %+v", d)
		}
	})
}

// TestDiagnoseRace asks as many ranks would, at once.
func TestDiagnoseRace(t *testing.T) {
	tgt := fakeTarget(t, fakeharbor.Options{})
	p := tgt.newProject(harbor.NewProject{})
	user, password := tgt.newUser()
	q := tgt.refused(user, password, p+"/app", "1")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if d := harbor.Diagnose(t.Context(), q); d.Cause != harbor.NotMember {
				t.Errorf("the cause is %v", d.Cause)
			}
		})
	}
	wg.Wait()
}
