package recipe

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSecrets plants secrets wherever people leave them in a session. None may be in the
// recipe, in its labels, or in the record that a workspace keeps.
func TestSecrets(t *testing.T) {
	term := start(t, "bash", "export RC_PASSWORD=planted-in-the-rc\n")
	term.programs("curl", "git", "mysql", "docker", "pip", "wget", "vim", "chpasswd", "aws", "wandb", "sshpass", "huggingface-cli", "npm", "make")
	token := "ghp_" + strings.Repeat("Pl4n", 9)
	for _, keys := range []string{
		"export HF_TOKEN=planted-1",
		"DB_PASSWORD='planted 2' make test",
		"curl -u me:planted-3 https://example.jp/x",
		"curl -H 'Authorization: Bearer planted-4' https://example.jp/x",
		"git clone https://me:planted-5@git.example.jp/x.git",
		"mysql -uroot -pplanted-6 -e 'select 1'",
		"docker login -u me -p planted-7 harbor.example.jp",
		"echo planted-8 | docker login -u me --password-stdin harbor.example.jp",
		"wget --http-password=planted-9 https://example.jp/x",
		"cat > ~/.netrc <<EOF\nmachine example.jp login me password planted-10\nEOF",
		"mkdir -p ~/.ssh && printf '%s\\n' planted-11 > ~/.ssh/id_ed25519",
		"echo 'me:planted-12' | chpasswd",
		"aws configure set aws_secret_access_key planted-13",
		"sshpass -p planted-14 echo x",
		"echo " + token + " > token.txt",
		"vim .env\nAPI_KEY=planted-15",
		"vim app.conf\npassword = planted-16",
		"false --token planted-17",
		"planted-18", // a password typed where none was asked for
		"set +o history", "echo planted-19 > unheard", "set -o history",
		"alias up='curl -u me:planted-20 https://example.jp'", "up", "up > up.txt",
		"push() {\n  curl -u me:planted-21 \"$1\"\n}", "push https://example.jp",
		"python3 -c \"token='planted-22'\"",
		"cat > .pypirc <<< 'password: planted-23'",
		"cat > key.pem <<EOF\n-----BEGIN OPENSSH PRIVATE KEY-----\nplanted-24\n-----END OPENSSH PRIVATE KEY-----\nEOF",
		"mkdir -p planted; cd planted; cd ..", // no secret, but looks like one here: see below
		"make install > log.txt",
	} {
		term.run(keys)
	}
	// A file that jbuild brought in.
	brought := filepath.Join(term.dir, "work", "brought.json")
	if err := os.WriteFile(brought, []byte(`{"username":"planted-25","key":"0123456789abcdef0123456789abcdef"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(term.dir, "jbuild", "record"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := AppendCopy(f, "/work/brought.json", time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := Append(f, Command{Text: "make --token planted-26", Dir: "/work", Start: time.Now(), End: time.Now(), Ended: true}); err != nil {
		t.Fatal(err)
	}
	r := term.end()

	s := term.session(r)
	recipe := Build(s)
	if !strings.Contains(recipe.Dockerfile, "make install") {
		t.Errorf("the recipe lacks what is no secret:\n%s", recipe.Dockerfile)
	}
	labels, err := recipe.Labels()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "recipe")
	if err := recipe.WriteDir(dir); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(term.dir, "jbuild", "record"))
	if err != nil {
		t.Fatal(err)
	}
	var kept bytes.Buffer
	if err := Redact(&kept, bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"Dockerfile": recipe.Dockerfile}
	if lock, err := json.Marshal(recipe.Lock); err == nil {
		texts["lock"] = string(lock)
	}
	for name, data := range recipe.Files {
		texts["file "+name] = string(data)
	}
	for name, label := range labels {
		text, err := unpack(label)
		if err != nil {
			t.Fatal(err)
		}
		texts["label "+name] = string(text)
	}
	for _, text := range append(recipe.Lock.Lines(), Report{LeftOver: recipe.Lock.Left}.Lines()...) {
		texts["what is said"] += text.String() + "\n"
	}
	for name, text := range texts {
		for l := range strings.Lines(text) {
			if strings.Contains(strings.ReplaceAll(strings.ReplaceAll(l, "mkdir -p planted", ""), "cd planted", ""), "planted") || strings.Contains(l, token) {
				t.Errorf("in %s: %s", name, l)
			}
		}
	}
	// What is kept is not all free of words typed by mistake: nobody can know them.
	for l := range strings.Lines(kept.String()) {
		if strings.Contains(l, "text=planted-18") || strings.Contains(l, "mkdir -p planted") || strings.Contains(l, "planted-16") {
			continue
		}
		if strings.Contains(l, "planted") || strings.Contains(l, token) {
			t.Errorf("kept: %s", l)
		}
	}
	// A recipe from what was kept is the same.
	again, err := Parse(strings.NewReader(strings.ReplaceAll(kept.String(), term.dir, "")))
	if err != nil {
		t.Fatal(err)
	}
	s.Record = again
	if kept := Build(s); kept.Dockerfile != recipe.Dockerfile {
		t.Errorf("from the record that is kept:\n%s\nfrom the whole:\n%s", kept.Dockerfile, recipe.Dockerfile)
	}
}
