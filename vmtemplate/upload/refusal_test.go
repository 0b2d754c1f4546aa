package upload_test

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/registry"
	"github.com/jrun-hpc/jrun/vmtemplate/upload"
)

var update = flag.Bool("update", false, "write the golden files")

// TestRefusals: what a person is told, in both languages, for each thing that a
// Harbor refuses.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(p *peer, o *upload.Options)
	}{
		{"wrong password", func(_ *peer, o *upload.Options) { o.Access.Password = "wrong-Sekrit" }},
		{"nobody", func(_ *peer, o *upload.Options) { o.Access.User, o.Access.Password = "", "" }},
		{"not a member", func(p *peer, _ *upload.Options) { p.fake.RemoveMember("team", user) }},
		{"guest", func(p *peer, _ *upload.Options) { p.fake.AddMember("team", user, fakeharbor.Guest) }},
		{"no project", func(_ *peer, o *upload.Options) { o.Target.Repository = "nowhere/app" }},
		{"quota", func(p *peer, _ *upload.Options) { p.fake.SetQuota("team", 100*kib) }},
		{"quota at the end", func(p *peer, o *upload.Options) {
			// Whoever may not see the quota learns of it when all has been sent.
			o.Access.User, o.Access.Password = p.fake.AddRobot(fakeharbor.Robot{Project: "team", Name: "ci", Access: []string{"repository:pull", "repository:push"}})
			p.fake.SetQuota("team", 100*kib)
			then := o.Access.Transport
			o.Access.Transport = &before{then: then, look: func(r *http.Request) *http.Response {
				if strings.HasSuffix(r.URL.Path, "/summary") {
					return answer(http.StatusForbidden, nil, "")
				}
				return nil
			}}
		}},
		{"immutable", func(p *peer, o *upload.Options) {
			p.push(newImage(p, newLayer(p, 9, kib)), p.options())
			p.fake.SetImmutable("team", "*")
			o.Overwrite = true
		}},
		{"exists", func(p *peer, _ *upload.Options) { p.push(newImage(p, newLayer(p, 9, kib)), p.options()) }},
		{"read only", func(p *peer, _ *upload.Options) { p.fake.SetReadOnly(true) }},
		{"directory down", func(p *peer, _ *upload.Options) { p.fake.SetDirectory(fakeharbor.DirectoryDown) }},
		{"core down", func(p *peer, _ *upload.Options) { p.fake.SetCoreDown(true) }},
		{"storage down", func(p *peer, _ *upload.Options) { p.fake.SetBackendDown(true) }},
		{"database down", func(p *peer, _ *upload.Options) { p.fake.SetDatabaseDown(true) }},
		{"robot refused", func(p *peer, o *upload.Options) {
			o.Access.User, o.Access.Password = p.fake.AddRobot(fakeharbor.Robot{Project: "team", Name: "old", Disabled: true})
		}},
		{"nobody listens", func(_ *peer, o *upload.Options) { o.Target.Host, o.Access.Host = "127.0.0.1:1", "127.0.0.1:1" }},
		{"no such host", func(_ *peer, o *upload.Options) {
			o.Target.Host, o.Access.Host = "registry.invalid", "registry.invalid"
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newHarbor(t, fakeharbor.Options{})
			o := p.options()
			o.Patience.Total = 1
			test.prepare(p, &o)
			_, err := upload.Push(context.Background(), newImage(t, newLayer(t, 1, 200*kib)), o)
			if err == nil {
				t.Fatal("it went well")
			}
			golden(t, test.name, p.host, err)
		})
	}
}

var variable = regexp.MustCompile(`(lookup registry.invalid.*|\d{4}-\d\d-\d\d \d\d:\d\d|127\.0\.0\.1:\d+|uploads/[A-Z0-9]{26}|sha256:[0-9a-f]{64}|robot\$team\+\w+)`)

// golden compares an error in both languages with the file.
func golden(t *testing.T, name, host string, err error) {
	t.Helper()
	var text strings.Builder
	for _, lang := range message.Languages {
		printer, ok := message.For(lang)
		if !ok {
			t.Fatal(lang)
		}
		text.WriteString(printer.Format("jbuild", err))
	}
	got := strings.ReplaceAll(text.String(), host, "harbor.example")
	got = variable.ReplaceAllString(got, "(…)")
	for _, secret := range []string{password, "wrong-Sekrit", "Basic ", "eyJ"} {
		if strings.Contains(got, secret) {
			t.Errorf("a secret is in\n%s", got)
		}
	}
	file := filepath.Join("testdata", "refusals", strings.ReplaceAll(name, " ", "_")+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the text (-want +got):\n%s", diff)
	}
}

// TestQuotaBefore: what does not fit is not sent.
func TestQuotaBefore(t *testing.T) {
	p := newHarbor(t, fakeharbor.Options{})
	p.fake.SetQuota("team", 100*kib)
	img := newImage(t, newLayer(t, 1, 200*kib))
	_, err := upload.Push(context.Background(), img, p.options())
	quota, ok := as[*upload.QuotaError](err)
	if !ok || quota.Left != 100*kib || quota.Need < 200*kib || p.received() != 0 {
		t.Fatalf("%v, after %d bytes", err, p.received())
	}
	p.fake.SetQuota("team", 400*kib)
	p.push(img, p.options())
}

// TestRelogin: another login is asked for once, though several layers wait for it,
// and nothing that was sent is lost.
func TestRelogin(t *testing.T) {
	p := newHarbor(t, fakeharbor.Options{})
	img := newImage(t, newLayer(t, 1, 300*kib), newLayer(t, 2, 300*kib), newLayer(t, 3, 300*kib))
	o := p.options()
	var patches, asked atomic.Int64
	o.Access.Transport = &before{then: p.access.Transport, look: func(r *http.Request) *http.Response {
		if r.Method == http.MethodPatch && patches.Add(1) == 6 {
			p.fake.SetPassword(user, "another-Sekrit")
			p.fake.ExpireTokens()
		}
		return nil
	}}
	o.Relogin = func(_ context.Context, why error) (registry.Login, error) {
		asked.Add(1)
		if told, ok := as[*message.Error](why); !ok || told.What.Name() != "registry.wrong-password" {
			t.Errorf("a login is asked for because of %v", why)
		}
		return registry.Login{User: user, Password: "another-Sekrit"}, nil
	}
	result := p.push(img, o)
	if asked.Load() != 1 {
		t.Errorf("a login was asked for %d times", asked.Load())
	}
	if got := p.received(); got > result.Counts.ToSend+7*64*kib { // each blob: with the old token, and with one of the old password
		t.Errorf("the registry got %d bytes for %d", got, result.Counts.ToSend)
	}
	if n := p.count(http.MethodGet, "/service/token", 0); n > 4 { // at first, with the old password, its diagnosis, with the new one
		t.Errorf("%d tokens were asked for", n)
	}
	p.access.Password = "another-Sekrit"
	p.pull(o.Target, img)
}

// TestReloginRefused: whoever gives no login is told why, and may go on later.
func TestReloginRefused(t *testing.T) {
	p := newHarbor(t, fakeharbor.Options{})
	o := p.options()
	o.Access.Password = "wrong-Sekrit"
	asked := 0
	o.Relogin = func(context.Context, error) (registry.Login, error) {
		if asked++; asked == 1 {
			return registry.Login{User: user, Password: "wrong-again"}, nil
		}
		return registry.Login{}, errors.New("not now")
	}
	img := newImage(t, newLayer(t, 1, 100*kib))
	_, err := upload.Push(context.Background(), img, o)
	if told, ok := as[*message.Error](err); !ok || told.What.Name() != "registry.wrong-password" || asked != 2 {
		t.Fatalf("%v, after asking %d times", err, asked)
	}
	p.push(img, p.options())
}

// TestRightIsNoLogin: a member without the right is not asked for a password.
func TestRightIsNoLogin(t *testing.T) {
	p := newHarbor(t, fakeharbor.Options{})
	p.fake.AddMember("team", user, fakeharbor.Guest)
	o := p.options()
	o.Relogin = func(_ context.Context, why error) (registry.Login, error) {
		t.Errorf("a login is asked for because of %v", why)
		return registry.Login{}, errors.New("no")
	}
	if _, err := upload.Push(context.Background(), newImage(t, newLayer(t, 1, kib)), o); err == nil {
		t.Error("a guest may push")
	}
}

// TestLockedAccount: another program's old password keeps nobody from uploading.
func TestLockedAccount(t *testing.T) {
	p := newHarbor(t, fakeharbor.Options{})
	r, err := http.NewRequest(http.MethodGet, p.fake.URL+"/api/v2.0/users/current", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(user, "old")
	wrong, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	wrong.Body.Close()
	img := newImage(t, newLayer(t, 1, kib))
	p.push(img, p.options())
	p.pull(p.options().Target, img)
}

// TestEcho: a registry that sends back what it was sent does not bring the login
// into what people read.
func TestEcho(t *testing.T) {
	p := newPlain(t)
	o := p.options()
	o.Access.Transport = &before{then: p.access.Transport, look: func(r *http.Request) *http.Response {
		if r.URL.Scheme == "https" {
			return nil
		}
		if r.Header.Get("Authorization") == "" {
			return answer(http.StatusUnauthorized, http.Header{"Www-Authenticate": {`Basic realm="x"`}}, "")
		}
		return answer(http.StatusBadRequest, nil, `{"errors":[{"code":"X","message":"`+password+` `+r.Header.Get("Authorization")+`"}]}`)
	}}
	_, err := upload.Push(context.Background(), newImage(t, newLayer(t, 1, kib)), o)
	if err == nil || strings.Contains(err.Error(), password) || strings.Contains(err.Error(), "dTAwMTpTZWtyaXQtcGFzc3cwcmQ") || !strings.Contains(err.Error(), "…") {
		t.Errorf("it ends with %v", err)
	}
}
