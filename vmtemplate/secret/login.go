package secret

import (
	"encoding/base64"
	"encoding/json"
	"path"
	"strings"
)

var (
	// netrc is an entry of a .netrc, also over several lines.
	netrc = form(`(?m)^[ \t]*(?:machine[ \t]+\S+|default)\s+login\s+\S+\s+(?:account\s+\S+\s+)?password\s+(\S+)`)
	// pgpass is a line of PostgreSQL's file: host:port:database:user:password.
	pgpass = form(`(?m)^[^:#\s]+:(?:\d+|\*):[^:\s]+:[^:\s]+:(\S+)$`)
	// hex32 is kaggle's key.
	hex32 = form(`^[0-9a-f]{32}$`)
)

// logins looks for files of logins by what is in them, wherever they are.
func (f *fileFinder) logins() {
	for _, m := range netrc().FindAllStringSubmatchIndex(f.text, mostFindings) {
		if hides(f.text[m[2]:m[3]]) {
			f.add(m[0], Login, "")
		}
	}
	base := path.Base(f.name)
	if strings.Contains(base, "pgpass") {
		for _, m := range pgpass().FindAllStringSubmatchIndex(f.text, mostFindings) {
			f.add(m[0], Login, "")
		}
	}
	if strings.HasPrefix(f.name, "/etc/munge/") && strings.HasSuffix(base, ".key") {
		f.add(0, KeyFile, "")
	}
	if !strings.HasPrefix(strings.TrimSpace(f.text), "{") {
		return
	}
	var j struct {
		Auths map[string]struct {
			Auth          string `json:"auth"`
			IdentityToken string `json:"identitytoken"`
			Password      string `json:"password"`
		} `json:"auths"`
		Username string `json:"username"`
		Key      string `json:"key"`
	}
	if json.Unmarshal([]byte(f.text), &j) != nil {
		return
	}
	for _, a := range j.Auths {
		login, err := base64.StdEncoding.DecodeString(a.Auth)
		if err == nil && strings.Contains(string(login), ":") || a.IdentityToken != "" || a.Password != "" {
			f.add(strings.Index(f.text, `"auths"`), Login, "")
		}
	}
	if j.Username != "" && hex32().MatchString(j.Key) {
		f.add(strings.Index(f.text, `"key"`), Token, "Kaggle")
	}
}

// configExtensions are files where somebody writes passwords down. No extension is one
// of them in /etc, and for files that begin with a dot.
var configExtensions = set(".conf .cfg .cnf .ini .env .yml .yaml .json .toml .properties .xml .sh .bash .zsh .profile .rc .config .tf .tfvars .r .service .envrc .txt .netrc .secret .secrets .credentials")

// setting is a line of a configuration file that gives a name a value.
var setting = form(`(?m)^[ \t]*(?:export[ \t]+|set[ \t]+|-[ \t]+|Environment=)?["']?([A-Za-z_][A-Za-z0-9_.-]{1,80})["']?[ \t]*[=:][ \t]*("[^"\n]*"|'[^'\n]*'|[^\s#,;]+)`)

// values are settings that are called like secrets, and passwords in URLs.
func (f *fileFinder) values() {
	base := strings.ToLower(path.Base(f.name))
	extension := path.Ext(base)
	environment := extension == ".env" || strings.HasPrefix(base, ".env") || strings.HasPrefix(base, ".renviron")
	if !configExtensions[extension] && !strings.HasPrefix(base, ".") && (extension != "" || !strings.HasPrefix(f.name, "/etc/")) {
		return
	}
	for _, m := range setting().FindAllStringSubmatchIndex(f.text, 2000) {
		name, value := f.text[m[2]:m[3]], strings.Trim(f.text[m[4]:m[5]], `"'`)
		if namesSecret(name) && hides(value) && !wording(value) && (environment && len(value) >= 6 || random(value)) {
			f.add(m[2], Password, "")
		}
	}
	for _, s := range inURLs(f.text) {
		if value := f.text[s.from:s.to]; hides(value) && !wording(value) && len(value) >= 6 {
			f.add(s.from, URL, "")
		}
	}
}

// wording: a value without a shape of its own says that something goes here.
func wording(value string) bool {
	lower := strings.ToLower(value)
	for _, part := range []string{"example", "xxxx", "your", "changeme", "change_me", "dummy", "placeholder", "redacted", "password", "secret", "token", "...", "${", "{{", "<"} {
		if strings.Contains(lower, part) {
			return true
		}
	}
	return false
}

// random reports whether a value is not a word or a phrase of a manual: long enough, of
// several kinds of characters, with as much variety as chance gives.
func random(value string) bool {
	if len(value) < 8 || len(value) > 500 || strings.ContainsAny(value, " \t()") {
		return false
	}
	kinds := 0
	for _, chars := range []string{"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "!@#%^&*+=/?~-_.:;"} {
		if strings.ContainsAny(value, chars) {
			kinds++
		}
	}
	return kinds >= 2 && strings.ContainsAny(value, "0123456789!@#%^&*+=?~") && entropy(value) >= 2.8
}
