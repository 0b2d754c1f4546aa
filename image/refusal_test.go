package image

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/fault"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/types"
)

const (
	rightPassword = "correct horse"
	testUser      = "aiko"
)

// login writes an auth.json for host and returns its path.
func login(t testing.TB, host, password string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "auth.json")
	auth := base64.StdEncoding.EncodeToString([]byte(testUser + ":" + password))
	writeFile(t, path, fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, host, auth))
	return path
}

// wantBasic lets in who has the right password.
func wantBasic(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
	if _, password, _ := r.BasicAuth(); password == rightPassword {
		return false
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
	answer(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
	return true
}

// wantBearer is a registry with a token service of its own. Like Harbor's, the
// service gives a token without rights for a wrong password when lenient.
func wantBearer(lenient bool) func(http.ResponseWriter, *http.Request, http.Handler) bool {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		_, password, _ := r.BasicAuth()
		if r.URL.Path == "/token" {
			switch {
			case password == rightPassword:
				_, _ = io.WriteString(w, `{"token":"good","access_token":"","expires_in":1800}`)
			case lenient:
				_, _ = io.WriteString(w, `{"token":"powerless","access_token":"","expires_in":1800}`)
			default:
				answer(w, http.StatusUnauthorized, "UNAUTHORIZED", "unauthorized")
			}
			return true
		}
		if r.Header.Get("Authorization") == "Bearer good" {
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, r.Host))
		answer(w, http.StatusUnauthorized, "UNAUTHORIZED", "unauthorized to access repository")
		return true
	}
}

func answer(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, message)
}

// always answers every request for a manifest so; the body is only for GET.
func always(status int, header, body string) func(http.ResponseWriter, *http.Request, http.Handler) bool {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		if name, value, ok := strings.Cut(header, ": "); ok {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(w, body)
		}
		return true
	}
}

func TestLogin(t *testing.T) {
	img := twoLayers("gzip")
	for name, intercept := range map[string]func(http.ResponseWriter, *http.Request, http.Handler) bool{
		"basic": wantBasic, "bearer": wantBearer(false),
	} {
		t.Run(name, func(t *testing.T) {
			reg := newRegistry(t)
			ref := reg.push(t, "private/app", "1", img)
			reg.misbehave(intercept)
			client := NewClient(Options{AuthFile: login(t, reg.host, rightPassword)})
			st := openStore(t)
			object, _, err := client.Ensure(t.Context(), st, ref, nil)
			if err != nil {
				t.Fatal(err)
			}
			if object.Digest != img.digest() {
				t.Errorf("got %s, want %s", object.Digest, img.digest())
			}
			reg.take()
			if _, err := client.Resolve(t.Context(), st, ref); err != nil {
				t.Fatal(err)
			}
			want := []string{"HEAD /v2/private/app/manifests/1"}
			if name == "bearer" { // the token service is remembered
				want = []string{"GET /token", "HEAD /v2/private/app/manifests/1"}
			}
			if diff := cmp.Diff(want, reg.take()); diff != "" {
				t.Errorf("requests: %s", diff)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	html := "<html>upstream failed</html>"
	tests := []struct {
		name      string
		intercept func(http.ResponseWriter, *http.Request, http.Handler) bool
		tag       string
		password  string // of the auth.json; none when empty
		what      string // in the fault's first part
		says      string // in the whole message
	}{
		{"basic, no login", wantBasic, "1", "", "not for everybody", "jrun login"},
		{"basic, wrong password", wantBasic, "1", "wrong", "not yours to have", "log in again"},
		{"bearer, no login", wantBearer(false), "1", "", "wants a login", "jrun login"},
		{"bearer, wrong password", wantBearer(false), "1", "wrong", "does not accept the password of aiko", "log in again"},
		{"bearer as Harbor does it, wrong password", wantBearer(true), "1", "wrong", "not yours to have", "aiko is a member"},
		{"bearer as Harbor does it, no login", wantBearer(true), "1", "", "not for everybody", "jrun login"},
		{"forbidden", always(403, "", `{"errors":[{"code":"DENIED","message":"go away"}]}`), "1", "", "does not let you have", "go away"},
		{"forbidden, HTML", always(403, "", html), "1", "", "does not let you have", "right to pull"},
		{"no such tag", nil, "2", "", "does not exist", "tags that exist: 1"},
		{"not found, as Harbor says it", always(404, "", `{"errors":[{"code":"NOT_FOUND","message":"artifact x not found"}]}`), "1", "", "does not exist", "tags that exist: 1"},
		{"not found, HTML", always(404, "", html), "1", "", "does not exist", "check the name"},
		{"vulnerable", always(412, "", `{"errors":[{"code":"PROJECTPOLICYVIOLATION","message":"current image with 9 vulnerabilities"}]}`), "1", "", "a rule of", "9 vulnerabilities"},
		{"too many requests", always(429, "Retry-After: 0", `{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}`), "1", "", "too many requests", "429 Too Many"},
		{"internal error", always(500, "", html), "1", "", "is not working", "500 Internal"},
		{"bad gateway, empty", always(502, "", ""), "1", "", "is not working", "502 Bad Gateway"},
		{"connection reset", func(http.ResponseWriter, *http.Request, http.Handler) bool { panic(http.ErrAbortHandler) }, "1", "", "broke the connection off", "try again"},
		{"a token service elsewhere", func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
			w.Header().Set("WWW-Authenticate", `Bearer realm="https://elsewhere.example/token"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}, "1", rightPassword, "refers to another host", "elsewhere.example"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reg := newRegistry(t)
			reg.push(t, "private/app", "1", twoLayers("gzip"))
			if tt.name == "not found, HTML" {
				page := always(404, "", html)
				tt.intercept = func(w http.ResponseWriter, r *http.Request, good http.Handler) bool {
					if strings.Contains(r.URL.Path, "/tags/") {
						http.NotFound(w, r)
						return true
					}
					return page(w, r, good)
				}
			}
			reg.misbehave(tt.intercept)
			opts := Options{}
			if tt.password != "" {
				opts.AuthFile = login(t, reg.host, tt.password)
			}
			st := openStore(t)
			_, _, err := NewClient(opts).Ensure(t.Context(), st, mustParse(t, reg.host+"/private/app:"+tt.tag), nil)
			f := wantFault(t, err)
			if !strings.Contains(f.What, tt.what) {
				t.Errorf("%q does not contain %q", f.What, tt.what)
			}
			message := fault.Format("jrun", err)
			if !strings.Contains(message, tt.says) {
				t.Errorf("the message does not contain %q:\n%s", tt.says, message)
			}
			if tt.password != "" && strings.Contains(message, tt.password) && tt.password != "wrong" {
				t.Errorf("the message holds the password:\n%s", message)
			}
			if left := leftovers(t, st); left != nil {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, ref string
		is        func(error) bool
	}{
		{"unknown host", "no-such-registry.invalid/app:1", as[*net.DNSError]},
		{"nobody listens", closed + "/app:1", is(syscall.ECONNREFUSED)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewClient(Options{}).Resolve(t.Context(), nil, mustParse(t, tt.ref))
			wantFault(t, err)
			if !tt.is(err) {
				t.Errorf("got %v, which has not the cause expected", err)
			}
		})
	}
}

// TestTLSFaults meets the real errors: on loopback the client would not verify.
func TestTLSFaults(t *testing.T) {
	quiet := log.New(io.Discard, "", 0)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = quiet
	secure.StartTLS()
	defer secure.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for name, url := range map[string]string{
		"cannot be verified":  secure.URL,
		"does not speak TLS":  strings.Replace(plain.URL, "http:", "https:", 1),
		"has had too many re": "",
	} {
		err := docker.ErrTooManyRequests
		if url != "" {
			_, err = http.Get(url)
		}
		if err == nil {
			t.Fatalf("%s: no error", name)
		}
		f := wantFault(t, NewClient(Options{}).registryFault(t.Context(), mustParse(t, "reg.example/app:1"), err))
		if !strings.Contains(f.What, name) || !errors.Is(f, err) {
			t.Errorf("%v became %q", err, f.What)
		}
	}
}

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1:5000": true, "127.8.9.1": true, "localhost": true, "localhost:5000": true, "[::1]:5000": true, "::1": true,
		"10.0.0.1:5000": false, "localhost.example": false, "127.0.0.1.example:5000": false, "reg.example": false, "": false,
	} {
		if got := isLoopback(host); got != want {
			t.Errorf("isLoopback(%q) = %v, want %v", host, got, want)
		}
	}
}

// TestPlainHTTPOnlyOnLoopback: the configuration for any other host verifies.
func TestPlainHTTPOnlyOnLoopback(t *testing.T) {
	for ref, insecure := range map[string]bool{"127.0.0.1:5000/app:1": true, "localhost:5000/app:1": true, "reg.example/app:1": false, "10.0.0.1:5000/app:1": false} {
		for _, skip := range []bool{false, true} {
			sys, err := NewClient(Options{SkipTLSVerify: skip}).systemFor(mustParse(t, ref).name)
			if err != nil {
				t.Fatal(err)
			}
			got := sys.DockerInsecureSkipTLSVerify == types.OptionalBoolTrue
			if got != (insecure || skip) {
				t.Errorf("%s, SkipTLSVerify %v: insecure %v", ref, skip, got)
			}
		}
	}
}
