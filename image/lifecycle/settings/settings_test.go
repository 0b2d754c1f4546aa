package settings_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
)

// minimal is what a file must have.
const minimal = `
[harbor]
url = "https://harbor.example.ac.jp"
user = "admin"
password_file = "harbor.password"
`

func load(t *testing.T, text string) (*settings.Settings, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "jadm.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return settings.Load(file)
}

func TestLoad(t *testing.T) {
	s, err := load(t, minimal)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(s.File())
	if s.Desired != filepath.Join(dir, "desired.toml") || s.Harbor.PasswordFile != filepath.Join(dir, "harbor.password") || s.State != "/var/lib/jadm" {
		t.Errorf("paths are %q, %q, %q", s.Desired, s.Harbor.PasswordFile, s.State)
	}
	if s.Harbor.Host() != "harbor.example.ac.jp" || s.Language != "en" {
		t.Errorf("host is %q, language %q", s.Harbor.Host(), s.Language)
	}
}

func TestMistakes(t *testing.T) {
	for name, tt := range map[string]struct{ text, why string }{
		"nothing":          {"", "harbor.url is missing"},
		"unknown key":      {minimal + "passwort = 1", `"harbor.passwort"`},
		"no TOML":          {"[harbor", "cannot read"},
		"in the clear":     {strings.Replace(minimal, "https", "http", 1), "in the clear"},
		"a password in it": {strings.Replace(minimal, "harbor.ex", "u:geheim@harbor.ex", 1), "not like"},
		"no URL":           {strings.Replace(minimal, "https://", "", 1), "not like"},
		"no registry":      {minimal + "[usage]\nnames = [\"a/b\"]", "no registry's name"},
		"less than none":   {minimal + "[usage.keep]\nkeep_daily = -1", "less than nothing"},
		"no age":           {minimal + "[usage]\ngrace = \"soon\"", "cannot read"},
		"language":         {"language = \"de\"\n" + minimal, "not en or ja"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, tt.text)
			var f *fault.Error
			if !errors.As(err, &f) || f.Next == "" {
				t.Fatalf("error is %v", err)
			}
			if !strings.Contains(err.Error(), tt.why) || strings.Contains(err.Error(), "geheim") {
				t.Errorf("it says %v", err)
			}
		})
	}
	if _, err := settings.Load(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there was read")
	}
}

func TestReadSecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	for name, tt := range map[string]struct {
		content string
		mode    os.FileMode
		want    string
	}{
		"a line":        {"s3cret\n", 0o600, "s3cret"},
		"two lines":     {"s3cret\nmore", 0o400, "s3cret"},
		"of Windows":    {"s3cret \r\n", 0o600, "s3cret "},
		"empty":         {"\nx", 0o600, ""},
		"open":          {"s3cret", 0o640, ""},
		"open to write": {"s3cret", 0o602, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_ = os.Remove(file)
			if err := os.WriteFile(file, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(file, tt.mode); err != nil {
				t.Fatal(err)
			}
			got, err := settings.ReadSecret(file)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("got %q, %v", got, err)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Error("the error tells the password")
			}
		})
	}
}

// TestUsageDefaults: what is left out is on the safe side.
func TestUsageDefaults(t *testing.T) {
	s, err := load(t, minimal)
	if err != nil {
		t.Fatal(err)
	}
	u := s.Usage
	if u.Grace.String() != "1d" || u.LongestJob.String() != "31d" || u.UndeleteFor.String() != "30d" || u.PinsPerUser != 200 || u.Keep.Last != 0 {
		t.Errorf("the defaults are %+v", u)
	}
	s, err = load(t, minimal+"[usage]\ngrace = \"0\"\nkeep.keep_used_within = \"400d\"")
	if err != nil || *s.Usage.Grace != 0 || s.Usage.Keep.UsedWithin.String() != "400d" {
		t.Errorf("they are %+v, %v", s.Usage, err)
	}
}
