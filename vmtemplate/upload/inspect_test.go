package upload_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/vmtemplate/upload"
)

func TestInspect(t *testing.T) {
	type found struct {
		kind  upload.Kind
		stops bool
		cause harbor.Cause
	}
	pushed := time.Date(2026, 4, 1, 3, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name    string
		bytes   int64
		prepare func(*peer, *upload.Options)
		want    []found
	}{
		{"all is well", 1000, func(*peer, *upload.Options) {}, nil},
		{"a tag that is there", 0, func(p *peer, _ *upload.Options) {
			p.push(newImage(p, newLayer(p, 1, kib)), p.options())
			p.fake.SetPushed("team/app", "1", pushed)
		}, []found{{upload.Exists, false, 0}}},
		{"one that must stay", 0, func(p *peer, _ *upload.Options) {
			p.push(newImage(p, newLayer(p, 1, kib)), p.options())
			p.fake.SetImmutable("team", "*")
		}, []found{{upload.Immutable, true, 0}}},
		{"one that must stay, by another tag", 0, func(p *peer, o *upload.Options) {
			p.push(newImage(p, newLayer(p, 1, kib)), p.options())
			p.fake.SetImmutable("team", "*")
			o.Target.Tag = "2"
		}, nil},
		{"no room", 1000, func(p *peer, _ *upload.Options) { p.fake.SetQuota("team", 999) }, []found{{upload.NoRoom, true, 0}}},
		{"little room", 900, func(p *peer, _ *upload.Options) { p.fake.SetQuota("team", 1000) }, []found{{upload.LittleRoom, false, 0}}},
		{"a guest", 0, func(p *peer, _ *upload.Options) { p.fake.AddMember("team", user, fakeharbor.Guest) }, []found{{upload.Refused, true, harbor.NotMember}}},
		{"no project", 0, func(_ *peer, o *upload.Options) { o.Target.Repository = "nowhere/app" }, []found{{upload.Refused, true, harbor.NoProject}}},
		{"read-only", 0, func(p *peer, _ *upload.Options) { p.fake.SetReadOnly(true) }, []found{{upload.Refused, true, harbor.ReadOnly}}},
		{"a wrong password", 0, func(_ *peer, o *upload.Options) { o.Access.Password = "wrong-Sekrit" }, []found{{upload.Refused, true, harbor.WrongPassword}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newHarbor(t, fakeharbor.Options{})
			o := p.options()
			test.prepare(p, &o)
			p.fake.TakeRequests()
			report, err := upload.Inspect(context.Background(), test.bytes, o)
			if err != nil || !report.Harbor {
				t.Fatalf("%+v, %v", report, err)
			}
			var got []found
			for _, f := range report.Findings {
				got = append(got, found{f.Kind, f.Stops, f.Cause})
			}
			if len(got) != len(test.want) || len(got) == 1 && got[0] != test.want[0] {
				t.Fatalf("found %+v, not %+v", report.Findings, test.want)
			}
			if (report.Stops() != nil) != (len(test.want) == 1 && test.want[0].stops) {
				t.Errorf("it stops with %v", report.Stops())
			}
			if len(got) == 1 {
				golden(t, "inspect "+test.name, p.host, report.Findings[0].Err)
			}
			if test.name == "a tag that is there" && (report.Tag == nil || !report.Tag.Pushed.Equal(pushed) || report.Tag.Size == 0 || report.Tag.Immutable != upload.No) {
				t.Errorf("the tag is %+v", report.Tag)
			}
			for _, r := range p.fake.Requests() {
				if r.Bytes > 0 || strings.Contains(r.Path, "/manifests/") && r.Method == http.MethodPut {
					t.Errorf("it sends something: %+v", r)
				}
			}
		})
	}
}

// TestInspectOther: another registry tells what it can.
func TestInspectOther(t *testing.T) {
	p := newPlain(t)
	report, err := upload.Inspect(context.Background(), 1000, p.options())
	if err != nil || report.Harbor || report.MayPush != upload.Yes || report.Tag != nil || len(report.Findings) != 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	result := p.push(newImage(t, newLayer(t, 1, kib)), p.options())
	report, err = upload.Inspect(context.Background(), 1000, p.options())
	if err != nil || report.Tag == nil || report.Tag.Digest != result.Digest || report.Tag.Immutable != upload.Unknown || len(report.Findings) != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
}
