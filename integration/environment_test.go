//go:build e2e

package integration

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// environmentOf runs env in the configured image and returns what it saw.
func environmentOf(s *session, flags ...string) map[string]string {
	s.t.Helper()
	args := append([]string{"run", "-q"}, flags...)
	seen := map[string]string{}
	for _, pair := range strings.Split(s.ok(append(args, ref(configured), "--", "env", "-0")...), "\x00") {
		if key, value, ok := strings.Cut(pair, "="); ok {
			seen[key] = value
		}
	}
	return seen
}

func TestEnvironment(t *testing.T) {
	s := newSession(t)
	s.env["FROM_JOB"] = "job"
	s.env["PBS_JOBID"] = "12.server"
	s.env["MULTILINE"] = "one\ntwo"
	s.write("file.env", "# a comment\n\nFROM_FILE=in the file\nFROM_JOB\nEMPTY=\nFROM_IMAGE=file\n", 0o644)
	imagePath := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, c := range []struct {
		name  string
		flags []string
		want  map[string]string // "-" means not set
	}{
		{"the job's, the image's, and the user's", nil, map[string]string{
			"FROM_JOB": "job", "PBS_JOBID": "12.server", "MULTILINE": "one\ntwo",
			"FROM_IMAGE": "yes", "SPACED": "a b  c", "PATH": imagePath,
			"HOME": s.user.Home, "USER": s.user.Name, "LOGNAME": s.user.Name,
			"JRUN_STORE": s.store,
		}},
		{"set by flag", []string{"-e", "FROM_IMAGE=flag", "--env", "NEW=a=b c", "-e", "EMPTY="}, map[string]string{
			"FROM_IMAGE": "flag", "NEW": "a=b c", "EMPTY": "",
		}},
		{"clean", []string{"--clean-env"}, map[string]string{
			"FROM_JOB": "-", "MULTILINE": "-", "FROM_IMAGE": "yes", "PATH": imagePath,
			"HOME": s.user.Home, "USER": s.user.Name,
		}},
		{"clean, one passed on by name", []string{"--clean-env", "-e", "FROM_JOB", "-e", "NOT_SET"}, map[string]string{
			"FROM_JOB": "job", "MULTILINE": "-", "NOT_SET": "-",
		}},
		{"from a file", []string{"--clean-env", "--env-file", "file.env"}, map[string]string{
			"FROM_FILE": "in the file", "FROM_JOB": "job", "EMPTY": "", "FROM_IMAGE": "file",
		}},
		{"a flag wins over the file", []string{"--env-file", "file.env", "-e", "FROM_FILE=flag"}, map[string]string{
			"FROM_FILE": "flag",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			seen := environmentOf(s, c.flags...)
			got := map[string]string{}
			for key := range c.want {
				value, set := seen[key]
				if !set {
					value = "-"
				}
				got[key] = value
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("environment inside (-want +got):\n%s", diff)
			}
		})
	}
	s.t = t
}

func TestEnvironmentErrors(t *testing.T) {
	s := newSession(t)
	s.write("bad.env", "=no name\n", 0o644)
	s.run("run", "--env-file", "missing.env", ref(minimal), "--", "true").wantFault(125, "missing.env")
	s.run("run", "--env-file", "bad.env", ref(minimal), "--", "true").wantFault(125, "bad.env")
	s.run("run", "-e", "=x", ref(minimal), "--", "true").wantFault(125)
}

func TestLocaleExists(t *testing.T) {
	s := newSession(t)
	s.env["LANG"], s.env["LC_ALL"] = "ja_JP.UTF-8", "ja_JP.UTF-8" // not in the image
	r := s.run("run", "-q", ref(minimal), "--", "perl", "-e", `print "fine\n"`).want(0)
	if strings.Contains(r.stderr, "locale") {
		t.Errorf("a program complains about the locale: %s", r.stderr)
	}
	if got := s.ok("run", "-q", ref(minimal), "--", "locale", "charmap"); got != "UTF-8" {
		t.Errorf("the character map inside is %q", got)
	}
}
