package settings_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPeople(t *testing.T) {
	s, err := load(t, minimal+`
[people.ldap]
url = "ldap://ldap.example.ac.jp"
ca_file = "ca.pem"
base = "dc=example"
kind = "ad"
timeout = "3s"
[people.ldap.attributes]
mail = "proxyAddresses"
[onboarding]
quota = "50G"
[mail]
from = "Registry <registry@example.ac.jp>"
smtp = "smtp://mail.example.ac.jp"
`)
	if err != nil {
		t.Fatal(err)
	}
	l := s.People.LDAP
	if l.Encryption() != "starttls" || l.CAFile != filepath.Join(filepath.Dir(s.File()), "ca.pem") || l.GroupBase != l.Base || l.Timeout != 3*time.Second || l.PageSize == 0 {
		t.Errorf("LDAP is %+v", l)
	}
	if l.Attributes.ID != "sAMAccountName" || l.Attributes.Mail != "proxyAddresses" || !strings.Contains(l.UserFilter, "computer") {
		t.Errorf("it is called %+v, %s", l.Attributes, l.UserFilter)
	}
	if s.Onboarding.Quota != 50e9 || s.Onboarding.RobotDays != 365 || s.Onboarding.RenewDays != 30 {
		t.Errorf("onboarding is %+v", s.Onboarding)
	}
	if !s.Mail.Encrypted() || s.Mail.Server().Host != "mail.example.ac.jp" || s.Mail.Both() || s.Mail.Timeout == 0 {
		t.Errorf("mail is %+v", s.Mail)
	}
}

// TestLoopback: a server on this machine needs no encryption, unless it has a
// certificate to check.
func TestLoopback(t *testing.T) {
	for text, want := range map[string]string{
		"url = \"ldap://127.0.0.1\"\nbase = \"dc=x\"\n":                     "",
		"url = \"ldap://127.0.0.1\"\nbase = \"dc=x\"\nca_file = \"ca.pem\"": "starttls",
		"url = \"ldaps://127.0.0.1\"\nbase = \"dc=x\"\n":                    "tls",
		"url = \"ldap://localhost.example.jp\"\nbase = \"dc=x\"\n":          "starttls",
	} {
		s, err := load(t, minimal+"[people.ldap]\n"+text)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.People.LDAP.Encryption(); got != want {
			t.Errorf("%s is encrypted with %q, not %q", text, got, want)
		}
	}
}

func TestMistakesAboutPeople(t *testing.T) {
	const ldap = "[people.ldap]\nurl = \"ldaps://x\"\nbase = \"dc=x\"\n"
	for name, tt := range map[string]struct{ text, why string }{
		"two directories":    {"[people]\ncsv = \"p.csv\"\n" + ldap, "both set"},
		"no url":             {"[people.ldap]\nbase = \"dc=x\"\n", "people.ldap.url is missing"},
		"no base":            {"[people.ldap]\nurl = \"ldaps://x\"\n", "people.ldap.base is missing"},
		"http":               {"[people.ldap]\nurl = \"https://x\"\nbase = \"dc=x\"\n", "not like ldaps://"},
		"a password in it":   {"[people.ldap]\nurl = \"ldaps://u:geheim@x\"\nbase = \"dc=x\"\n", "not like ldaps://"},
		"no password":        {ldap + "bind_dn = \"cn=x\"\n", "password_file is missing"},
		"nobody's password":  {ldap + "password_file = \"x\"\n", "bind_dn is missing"},
		"kind":               {ldap + "kind = \"novell\"\n", "not posix or ad"},
		"timeout":            {ldap + "timeout = \"-1s\"\n", "timeout"},
		"robot's days":       {"[onboarding]\nrobot_days = -1\n", "robot_days"},
		"renewed too early":  {"[onboarding]\nrobot_days = 10\nrenew_days = 10\n", "renew_days"},
		"a nameless project": {"[onboarding]\nshared = [\"\"]\n", "empty name"},
		"quota":              {"[onboarding]\nquota = \"much\"\n", "much"},
		"two ways":           {"[mail]\nfrom = \"a@b.jp\"\nsmtp = \"smtp://x\"\ndirectory = \"d\"\n", "only one"},
		"no sender":          {"[mail]\nsmtp = \"smtp://x\"\n", "mail.from is missing"},
		"no address":         {"[mail]\nfrom = \"a\"\n", "mail.from"},
		"an injection":       {"[mail]\nfrom = \"a@b.jp\\r\\nBcc: x@y.jp\"\n", "mail.from"},
		"no server":          {"[mail]\nfrom = \"a@b.jp\"\nsmtp = \"mail\"\n", "not like smtp://"},
		"a password there":   {"[mail]\nfrom = \"a@b.jp\"\nsmtp = \"smtp://u:geheim@x\"\n", "not like smtp://"},
		"user alone":         {"[mail]\nuser = \"x\"\n", "only one is set"},
		"languages":          {"[mail]\nlanguages = \"all\"\n", "not own or both"},
		"two lines":          {"[mail]\nsite = \"a\\nb\"\n", "one line"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, minimal+tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.why) || strings.Contains(err.Error(), "geheim") {
				t.Errorf("it says %v", err)
			}
		})
	}
}

// TestDocumentation: what docs/people.md shows is a configuration.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../../docs/people.md")
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	blocks := strings.Split(string(text), "```toml\n")
	for _, block := range blocks[1:] {
		block, _, _ = strings.Cut(block, "```")
		shown.WriteString(block)
	}
	s, err := load(t, minimal+shown.String())
	if err != nil {
		t.Fatal(err)
	}
	if s.People.LDAP.URL == "" || len(s.Onboarding.Shared) == 0 || s.Mail.SMTP == "" {
		t.Errorf("it sets %+v", s)
	}
}
