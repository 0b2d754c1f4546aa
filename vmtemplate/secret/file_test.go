package secret

import (
	"bufio"
	"context"
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/vmtemplate/change"
)

// chance stands for n characters of a token. It is put together here, so that nobody's
// search for tokens finds this file.
func chance(n int) string {
	const some = "q7Zp2LmX9vTb4KcR8wYf3NhD6sJg5QtAe1UoBiVrPxWkMdSzHyGnCjEuFlOa"
	return strings.Repeat(some, n/len(some)+1)[:n]
}

func pem(kind string) string {
	return "-----BEGIN " + kind + "-----\n" + chance(64) + "\n" + chance(64) + "\n-----END " + kind + "-----\n"
}

func TestInFile(t *testing.T) {
	letters := strings.NewReplacer("1", "a", "2", "b", "3", "c", "4", "d", "5", "e", "6", "f", "7", "g", "8", "h", "9", "i").Replace(chance(34))
	upper := strings.ToUpper(strings.NewReplacer("1", "A", "8", "B", "9", "C", "0", "D").Replace(chance(16)))
	docker := `{"auths": {"harbor.example.jp": {"auth": "` + base64.StdEncoding.EncodeToString([]byte("me:pw")) + `"}}}`
	for _, test := range []struct {
		name, path, text string
		line             int
		kind             Kind
		of               string
	}{
		{"OpenSSH", "/opt/app/deploy", "x\n" + pem("OPENSSH PRIVATE KEY"), 2, PrivateKey, ""},
		{"RSA", "/srv/k.pem", pem("RSA PRIVATE KEY"), 1, PrivateKey, ""},
		{"PKCS 8", "/etc/app/k.pem", pem("PRIVATE KEY"), 1, PrivateKey, ""},
		{"encrypted with headers", "/etc/app/k.pem", strings.Replace(pem("RSA PRIVATE KEY"), "\n", "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AA\n\n", 1), 1, PrivateKey, ""},
		{"PGP", "/root/k.asc", strings.Replace(pem("PGP PRIVATE KEY BLOCK"), "\n", "\n\n", 1), 1, PrivateKey, ""},
		{"in JSON, as Google gives it", "/root/sa.json", `{"private_key": "-----BEGIN PRIVATE KEY-----\n` + chance(64) + `\n"}`, 1, PrivateKey, ""},
		{"in a package's code all the same", "/usr/lib/app/x.py", "t = 'ghp_" + chance(36) + "'", 1, Token, "GitHub"},
		{"AWS", "/opt/x.py", "id = 'AKIA" + upper + "'", 1, Token, "AWS"},
		{"GitHub", "/opt/x.sh", "git clone https://ghp_" + chance(36) + "@github.com/x", 1, Token, "GitHub"},
		{"GitLab", "/opt/x.sh", "glpat-" + chance(20), 1, Token, "GitLab"},
		{"Slack", "/opt/x.py", "xoxb-204857193022-" + chance(24), 1, Token, "Slack"},
		{"Hugging Face", "/opt/x.py", "login('hf_" + letters + "')", 1, Token, "Hugging Face"},
		{"Google", "/opt/x.js", "key=AIza" + chance(35), 1, Token, "Google"},
		{"Azure", "/opt/x.txt", "AccountKey=" + chance(86) + "==", 1, Token, "Azure"},
		{"JWT", "/opt/x.txt", "eyJ" + chance(30) + ".eyJ" + chance(40) + "." + chance(43), 1, Token, "JWT"},
		{"PyPI", "/opt/x.txt", "pypi-AgE" + chance(80), 1, Token, "PyPI"},
		{"npm", "/opt/x.txt", "npm_" + chance(36), 1, Token, "npm"},
		{"Anthropic", "/opt/x.txt", "sk-ant-api03-" + chance(80), 1, Token, "Anthropic"},
		{"OpenAI", "/opt/x.txt", "sk-" + chance(20) + "T3BlbkFJ" + chance(20), 1, Token, "OpenAI"},
		{"Harbor's robot", "/opt/x.json", `{"name": "robot$ci", "secret": "` + chance(32) + `"}`, 1, Token, "Harbor"},
		{"Kaggle, anywhere", "/opt/kaggle.json", `{"username":"me","key":"0123456789abcdef0123456789abcdef"}`, 1, Token, "Kaggle"},
		{"netrc, anywhere", "/opt/n", "machine example.jp\n login me\n password " + chance(9), 1, Login, ""},
		{"pgpass, anywhere", "/opt/my.pgpass", "# x\ndb:5432:*:me:" + chance(9), 2, Login, ""},
		{"Docker's config, anywhere", "/opt/d.json", docker, 1, Login, ""},
		{"configuration", "/etc/app.conf", "user = me\ndb_password = " + chance(12), 2, Password, ""},
		{"YAML", "/opt/a.yml", "x:\n  apiKey: '" + chance(12) + "'", 2, Password, ""},
		{"environment", "/opt/app/.env", "DEBUG=1\nDB_PASSWORD=correcthorse", 2, Password, ""},
		{"shell's start-up", "/root/.bashrc", "export WANDB_API_KEY=" + chance(40), 1, Password, ""},
		{"URL", "/etc/pip.conf", "index-url = https://me:" + chance(9) + "@pypi.example.jp/simple", 1, URL, ""},
		{"keystore", "/opt/app/server.p12", "\x30\x82\x00", 0, KeyFile, ""},
		{"keytab", "/opt/me.keytab", "\x05\x02\x00", 0, KeyFile, ""},
		{"munge, another", "/etc/munge/old.key", "abc", 1, KeyFile, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := []Finding{{Path: test.path, Line: test.line, Kind: test.kind, Of: test.of}}
			got := InFile(test.path, strings.NewReader(test.text))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			for _, f := range got {
				if strings.Contains(f.Text().String(), chance(9)) {
					t.Error("the secret is told")
				}
			}
		})
	}
}

func TestNothingInFile(t *testing.T) {
	for _, test := range []struct{ name, path, text string }{
		{"stays out of the image", "/root/.ssh/id_rsa", pem("RSA PRIVATE KEY")},
		{"a certificate", "/etc/app/cert.pem", pem("CERTIFICATE")},
		{"a public key", "/etc/app/cert.pem", pem("PUBLIC KEY")},
		{"documentation", "/usr/share/doc/x/README", pem("RSA PRIVATE KEY")},
		{"tests of a package", "/usr/lib/python3/dist-packages/x/tests/k.pem", pem("RSA PRIVATE KEY")},
		{"tests in a source tree", "/opt/src/x/testdata/k.pem", pem("RSA PRIVATE KEY")},
		{"Debian's own", "/etc/ssl/private/ssl-cert-snakeoil.key", pem("PRIVATE KEY")},
		{"only the first line", "/opt/x.py", "if '-----BEGIN RSA PRIVATE KEY-----' in text:\n    pass"},
		{"a program", "/opt/bin/x", "\x7fELF\x00\x00" + pem("RSA PRIVATE KEY")},
		{"an example", "/opt/x.txt", "AKIAIOSFODNN7EXAMPLE ghp_" + strings.Repeat("x", 36)},
		{"a variable", "/etc/app.conf", "password = ${DB_PASSWORD}\ntoken=$TOKEN\nsecret: changeme123"},
		{"a word", "/etc/app.conf", "password_policy = strong2\npassword = password1"},
		{"a format", "/etc/app.conf", "pass = %(pass)s\napi_key: <your-key>"},
		{"a path", "/etc/app.conf", "private_key=/etc/ssl/x1.pem"},
		{"foreign configuration", "/usr/share/app/app.conf", "password = " + chance(12)},
		{"part of a longer word", "/opt/x.txt", "aghp_" + chance(40) + "zz"},
		{"URL without password", "/etc/pip.conf", "index-url = https://pypi.example.jp/simple\ngit+ssh://git@example.jp/x"},
	} {
		if got := InFile(test.path, strings.NewReader(test.text)); len(got) > 0 {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestScan(t *testing.T) {
	files := fstest.MapFS{
		"opt/.env": {Data: []byte("API_TOKEN=" + chance(20))}, "root/.netrc": {Data: []byte("machine a login b password " + chance(9))},
		"opt/left": {Data: []byte(pem("PRIVATE KEY"))}, "opt/dir": {Mode: fs.ModeDir},
	}
	opened := 0
	open := func(path string) (fs.File, error) { opened++; return files.Open(strings.TrimPrefix(path, "/")) }
	changes := []change.Change{
		{Kind: change.Added, Path: "/opt/.env"}, {Kind: change.Added, Path: "/root/.netrc"}, {Kind: change.Added, Path: "/opt/left", Left: change.Cache},
		{Kind: change.Deleted, Path: "/opt/left"}, {Kind: change.Added, Path: "/opt/missing"}, {Kind: change.Added, Path: "/opt/dir", Dir: true}, {Kind: change.Modified, Path: "/opt/dir"},
	}
	got, err := Scan(context.Background(), changes, open)
	if err != nil || len(got) != 1 || got[0].Path != "/opt/.env" || opened != 3 {
		t.Errorf("%v, %v, opened %d", got, err, opened)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Scan(ctx, changes, open); err == nil {
		t.Error("the scan cannot be stopped")
	}
}

// TestThisSystem scans what Debian's packages have put onto this machine: it is no
// secret of anybody.
func TestThisSystem(t *testing.T) {
	lists, err := filepath.Glob("/var/lib/dpkg/info/*.list")
	if err != nil || len(lists) == 0 {
		t.Skip("this machine has no dpkg")
	}
	if testing.Short() {
		t.Skip("reads the whole system")
	}
	files, found := 0, 0
	for _, list := range lists {
		f, err := os.Open(list)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			info, err := os.Lstat(lines.Text())
			if err != nil || !info.Mode().IsRegular() {
				continue
			}
			files++
			for _, finding := range inChanged(lines.Text(), func(path string) (fs.File, error) { return os.Open(path) }) {
				found++
				t.Logf("%s: %v", filepath.Base(list), finding)
			}
		}
		f.Close()
	}
	t.Logf("%d findings in %d files of %d packages", found, files, len(lists))
	if found > files/20_000 {
		t.Error("too many to be read by anybody")
	}
}

func FuzzInFile(f *testing.F) {
	f.Add("/opt/.env", "A_TOKEN=abcdef1234\n")
	f.Add("/opt/x.json", `{"auths":{"a":{"auth":"YTpi"}}}`)
	f.Add("/opt/n", "machine a login b password c")
	f.Add("/x", pem("PRIVATE KEY"))
	f.Add("/x.conf", "u=http://a:b@c/")
	f.Fuzz(func(t *testing.T, name, text string) {
		for _, finding := range InFile(name, strings.NewReader(text)) {
			if finding.Line < 0 || finding.Line > 1+strings.Count(text, "\n") {
				t.Errorf("line %d", finding.Line)
			}
		}
	})
}
