package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
)

var now = time.Date(2026, time.April, 1, 12, 0, 0, 0, time.UTC)

// sound is a machine that nothing is wrong with. Tests break one thing.
func sound() *Machine {
	return &Machine{
		Files: fstest.MapFS{
			"etc/subuid":                   {Data: []byte("other:100000:65536\nhanako:165536:65536\n")},
			"etc/subgid":                   {Data: []byte("1000:165536:65536\n")},
			"dev/fuse":                     {Mode: 0o666},
			"var/lib/apt/lists/x_Packages": {},
		},
		Run: func(_ context.Context, name string, _ ...string) (string, error) {
			switch name {
			case "timedatectl":
				return "yes\n", nil
			case "apt-get":
				return "Inst tzdata [1] (2 Debian:12/stable [all])\nConf tzdata\n", nil
			case "systemctl":
				return "active\ninactive\ninactive\n", errors.New("exit status 3")
			}
			return "", fmt.Errorf("there is no %s", name)
		},
		Find:     func(name string) (string, error) { return "/usr/bin/" + name, nil },
		Free:     func(string) (int64, error) { return 50 << 30, nil },
		Dial:     func(context.Context, string) error { return nil },
		Now:      func() time.Time { return now },
		User:     "hanako",
		UID:      1000,
		Config:   site.Config{Registry: "harbor.example.ac.jp"},
		DataDir:  "/home/hanako/.local/share/jbuild",
		Enter:    func(context.Context) (bool, error) { return true, nil },
		Registry: func(context.Context) (Answer, error) { return Answer{http.StatusUnauthorized, now}, nil },
		LoggedIn: func() (string, error) { return "hanako", nil },
	}
}

func TestExamine(t *testing.T) {
	refusing := func(err error) func(context.Context) (Answer, error) {
		return func(context.Context) (Answer, error) { return Answer{}, fmt.Errorf("asking: %w", err) }
	}
	running := func(program, says string, err error) func(m *Machine) {
		return func(m *Machine) {
			before := m.Run
			m.Run = func(ctx context.Context, name string, args ...string) (string, error) {
				if name == program {
					return says, err
				}
				return before(ctx, name, args...)
			}
		}
	}
	file := func(name, content string) func(m *Machine) {
		return func(m *Machine) { m.Files.(fstest.MapFS)[name] = &fstest.MapFile{Data: []byte(content)} }
	}
	for name, test := range map[string]struct {
		spoil  func(m *Machine)
		check  string
		status Status
		says   string // in What and Next
	}{
		"all is well":      {func(*Machine) {}, "", OK, ""},
		"no configuration": {func(m *Machine) { m.ConfigErr = errors.New("line 3") }, "config", Failed, "correct /etc/jbuild"},
		"no registry":      {func(m *Machine) { m.Config.Registry = "" }, "config", Warning, "registry ="},
		"no namespaces":    {func(m *Machine) { m.Enter = func(context.Context) (bool, error) { return false, errors.New("EPERM") } }, "namespaces", Failed, "tell those"},
		"few ids":          {file("etc/subuid", "hanako:100000:1000\n"), "subordinate ids", Warning, "/etc/subuid gives hanako only 1,000"},
		"ids of another":   {file("etc/subgid", "hana:100000:65536\n"), "subordinate ids", Warning, "/etc/subgid gives hanako only 0"},
		"no newgidmap":     {func(m *Machine) { m.Find = func(name string) (string, error) { return "", errors.New("no " + name) } }, "newuidmap", Warning, "apt install uidmap"},
		"no FUSE":          {func(m *Machine) { delete(m.Files.(fstest.MapFS), "dev/fuse") }, "fuse", Warning, "no /dev/fuse"},
		"FUSE for root":    {func(m *Machine) { m.Files.(fstest.MapFS)["dev/fuse"].Mode = 0o600 }, "fuse", Warning, "chmod 666"},
		"a full disk":      {func(m *Machine) { m.Free = func(string) (int64, error) { return 1 << 30, nil } }, "space", Failed, "jbuild prune"},
		"almost full":      {func(m *Machine) { m.Free = func(string) (int64, error) { return 5 << 30, nil } }, "space", Warning, "jbuild prune"},
		"an unknown CA":    {func(m *Machine) { m.Registry = refusing(x509.UnknownAuthorityError{}) }, "registry", Failed, "update-ca-certificates"},
		"an old certificate": {func(m *Machine) {
			m.Registry = refusing(x509.CertificateInvalidError{Cert: &x509.Certificate{}, Reason: x509.Expired})
		}, "registry", Failed, "clock"},
		"another's": {func(m *Machine) {
			m.Registry = refusing(x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"})
		}, "registry", Failed, "certificate"},
		"a registry away": {func(m *Machine) { m.Registry = refusing(errors.New("refused")) }, "registry", Failed, "cannot be reached"},
		"no registry at all": {func(m *Machine) {
			m.Registry = func(context.Context) (Answer, error) { return Answer{http.StatusNotFound, now}, nil }
		}, "registry", Failed, "does not answer as"},
		"not logged in":     {func(m *Machine) { m.LoggedIn = func() (string, error) { return "", nil } }, "login", Warning, "jbuild login"},
		"unreadable logins": {func(m *Machine) { m.LoggedIn = func() (string, error) { return "", errors.New("JSON") } }, "login", Failed, "jbuild login"},
		"a wrong clock":     {func(m *Machine) { m.Now = func() time.Time { return now.Add(-time.Hour) } }, "time", Failed, "1h0m0s"},
		"a free clock":      {running("timedatectl", "no\n", nil), "time", Warning, "set-ntp"},
		"no timedatectl":    {running("timedatectl", "", errors.New("none")), "time", Skipped, "nothing here"},
		"security updates":  {running("apt-get", "Inst a (1 Debian-Security:12/stable-security)\nInst b (2 Debian:12/stable)\n", nil), "updates", Warning, "waiting: 1"},
		"no apt":            {running("apt-get", "", errors.New("none")), "updates", Skipped, "apt cannot"},
		"no lists":          {func(m *Machine) { delete(m.Files.(fstest.MapFS), "var/lib/apt/lists/x_Packages") }, "updates", Skipped, "not been fetched"},
		"a restart":         {file("run/reboot-required", ""), "restart", Warning, "restart the machine"},
		"no firewall":       {running("systemctl", "inactive\ninactive\ninactive\n", errors.New("exit status 3")), "firewall", Warning, "no firewall"},
		"another firewall":  {running("systemctl", "inactive\nactive\ninactive\n", errors.New("exit status 3")), "firewall", OK, "firewalld"},
		"no systemd":        {running("systemctl", "", errors.New("none")), "firewall", Skipped, "whether there is"},
		"no page":           {func(m *Machine) { m.Dial = func(context.Context, string) error { return errors.New("refused") } }, "page", Warning, "jbuild web"},
		"a page elsewhere":  {func(m *Machine) { m.Config.Web.Listen = "127.0.0.1:9999" }, "page", OK, "127.0.0.1:9999"},
		"namespaces taken": {func(m *Machine) {
			m.Enter = func(context.Context) (bool, error) { return false, errors.New("ENOSPC") }
			m.Files.(fstest.MapFS)["proc/sys/user/max_user_namespaces"] = &fstest.MapFile{Data: []byte("0\n")}
		}, "namespaces", Failed, "sysctl user.max_user_namespaces=15000"},
	} {
		t.Run(name, func(t *testing.T) {
			m := sound()
			test.spoil(m)
			findings := Examine(t.Context(), m)
			for _, f := range findings {
				if f.Check == test.check {
					said := texts(f)
					if f.Status != test.status || !strings.Contains(said, test.says) {
						t.Errorf("%s: %s, %q", f.Check, f.Status, said)
					}
					if f.Status != OK && f.Status != Skipped && len(f.Next) == 0 {
						t.Errorf("%s: nothing says what to do", f.Check)
					}
				} else if f.Status != OK && m.Config.Registry != "" {
					t.Errorf("%s: %s, %q", f.Check, f.Status, texts(f))
				}
			}
			if test.check != "" && !slices.ContainsFunc(findings, func(f Finding) bool { return f.Check == test.check }) {
				t.Errorf("nothing was said of %s", test.check)
			}
			if got, want := Sound(findings), test.status != Failed; got != want {
				t.Errorf("sound: %v, want %v", got, want)
			}
		})
	}
}

func texts(f Finding) string {
	p, _ := message.For("en")
	said := p.Text(f.What)
	for _, next := range f.Next {
		said += "\n" + p.Text(next)
	}
	return said
}
