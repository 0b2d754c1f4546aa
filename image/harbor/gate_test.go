package harbor_test

import (
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
)

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

// ruleCauses are about rules of a project, and about Harbor itself.
var ruleCauses = []causeTest{
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
	{"vulnerable, for nobody", harbor.Vulnerable, func(tgt *target) harbor.Question {
		p := tgt.gated(vulnerable)
		tgt.fake.SetMetadata(p, "public", "true")
		token, _ := tgt.token(p+"/app", "")
		q := tgt.refused("", "", p+"/app", "1")
		q.Status = tgt.head(p+"/app", "1", "Bearer "+token).status
		return q
	}, func(tgt *target, d harbor.Diagnosis) {
		if d.Vulnerabilities == nil || len(d.Vulnerabilities.Top) != 3 {
			tgt.Errorf("the diagnosis is %+v", d)
		}
	}},
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
	{"storage hangs", harbor.BackendDown, func(tgt *target) harbor.Question {
		tgt.needsFake("its storage breaks")
		p := tgt.newProject(harbor.NewProject{})
		user, password := tgt.newMember(p, harbor.Guest)
		tgt.push(p+"/app", "1")
		tgt.fake.SetBackendHanging(true)
		return tgt.question(user, password, p+"/app", "1")
	}, timedOut},
	{"no answer, and then one", harbor.Passing, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{})
		user, password := tgt.newMember(p, harbor.Guest)
		tgt.push(p+"/app", "1")
		return tgt.question(user, password, p+"/app", "1")
	}, nil},
	{"no answer, and no tag either", harbor.NoTag, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{})
		tgt.push(p+"/app", "1")
		return tgt.question(tgt.user, tgt.password, p+"/app", "2")
	}, nil},
	{"no answer, and not a member", harbor.NotMember, func(tgt *target) harbor.Question {
		p := tgt.newProject(harbor.NewProject{})
		user, password := tgt.newUser()
		return tgt.question(user, password, p+"/app", "1")
	}, nil},
	{"no answer, and nobody", harbor.LoginNeeded, func(tgt *target) harbor.Question {
		return tgt.question("", "", tgt.newProject(harbor.NewProject{})+"/app", "1")
	}, nil},
	{"no answer to a push", harbor.Unknown, func(tgt *target) harbor.Question {
		q := tgt.question(tgt.user, tgt.password, tgt.newProject(harbor.NewProject{})+"/app", "1")
		q.Method = http.MethodPut
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
	{"database down, for an account that Harbor has itself", harbor.DatabaseDown, func(tgt *target) harbor.Question {
		tgt.needsFake("its database breaks")
		p := tgt.newProject(harbor.NewProject{})
		tgt.fake.SetDatabaseDown(true)
		return tgt.refused(tgt.user, tgt.password, p+"/app", "1")
	}, nil},
	{"database down, for nobody", harbor.DatabaseDown, func(tgt *target) harbor.Question {
		tgt.needsFake("its database breaks")
		p := tgt.newProject(harbor.NewProject{})
		tgt.fake.SetDatabaseDown(true)
		return tgt.refused("", "", p+"/app", "1")
	}, nil},
	{"database down, and no project", harbor.DatabaseDown, func(tgt *target) harbor.Question {
		tgt.needsFake("its database breaks")
		user, password := tgt.newUser()
		tgt.fake.SetDatabaseDown(true)
		return tgt.refused(user, password, unique("none")+"/app", "1")
	}, nil},
	{"too many requests", harbor.TooMany, func(tgt *target) harbor.Question {
		q := tgt.refused(tgt.user, tgt.password, "p/app", "1")
		q.Status = http.StatusTooManyRequests
		return q
	}, nil},
}
