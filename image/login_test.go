package image

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/fault"
	"go.podman.io/image/v5/pkg/docker/config"
)

// scaled is Harbor's timing, twenty times as fast.
var scaled = refusalTiming{instant: harborTiming.instant / 20, pause: harborTiming.pause / 20, jitter: harborTiming.jitter / 20}

// loginHome gives the test an account of its own with no logins, and returns a
// client and where its warnings go.
func loginHome(t *testing.T, opts Options) (*Client, string, *[]string) {
	t.Helper()
	home := t.TempDir()
	for _, name := range []string{"REGISTRY_AUTH_FILE", "XDG_CONFIG_HOME", "DOCKER_CONFIG"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", home)
	run := filepath.Join(home, "run")
	t.Setenv("XDG_RUNTIME_DIR", run)
	if err := os.MkdirAll(run, 0o700); err != nil {
		t.Fatal(err)
	}
	var warnings []string
	opts.Warn = func(t fault.Text) { warnings = append(warnings, t.String()) }
	c := NewClient(opts)
	c.refusals = scaled
	return c, home, &warnings
}

func target(t testing.TB, s string) LoginTarget {
	t.Helper()
	to, err := ParseLoginTarget(s)
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// countPasswords counts the requests that carry a password.
func countPasswords(n *atomic.Int32, next func(http.ResponseWriter, *http.Request, http.Handler) bool) func(http.ResponseWriter, *http.Request, http.Handler) bool {
	return func(w http.ResponseWriter, r *http.Request, good http.Handler) bool {
		if _, _, ok := r.BasicAuth(); ok {
			n.Add(1)
		}
		return next(w, r, good)
	}
}

// harborLogin answers as Harbor does: a wrong password after a while, in which
// every other login is refused at once; and all at once while LDAP is down.
func harborLogin(lockedFor time.Duration, ldapDown bool) func(http.ResponseWriter, *http.Request, http.Handler) bool {
	var first sync.Once
	var begin time.Time
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		_, password, ok := r.BasicAuth()
		if !ok {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/service/token",service="harbor-registry"`, r.Host))
			answer(w, http.StatusUnauthorized, "UNAUTHORIZED", "unauthorized")
			return true
		}
		first.Do(func() { begin = time.Now() })
		locked := ldapDown || time.Since(begin) < lockedFor
		if password == rightPassword && !locked {
			return false
		}
		if !locked {
			time.Sleep(1500 * time.Millisecond / 20)
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="harbor"`)
		answer(w, http.StatusUnauthorized, "UNAUTHORIZED", "unauthorized: unauthorized")
		return true
	}
}

func everywhere(status int, contentType, body string) func(http.ResponseWriter, *http.Request, http.Handler) bool {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	}
}

func TestLoginIsCheckedLive(t *testing.T) {
	const robot = "robot$lab+ci"
	tests := []struct {
		name      string
		intercept func(http.ResponseWriter, *http.Request, http.Handler) bool
		user      string
		password  string
		sent      int32  // how often the password was sent
		what      string // of the fault; empty when it is accepted
		says      string // in the message
	}{
		{"basic", wantBasic, testUser, rightPassword, 1, "", ""},
		{"basic, wrong", wantBasic, testUser, "wrong", 2, "does not accept the password of aiko", "jrun login"},
		{"bearer", wantBearer(false), testUser, rightPassword, 2, "", ""},
		{"bearer, wrong", wantBearer(false), testUser, "wrong", 2, "does not accept the password of aiko", "token service answered 401"},
		{"harbor", harborLogin(0, false), testUser, rightPassword, 1, "", ""},
		{"harbor, wrong", harborLogin(0, false), testUser, "wrong", 1, "does not accept the password of aiko", "wait a minute"},
		{"harbor, locked by another", harborLogin(scaled.pause*3/4, false), testUser, rightPassword, 2, "", ""},
		{"harbor, locked by another, and wrong", harborLogin(scaled.pause*3/4, false), testUser, "wrong", 2, "does not accept the password of aiko", ""},
		{"harbor, LDAP down", harborLogin(0, true), testUser, rightPassword, 2, "does not let aiko log in at the moment", "(LDAP)"},
		{"robot", harborLogin(0, false), robot, "wrong", 1, "does not accept the robot account robot$lab+ci", "expired"},
		{"robot, at once", harborLogin(0, true), robot, "wrong", 2, "does not accept the robot account robot$lab+ci", "secret been replaced"},
		{"robot without its $", harborLogin(0, false), "robotlab+ci", "wrong", 1, "does not accept the password", "'robot$…'"},
		{"forbidden", everywhere(403, "application/json", `{"errors":[{"code":"DENIED","message":"suspended"}]}`), testUser, "x", 1, "does not let aiko in", "suspended"},
		{"a web site", everywhere(200, "text/html; charset=utf-8", "<html>welcome</html>"), testUser, "x", 1, "there is no registry", "host in front of"},
		{"not found", everywhere(404, "text/plain", "404"), testUser, "x", 1, "there is no registry", "404"},
		{"down", everywhere(502, "text/html", "<html>"), testUser, "x", 1, "is not working", "502"},
		{"overloaded", everywhere(429, "application/json", "{}"), testUser, "x", 1, "too many requests", "429"},
		{"broken", func(http.ResponseWriter, *http.Request, http.Handler) bool { panic(http.ErrAbortHandler) }, testUser, "x", -1, "broke the connection off", "try again"},
		{"a token service elsewhere", func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
			w.Header().Set("WWW-Authenticate", `Bearer realm="https://elsewhere.example/token"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}, testUser, rightPassword, 1, "refers to another host", "elsewhere.example"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reg := newRegistry(t)
			var sent atomic.Int32
			client, home, _ := loginHome(t, Options{})
			reg.misbehave(countPasswords(&sent, tt.intercept))
			kept, err := client.Login(t.Context(), openStore(t), target(t, reg.host), tt.user, tt.password)
			if got := sent.Load(); got != tt.sent && tt.sent >= 0 {
				t.Errorf("the password was sent %d times, want %d", got, tt.sent)
			}
			file := filepath.Join(home, ".config", "containers", "auth.json")
			if tt.what == "" {
				if err != nil || kept != file {
					t.Fatalf("kept in %q, %v; want %s", kept, err, file)
				}
				auth, err := config.GetCredentials(&client.base, reg.host)
				if err != nil || auth.Username != tt.user || auth.Password != tt.password {
					t.Errorf("what is kept is %v, %v", auth.Username, err)
				}
				return
			}
			f := wantFault(t, err)
			message := fault.Format("jrun", err)
			if !strings.Contains(f.What, tt.what) || !strings.Contains(message, tt.says) || f.Why == nil || f.Next == "" {
				t.Errorf("want %q and %q, got:\n%s", tt.what, tt.says, message)
			}
			if _, err := os.Stat(file); err == nil {
				t.Error("a login was kept")
			}
		})
	}
}

func TestLoginRefusesWhatCannotBe(t *testing.T) {
	client, _, _ := loginHome(t, Options{})
	for _, tt := range []struct{ user, password string }{{"", "x"}, {"a:b", "x"}, {"a\nb", "x"}, {"a", ""}, {"a", "x\x00"}} {
		_, err := client.Login(t.Context(), nil, target(t, "registry.invalid"), tt.user, tt.password)
		if f := wantFault(t, err); strings.Contains(f.What, "registry.invalid") {
			t.Errorf("%q %q: %v; the registry was asked", tt.user, tt.password, err)
		}
	}
}

func TestParseLoginTarget(t *testing.T) {
	for in, want := range map[string]string{
		"harbor.example":               "harbor.example",
		"harbor.example:5000":          "harbor.example:5000",
		"localhost":                    "localhost",
		"https://harbor.example/":      "harbor.example",
		"docker://harbor.example":      "harbor.example",
		"harbor.example/lab/":          "harbor.example/lab",
		"https://harbor.example/lab/x": "harbor.example/lab/x",
		"docker.io":                    "docker.io",
		"https://index.docker.io/v1/":  "docker.io",
		"http://harbor.example":        "",
		"ftp://harbor.example":         "",
		"":                             "",
		"https://":                     "",
		"harbor":                       "",
		"harbor.example/lab:1":         "",
		"harbor.example/lab@x":         "",
		"user@harbor.example":          "",
		"harbor.example/Lab":           "",
		"harbor example":               "",
		"-u":                           "",
	} {
		to, err := ParseLoginTarget(in)
		if want == "" {
			if err == nil {
				t.Errorf("%q became %q", in, to)
			} else {
				wantFault(t, err)
			}
			continue
		}
		if err != nil || to.String() != want {
			t.Errorf("%q became %q, %v; want %q", in, to, err, want)
		}
		if host, _, _ := strings.Cut(want, "/"); to.Host() != host {
			t.Errorf("the host of %q is %q", in, to.Host())
		}
	}
}

// logIn logs in to a registry that accepts everybody.
func logIn(t testing.TB, client *Client, to string) string {
	t.Helper()
	kept, err := client.Login(t.Context(), nil, target(t, to), testUser, rightPassword)
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

func wantMode(t testing.TB, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != want {
		t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
	}
}

func write(t testing.TB, path, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, []byte(text))
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestLoginKeepsWhatIsInTheFile(t *testing.T) {
	reg := newRegistry(t)
	client, home, warnings := loginHome(t, Options{})
	file := filepath.Join(home, ".config/containers/auth.json")
	dotfile := filepath.Join(home, "dotfiles/auth.json")
	write(t, dotfile, `{"credsStore":"x","HttpHeaders":{"A":"<b>"},"auths":{"other.example":{"auth":"YTpi","email":"a@b"},"`+reg.host+`":{"auth":"b2xkOm9sZA=="}}}`, 0o644)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../dotfiles/auth.json", file); err != nil {
		t.Fatal(err)
	}
	if kept := logIn(t, client, reg.host); kept != file {
		t.Errorf("kept in %s", kept)
	}
	wantMode(t, file, fs.ModeSymlink|0o777)
	wantMode(t, dotfile, 0o600)
	if len(*warnings) != 1 || !strings.Contains((*warnings)[0], "could be read by others") {
		t.Errorf("warnings: %q", *warnings)
	}
	var got, want any
	b, err := os.ReadFile(dotfile)
	if err == nil {
		err = json.Unmarshal(b, &got)
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal([]byte(`{"credsStore":"x","HttpHeaders":{"A":"<b>"},"auths":{"other.example":{"auth":"YTpi","email":"a@b"},"`+
		reg.host+`":{"auth":"YWlrbzpjb3JyZWN0IGhvcnNl"}}}`), &want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("content (-want +got):\n%s", diff)
	}
	logIn(t, client, reg.host) // the same again
	for _, dir := range []string{filepath.Dir(dotfile), filepath.Dir(file)} {
		if entries, _ := os.ReadDir(dir); len(entries) != 1 {
			t.Errorf("left behind: %v", entries)
		}
	}
}

func TestLoginMakesTheFile(t *testing.T) {
	reg := newRegistry(t)
	t.Run("of the account", func(t *testing.T) {
		client, home, warnings := loginHome(t, Options{})
		logIn(t, client, reg.host)
		wantMode(t, filepath.Join(home, ".config/containers"), fs.ModeDir|0o700)
		wantMode(t, filepath.Join(home, ".config/containers/auth.json"), 0o600)
		if *warnings != nil {
			t.Errorf("warnings: %q", *warnings)
		}
	})
	t.Run("XDG_CONFIG_HOME, a project", func(t *testing.T) {
		client, home, _ := loginHome(t, Options{})
		t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "conf"))
		logIn(t, client, reg.host+"/lab")
		b, err := os.ReadFile(filepath.Join(home, "conf/containers/auth.json"))
		if err != nil || !strings.Contains(string(b), reg.host+"/lab") {
			t.Errorf("%s %v", b, err)
		}
	})
	t.Run("REGISTRY_AUTH_FILE", func(t *testing.T) {
		_, home, _ := loginHome(t, Options{})
		t.Setenv("REGISTRY_AUTH_FILE", filepath.Join(home, "a/b.json"))
		logIn(t, NewClient(Options{}), reg.host)
		wantMode(t, filepath.Join(home, "a/b.json"), 0o600)
	})
	t.Run("a dangling link, an empty file", func(t *testing.T) {
		client, home, _ := loginHome(t, Options{})
		client.base.AuthFilePath = filepath.Join(home, "link")
		client.opts.AuthFile = client.base.AuthFilePath
		if err := os.Symlink("to/auth.json", client.opts.AuthFile); err != nil {
			t.Fatal(err)
		}
		logIn(t, client, reg.host)
		write(t, filepath.Join(home, "to/auth.json"), "", 0o600)
		logIn(t, client, reg.host)
		wantMode(t, filepath.Join(home, "to/auth.json"), 0o600)
	})
	t.Run("no JSON", func(t *testing.T) {
		client, home, _ := loginHome(t, Options{})
		file := filepath.Join(home, ".config/containers/auth.json")
		write(t, file, "password = 1", 0o600)
		_, err := client.Login(t.Context(), nil, target(t, reg.host), testUser, rightPassword)
		if f := wantFault(t, err); !strings.Contains(f.Next, "mv "+file) {
			t.Errorf("advice: %s", f.Next)
		}
	})
}

// TestLoginSaysWhatComesFirst: image/v5 reads $XDG_RUNTIME_DIR before the file
// that jrun writes.
func TestLoginSaysWhatComesFirst(t *testing.T) {
	reg := newRegistry(t)
	client, home, warnings := loginHome(t, Options{})
	runtime := filepath.Join(home, "run/containers/auth.json")
	write(t, runtime, `{"auths":{"`+reg.host+`":{"auth":"b2xkOm9sZA=="},"other.example":{"auth":"YTpi"}}}`, 0o600)
	logIn(t, client, reg.host)
	if len(*warnings) != 1 || !strings.Contains((*warnings)[0], "jrun logout --authfile "+runtime+" "+reg.host) {
		t.Fatalf("warnings: %q", *warnings)
	}
	removed, err := NewClient(Options{AuthFile: runtime}).Logout(nil, target(t, reg.host))
	if diff := cmp.Diff([]RemovedLogin{{reg.host, runtime}}, removed); diff != "" || err != nil {
		t.Fatalf("removed: %s, %v", diff, err)
	}
	auth, err := config.GetCredentials(&client.base, reg.host)
	if err != nil || auth.Username != testUser {
		t.Errorf("now %q is used, %v", auth.Username, err)
	}
	*warnings = nil
	logIn(t, client, reg.host)
	if *warnings != nil {
		t.Errorf("warnings: %q", *warnings)
	}
}

// useHelper puts a credential helper called test into PATH that keeps one login.
func useHelper(t *testing.T) (state string) {
	t.Helper()
	dir := t.TempDir()
	state = filepath.Join(dir, "state")
	writeFile(t, filepath.Join(dir, "docker-credential-test"), []byte(`#!/bin/sh
state='`+state+`'
case $1 in
store) cat >"$state" ;;
get) read -r url || true
	if ! grep -qs "\"ServerURL\":\"$url\"" "$state"; then echo 'credentials not found in native keychain'; exit 1; fi
	cat "$state" ;;
erase) rm "$state" ;;
list) if test -f "$state"; then sed 's/.*"ServerURL":\("[^"]*"\).*"Username":\("[^"]*"\).*/{\1:\2}/' "$state"; else echo '{}'; fi ;;
esac
`))
	if err := os.Chmod(filepath.Join(dir, "docker-credential-test"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return state
}

func TestLoginWithCredentialHelpers(t *testing.T) {
	for _, place := range []string{"auth.json", "registries.conf"} {
		t.Run(place, func(t *testing.T) {
			reg := newRegistry(t)
			client, home, warnings := loginHome(t, Options{})
			state := useHelper(t)
			file := filepath.Join(home, ".config/containers/auth.json")
			if place == "auth.json" {
				write(t, file, `{"credHelpers":{"`+reg.host+`":"test"}}`, 0o600)
			} else {
				conf := filepath.Join(home, "registries.conf")
				write(t, conf, "credential-helpers = [\"test\", \"containers-auth.json\"]\n", 0o600)
				useRegistriesConf(t, conf)
			}
			before, _ := os.ReadFile(file)
			if kept := logIn(t, client, reg.host); !strings.Contains(kept, "credential helper: test") {
				t.Errorf("kept in %s", kept)
			}
			if after, _ := os.ReadFile(file); string(after) != string(before) {
				t.Errorf("the file became %s", after)
			}
			if b, err := os.ReadFile(state); err != nil || !strings.Contains(string(b), rightPassword) {
				t.Errorf("the helper has %s, %v", b, err)
			}
			if *warnings != nil {
				t.Errorf("warnings: %q", *warnings)
			}
			for _, all := range []bool{false, true} {
				logIn(t, client, reg.host)
				var removed []RemovedLogin
				var err error
				if all {
					removed, err = client.LogoutAll(nil)
				} else {
					removed, err = client.Logout(nil, target(t, reg.host))
				}
				if diff := cmp.Diff([]RemovedLogin{{reg.host, `the credential helper "test"`}}, removed); diff != "" || err != nil {
					t.Errorf("removed: %s, %v", diff, err)
				}
			}
			_, err := client.Logout(nil, target(t, reg.host))
			if wantFault(t, err); !is(ErrNotLoggedIn)(err) {
				t.Error(err)
			}
		})
	}
}

func TestLoginWithABrokenHelper(t *testing.T) {
	reg := newRegistry(t)
	client, home, _ := loginHome(t, Options{})
	write(t, filepath.Join(home, ".config/containers/auth.json"), `{"credHelpers":{"`+reg.host+`":"missing"}}`, 0o600)
	_, err := client.Login(t.Context(), nil, target(t, reg.host), testUser, rightPassword)
	f := wantFault(t, err)
	if message := fault.Format("jrun", err); !strings.Contains(f.Next, "credential helper") || strings.Contains(message, rightPassword) {
		t.Error(message)
	}
}

func TestLogoutFromEverywhere(t *testing.T) {
	client, home, _ := loginHome(t, Options{})
	const login = `{"auth":"YTpi"}`
	files := map[string]string{
		"run/containers/auth.json":     `{"auths":{"reg.example":` + login + `}}`,
		".config/containers/auth.json": `{"auths":{"reg.example/lab":` + login + `,"reg.example":` + login + `,"other.example":` + login + `},"credsStore":"x"}`,
		".docker/config.json":          `{"auths":{"https://reg.example/v1/":` + login + `,"reg.example":{}}}`,
		".dockercfg":                   `{"https://reg.example":` + login + `}`,
	}
	for name, text := range files {
		write(t, filepath.Join(home, name), text, 0o600)
	}
	removed, err := client.Logout(nil, target(t, "reg.example"))
	var want []RemovedLogin
	for _, name := range []string{"run/containers/auth.json", ".config/containers/auth.json", ".docker/config.json", ".dockercfg"} {
		want = append(want, RemovedLogin{"reg.example", filepath.Join(home, name)})
	}
	if diff := cmp.Diff(want, removed); diff != "" || err != nil {
		t.Fatalf("removed (-want +got): %s, %v", diff, err)
	}
	if auth, err := config.GetCredentials(&client.base, "reg.example"); err != nil || auth.Username != "" {
		t.Errorf("there is still %q, %v", auth.Username, err)
	}
	var content map[string]any
	b, _ := os.ReadFile(filepath.Join(home, ".config/containers/auth.json"))
	if err := json.Unmarshal(b, &content); err != nil || content["credsStore"] != "x" || len(content["auths"].(map[string]any)) != 2 {
		t.Errorf("what stays is %s, %v", b, err)
	}
	_, err = client.Logout(nil, target(t, "reg.example"))
	if f := wantFault(t, err); !strings.Contains(f.Next, "jrun logout reg.example/lab") {
		t.Errorf("advice: %s", f.Next)
	}
	removed, err = client.LogoutAll(nil)
	if err != nil || len(removed) != 2 {
		t.Errorf("removed %v, %v", removed, err)
	}
}

func TestLogoutGoesOnAfterAFailure(t *testing.T) {
	client, home, _ := loginHome(t, Options{})
	write(t, filepath.Join(home, "run/containers/auth.json"), `{"auths":`, 0o600)
	write(t, filepath.Join(home, ".config/containers/auth.json"), `{"auths":{"reg.example":{"auth":"YTpi"}}}`, 0o600)
	removed, err := client.Logout(nil, target(t, "reg.example"))
	if wantFault(t, err); len(removed) != 1 {
		t.Errorf("removed %v", removed)
	}
}

// TestLoginEndsRefusals: what was remembered of an old password does not keep a
// new one from being tried, wherever it is.
func TestLoginEndsRefusals(t *testing.T) {
	for _, place := range []string{"file", "helper"} {
		for name, intercept := range map[string]func(http.ResponseWriter, *http.Request, http.Handler) bool{"basic": wantBasic, "bearer": wantBearer(false)} {
			t.Run(place+" "+name, func(t *testing.T) {
				reg := newRegistry(t)
				ref := reg.push(t, "private/app", "1", twoLayers("gzip"))
				reg.misbehave(intercept)
				client, home, _ := loginHome(t, Options{Job: "1.pbs"})
				file := filepath.Join(home, ".config/containers/auth.json")
				old := `{"auths":{"` + reg.host + `":{"auth":"YWlrbzpvbGQ="}}}` // aiko:old
				if place == "helper" {
					state := useHelper(t)
					write(t, state, `{"ServerURL":"`+reg.host+`","Username":"aiko","Secret":"old"}`, 0o600)
					old = `{"credHelpers":{"` + reg.host + `":"test"}}`
				}
				write(t, file, old, 0o600)
				st := openStore(t)
				for range 2 {
					if _, err := client.Resolve(t.Context(), st, ref); err == nil {
						t.Fatal("the old password was accepted")
					}
				}
				if _, err := client.Login(t.Context(), st, target(t, reg.host), testUser, rightPassword); err != nil {
					t.Fatal(err)
				}
				if _, err := client.Resolve(t.Context(), st, ref); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
