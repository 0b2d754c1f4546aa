package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/fault"
)

// TestPasswords: what is missing is asked for in the order of --dry-run, what is there
// stays, and what nobody else has made is made.
func TestPasswords(t *testing.T) {
	o := newOffice(t, "[people.ldap]\nurl = \"ldaps://ldap.example.ac.jp\"\nbase = \"dc=x\"\nbind_dn = \"cn=jadm\"\npassword_file = \"ldap\"\n[serve]\nwebhook_secret_file = \"hook\"\n")
	give := func(answers string, args ...string) error {
		root := newRootCommand()
		root.SetIn(strings.NewReader(answers))
		root.SetOut(new(strings.Builder))
		root.SetArgs(append([]string{"--config", o.path("jadm.toml"), "passwords"}, args...))
		return root.ExecuteContext(t.Context())
	}
	is := func(name, want string) {
		t.Helper()
		content, err := os.ReadFile(o.path(name))
		if err != nil || string(content) != want {
			t.Errorf("%s has %q, %v", name, content, err)
		}
		if info, err := os.Stat(o.path(name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	o.says([]string{"missing  " + o.path("password")}, "passwords", "--dry-run")
	if _, err := os.Stat(o.path("password")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the dry run has written one: %v", err)
	}
	if err := give("first\r\nsecond"); err != nil {
		t.Fatal(err)
	}
	is("password", "first\n")
	is("ldap", "second\n")
	hook, err := os.ReadFile(o.path("hook"))
	if err != nil || len(hook) < 40 {
		t.Errorf("the secret of webhooks is %q, %v", hook, err)
	}
	if err := give(""); err != nil { // nothing is asked
		t.Error(err)
	}
	if err := give("third\n", "ldap"); err != nil {
		t.Error(err)
	}
	is("password", "first\n")
	is("ldap", "third\n")
	is("hook", string(hook))
	var f *fault.Error
	if err := give("\n", "ldap"); !errors.As(err, &f) || f.Next == "" {
		t.Errorf("an empty one: %v", err)
	}
	is("ldap", "third\n")
	if err := give("x\n", "nonsense"); !errors.As(err, &f) {
		t.Errorf("a file that is not named: %v", err)
	}
	if _, err := askLines(strings.NewReader(""))(context.Background(), ""); err == nil {
		t.Error("nothing was taken for an answer")
	}
}
