//go:build e2e

package builder

import (
	"crypto/rand"
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// typedSecrets are commands with a secret in them, @ for it. Programs that the base has
// not got are made of nothing first, so that the commands succeed.
var typedSecrets = []struct{ place, text string }{
	{"curl -u", "curl -u me:@ https://example.ac.jp/data"},
	{"a header", "curl -H 'Authorization: Bearer @' https://example.ac.jp/data"},
	{"git clone", "git clone https://me:@@git.example.ac.jp/lab/code /opt/code"},
	{"export", "export API_TOKEN=@"},
	{"a variable of one command", "DB_PASSWORD=@ curl https://example.ac.jp/data"},
	{"mysql -p", "mysql -u root -p@ lab"},
	{"docker login -p", "docker login -u me -p @ harbor.example.ac.jp"},
	{"docker login --password-stdin", "echo @ | docker login -u me --password-stdin harbor.example.ac.jp"},
	{"passwd --stdin", "echo @ | passwd --stdin root"},
	{"sshpass", "sshpass -p @ git pull"},
	{"pip config", "pip config set global.index-url https://me:@@pypi.example.ac.jp/simple"},
	{".netrc", "cat >~/.netrc <<EOF\nmachine example.ac.jp login me password @\nEOF"},
	{".git-credentials", "echo https://me:@@git.example.ac.jp >~/.git-credentials"},
	{".docker/config.json", "mkdir -p ~/.docker && cat >~/.docker/config.json <<EOF\n{\"auths\": {\"harbor.example.ac.jp\": {\"password\": \"@\"}}}\nEOF"},
	{".aws/credentials", "mkdir -p ~/.aws; printf '[default]\\naws_secret_access_key = @\\n' >~/.aws/credentials"},
	{".ssh", "mkdir -p ~/.ssh\ncat >~/.ssh/id_rsa <<'EOF'\n-----BEGIN RSA PRIVATE KEY-----\n@\n-----END RSA PRIVATE KEY-----\nEOF"},
	{".pgpass", "echo 'db:5432:lab:me:@' | tee ~/.pgpass"},
	{"a command that fails", "apt-get install -y https://me:@@example.ac.jp/x.deb"},
}

// TestSecrets: what is secret, in twenty and more places, gets neither into an image nor
// into what is written and said about it.
func TestSecrets(t *testing.T) {
	s := newSession(t, lab.plain)
	m := &markers{}
	password := m.plant("the registry's password")
	m.keptBy("hanako", "the registry's login", password)
	r := startWithLogin(t, "hanako", password)
	r.settles(s)
	s.keepLogin(m)
	r.login(s, "hanako", password)
	s.run("new", "--base", r.Host+"/"+base, "--name", "w").ok()
	s.run("run", "w", "--", "sh", "-c", "for p in curl git mysql docker sshpass pip; do printf '#!/bin/sh\\n' >/usr/local/bin/$p; done; chmod +x /usr/local/bin/*").ok()

	sh := s.startShell("w")
	sh.types("echo first >/opt/first")
	for _, p := range typedSecrets {
		// @@ is a secret and then an at sign.
		secret := m.plant(p.place)
		sh.types(strings.NewReplacer("@@", secret+"@", "@", secret).Replace(p.text))
	}
	sh.types("echo last >/opt/last")
	sh.exits()
	s.run("run", "w", "--", "curl", "-u", "me:"+m.plant("jbuild run"), "https://example.ac.jp").ok()
	s.run("run", "w", "--", "sh", "-c", "echo '"+m.plant("chpasswd")+"' | docker login --password-stdin").ok()

	export := filepath.Join(s.home, "w.tar")
	said := ""
	for _, args := range [][]string{
		{"diff", "w"}, {"recipe", "w"}, {"recipe", "--json", "w"}, {"save", "w", "saved:1"}, {"save", "--squash", "w", "saved:2"},
		{"push", "w", "mine:1"}, {"push", "saved:2", "mine:2"}, {"push", "--compression", "zstd", "w", "mine:3"}, {"export", "w", export},
		{"list", "--json"}, {"images"}, {"inspect", "saved:1"}, {"replay", "--json", "w"}, {"replay", "saved:1"},
	} {
		got := s.run(args...)
		if got.code > 1 || got.code == 1 && args[0] != "replay" {
			got.ok()
		}
		said += got.stdout + got.stderr
	}
	places, err := m.inPlain(strings.NewReader(said))
	if err != nil {
		t.Fatal(err)
	}
	clean(t, "what jbuild has said", places)
	if t.Failed() {
		t.Log(said)
	}
	for _, file := range []string{"/opt/first", "/opt/last"} {
		if !strings.Contains(said, file) {
			t.Errorf("the recipe does not say how %s was written:\n%s", file, said)
		}
	}
	clean(t, "the registry", m.inDir(t, r.Data, ofBase(t)))
	f, err := os.Open(export)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	places, err = m.in(f)
	if err != nil {
		t.Fatal(err)
	}
	clean(t, "the exported file", places)
	// A workspace's own files are where they were written.
	s.run("rm", "w").ok()
	clean(t, "jbuild's data", m.inDir(t, filepath.Join(s.home, ".local/share/jbuild"), nothingSkipped))
}

func nothingSkipped(string) bool { return false }

// ofBase names the blobs of the base, which are big, and were there before.
func ofBase(t *testing.T) func(path string) bool {
	t.Helper()
	img, err := aptImage()
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range layers {
		d, err := l.Digest()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, d.Hex)
	}
	return func(path string) bool { return slices.Contains(names, filepath.Base(path)) }
}

// keepLogin plants what somebody's login on a machine holds.
func (s *session) keepLogin(m *markers) {
	s.t.Helper()
	s.env = append(s.env,
		"GITHUB_TOKEN="+m.plant("a variable of the login"), "AWS_SECRET_ACCESS_KEY="+m.plant("another variable of the login"),
		"ftp_proxy=http://me:"+m.plant("a proxy")+"@proxy.example.ac.jp:3128",
		"PIP_INDEX_URL=https://me:"+m.plant("a mirror")+"@pypi.example.ac.jp/simple",
	)
	for file, text := range map[string]string{
		".ssh/id_ed25519":        "-----BEGIN OPENSSH PRIVATE KEY-----\n" + m.plant("the home's .ssh") + "\n",
		".netrc":                 "machine example.ac.jp login me password " + m.plant("the home's .netrc") + "\n",
		".config/pip/pip.conf":   "[global]\nindex-url = https://me:" + m.plant("the home's pip.conf") + "@pypi.example.ac.jp/simple\n",
		".aws/credentials":       "[default]\naws_secret_access_key = " + m.plant("the home's .aws") + "\n",
		".gitconfig-credentials": "https://me:" + m.plant("the home's git credentials") + "@git.example.ac.jp\n",
	} {
		s.writeHome(file, text)
	}
}

// writeHome writes a file of the user's.
func (s *session) writeHome(name, text string) {
	s.t.Helper()
	file := filepath.Join(s.home, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	for path := file; path != s.home; path = filepath.Dir(path) {
		if err := os.Chown(path, s.user.UID, s.user.GID); err != nil {
			s.t.Fatal(err)
		}
	}
}

// login logs in to a registry.
func (r withLogin) login(s *session, user, password string) {
	s.t.Helper()
	s.stdin = password
	s.run("login", "-u", user, "--password-stdin", r.Host).ok()
	s.stdin = ""
}

// TestSecretFiles: a file at a place that nobody knows of, which looks like a secret,
// stops an upload; with --keep-secrets it goes up.
func TestSecretFiles(t *testing.T) {
	s := newSession(t, lab.plain)
	token := "ghp_" + random(36)
	key := "-----BEGIN RSA PRIVATE KEY-----\n" + random(64) + "\n" + random(64) + "\n-----END RSA PRIVATE KEY-----\n"
	for _, test := range []struct{ name, file, text, secret string }{
		{"token", "/opt/app/.env", "GITHUB_TOKEN=" + token + "\n", token},
		{"mirror", "/etc/pip.conf", "[global]\nindex-url = https://me:Kq8vXw3LmZ@pypi.example.ac.jp/simple\n", "Kq8vXw3LmZ"},
		{"key", "/srv/server.pem", key, strings.Split(key, "\n")[1]},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &session{t: t, user: s.user, home: s.home, env: s.env}
			s.writeHome("secret", test.text)
			s.run("new", "--base", ref(base), "--name", test.name).ok()
			s.run("run", test.name, "--", "mkdir", "-p", filepath.Dir(test.file)).ok()
			s.run("cp", filepath.Join(s.home, "secret"), test.name+":"+test.file).ok()
			image := ref("secret/" + test.name + ":1")
			refused := s.run("push", test.name, image).fails(test.file, "--keep-secrets")
			if strings.Contains(refused.stderr, test.secret) {
				t.Errorf("the secret itself is told:\n%s", refused.stderr)
			}
			if strings.Contains(s.run("recipe", test.name).ok().stdout, test.secret) {
				t.Error("the secret is in the recipe")
			}
			s.run("push", "--keep-secrets", test.name, image).ok()
			m := &markers{names: []string{test.name}, texts: [][]byte{[]byte(test.secret)}}
			if len(m.inDir(t, lab.registry.Data, ofBase(t))) != 1 {
				t.Error("what was to be kept is not there, or in more than its layer")
			}
			s.run("run", test.name, "--", "rm", test.file).ok()
			s.run("push", "--overwrite", test.name, image).ok()
		})
	}
}

// random is text as chance writes it, of n letters and digits.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return strings.NewReplacer("-", "a", "_", "b").Replace(base64.RawURLEncoding.EncodeToString(b)[:n])
}
