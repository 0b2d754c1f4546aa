package harbor_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/opencontainers/go-digest"
)

// tokenClaims are the subject of a token and the actions of its first scope.
func tokenClaims(tgt *target, token string) (subject string, actions []string) {
	tgt.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		tgt.Fatalf("the token is %q", token)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	tgt.check(err)
	var claims struct {
		Subject string `json:"sub"`
		Access  []struct {
			Actions []string `json:"actions"`
		} `json:"access"`
	}
	tgt.check(json.Unmarshal(text, &claims))
	if len(claims.Access) > 0 {
		actions = claims.Access[0].Actions
	}
	return claims.Subject, actions
}

// quotaMessage is what a refused push said, as a body.
func quotaMessage(tgt *target, err error) string {
	tgt.Helper()
	var refused *transport.Error
	if !errors.As(err, &refused) {
		tgt.Fatalf("the push was not refused: %v", err)
	}
	return string(must(json.Marshal(map[string]any{"errors": refused.Errors})))
}

// The tests below are the facts page, line by line: they hold for the fake and
// for a real Harbor.

func TestFactsUnauthorized(t *testing.T) {
	tgt := newTarget(t)
	p := tgt.newProject(harbor.NewProject{})
	tgt.push(p+"/app", "1")
	user, password := tgt.newUser()
	auth := user + ":" + password
	none := unique("none")
	const basic = `Basic realm="harbor"`
	tests := []struct {
		name, repository, auth string
		challenge, message     string // beginnings
	}{
		{"no right", p + "/app", auth, basic, "unauthorized to access repository: " + p + "/app, action: pull"},
		{"no project", none + "/app", auth, "", "project " + none + " not found"},
		{"upper case", p + "/App", auth, "", "un-recognized request: GET /v2/" + p + "/App/manifests/1"},
		{"a bad token", p + "/app", "Bearer x", basic, "unauthorized to access"},
		{"nobody", p + "/app", "", "Bearer realm=", "authorize header needed"},
		{"nobody, no project", none + "/app", "", "Bearer realm=", "authorize header needed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := tgt.ask(http.MethodGet, "/v2/"+test.repository+"/manifests/1", test.auth, acceptAll)
			code, message := harbor.ParseError(got.body)
			challenge := got.header.Get("Www-Authenticate")
			if got.status != http.StatusUnauthorized || code != "UNAUTHORIZED" || !strings.HasPrefix(message, test.message) {
				t.Errorf("it answers %d %s", got.status, got.body)
			}
			if !strings.HasPrefix(challenge, test.challenge) || test.challenge == "" && challenge != "" {
				t.Errorf("it challenges %q", challenge)
			}
		})
	}
}

func TestFactsDown(t *testing.T) {
	tgt := fakeTarget(t, fakeharbor.Options{HealthLag: loginDelay})
	p := tgt.newProject(harbor.NewProject{})
	pushed := tgt.push(p+"/app", "1")
	user, password := tgt.newMember(p, harbor.Guest)
	ask := func() answer {
		return tgt.ask(http.MethodGet, "/v2/"+p+"/app/manifests/1", user+":"+password, acceptAll)
	}
	unhealthy := func(part string) bool {
		h, err := tgt.admin.Health(t.Context())
		tgt.check(err)
		return h.Unhealthy(part)
	}
	if got := ask(); got.status != http.StatusOK {
		t.Fatalf("it answers %d %s", got.status, got.body)
	}
	tgt.fake.SetDirectory(fakeharbor.DirectoryDown)
	if got := ask(); got.status != http.StatusUnauthorized || got.took > loginDelay/2 {
		t.Errorf("without the directory it answers %d after %v", got.status, got.took)
	}
	if h, err := tgt.admin.Health(t.Context()); err != nil || h.Status != "healthy" {
		t.Errorf("health is %+v, %v", h, err)
	}
	tgt.fake.SetDirectory(fakeharbor.DirectoryUp)

	tgt.fake.SetDatabaseDown(true)
	if got := ask(); got.status != http.StatusUnauthorized || !strings.Contains(string(got.body), "failed to connect") || got.header.Get("Www-Authenticate") != "" {
		t.Errorf("without the database it answers %d %s", got.status, got.body)
	}
	if unhealthy("database") {
		t.Error("health is not behind")
	}
	tgt.eventually("health says so", func() bool { return unhealthy("database") })
	local := tgt.user + ":" + tgt.password
	if got := tgt.head(p+"/app", "1", local); got.status != http.StatusUnauthorized || got.header.Get("Www-Authenticate") != "" || got.took < loginDelay {
		t.Errorf("without the database an account of its own gets %d after %v", got.status, got.took)
	}
	for path, want := range map[string]int{"/systeminfo": http.StatusOK, "/users/current": http.StatusUnauthorized, "/projects/" + p: http.StatusInternalServerError} {
		if got := tgt.ask(http.MethodGet, "/api/v2.0"+path, user+":"+password); got.status != want {
			t.Errorf("without the database %s is %d", path, got.status)
		}
	}
	if got := tgt.ask(http.MethodHead, "/api/v2.0/projects?project_name="+p, user+":"+password); got.status != http.StatusUnauthorized {
		t.Errorf("without the database the question for a project is %d", got.status)
	}
	q := tgt.refused(user, password, p+"/app", "1")
	if d := harbor.Diagnose(t.Context(), q); d.Cause != harbor.DatabaseDown {
		t.Errorf("the cause is %v", d.Cause)
	}
	tgt.fake.SetDatabaseDown(false)

	tgt.fake.SetBackendDown(true)
	if got := ask(); got.status != http.StatusBadGateway || len(got.body) != 0 {
		t.Errorf("without the storage it answers %d %s", got.status, got.body)
	}
	d := string(pushed)
	if got := tgt.ask(http.MethodHead, "/v2/"+p+"/app/manifests/1", local, acceptAll, "If-None-Match: "+d); got.status != http.StatusNotModified {
		t.Errorf("without the storage If-None-Match gets %d", got.status)
	}
	if got := tgt.head(p+"/app", "none", local); got.status != http.StatusNotFound {
		t.Errorf("without the storage a missing tag is %d", got.status)
	}
	tgt.fake.SetMetadata(p, "enable_content_trust_cosign", "true")
	if got := tgt.ask(http.MethodHead, "/v2/"+p+"/app/manifests/1", local, acceptAll, "If-None-Match: "+d); got.status != http.StatusPreconditionFailed {
		t.Errorf("without the storage a closed gate is %d", got.status)
	}
	if got := tgt.ask(http.MethodGet, "/v2/", local); got.status != http.StatusBadGateway {
		t.Errorf("without the storage /v2/ is %d", got.status)
	}
	tgt.eventually("health says so", func() bool { return unhealthy("registry") })
	tgt.fake.SetBackendDown(false)

	tgt.fake.SetCoreDown(true)
	if got := ask(); got.status != http.StatusBadGateway || !strings.HasPrefix(string(got.body), "<html>") {
		t.Errorf("without core it answers %d %s", got.status, got.body)
	}
}

func TestFactsTokens(t *testing.T) {
	tgt := newTarget(t)
	p := tgt.newProject(harbor.NewProject{})
	tgt.push(p+"/app", "1")
	user, password := tgt.newUser()
	member, err := tgt.admin.AddUser(t.Context(), p, user, harbor.Developer)
	tgt.check(err)
	auth := user + ":" + password

	token, actions := tgt.token(p+"/other", auth)
	slices.Sort(actions)
	if subject, _ := tokenClaims(tgt, token); subject != user || !slices.Contains(actions, "push") {
		t.Errorf("a developer's token is for %s, and %v", subject, actions)
	}
	if got := tgt.head(p+"/app", "1", "Bearer "+token); got.status != http.StatusOK {
		t.Errorf("a token for another repository gets %d", got.status)
	}
	tgt.check(tgt.admin.RemoveMember(t.Context(), p, member))
	if got := tgt.head(p+"/app", "1", "Bearer "+token); got.status != http.StatusOK {
		t.Errorf("a token of somebody who was a member gets %d", got.status)
	}
	if got := tgt.head(p+"/app", "1", auth); got.status != http.StatusUnauthorized {
		t.Errorf("somebody who was a member gets %d", got.status)
	}

	token, actions = tgt.token(p+"/app", user+":wrong")
	if subject, _ := tokenClaims(tgt, token); subject != "" || len(actions) != 0 {
		t.Errorf("with a wrong password the token is for %q, and %v", subject, actions)
	}
	if got := tgt.ask(http.MethodGet, "/service/token?service=harbor-registry", user+":wrong"); got.status != http.StatusUnauthorized {
		t.Errorf("without a scope it answers %d", got.status)
	}
	if got := tgt.ask(http.MethodPost, "/service/token?service=harbor-registry", auth); got.status != http.StatusMethodNotAllowed {
		t.Errorf("to POST it answers %d", got.status)
	}
	got := tgt.ask(http.MethodGet, "/service/token?service=harbor-registry", tgt.user+":"+tgt.password)
	var t1 struct {
		Access  *string `json:"access_token"`
		Expires int     `json:"expires_in"`
	}
	tgt.check(json.Unmarshal(got.body, &t1))
	if t1.Access == nil || *t1.Access != "" || t1.Expires != 1800 {
		t.Errorf("the token is %s", got.body)
	}
}

func TestFactsLogin(t *testing.T) {
	tgt := newTarget(t)
	user, password := tgt.newUser()
	delay := 1500 * time.Millisecond
	if tgt.fake != nil {
		delay = loginDelay
	}
	login := func(password string) answer {
		return tgt.ask(http.MethodGet, "/api/v2.0/users/current", user+":"+password)
	}
	if got := login(password); got.status != http.StatusOK {
		t.Fatalf("a right password gets %d %s", got.status, got.body)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		got, err := tgt.tryAsk(http.MethodGet, "/api/v2.0/users/current", user+":wrong")
		if err != nil || got.status != http.StatusUnauthorized || got.took < delay*9/10 {
			t.Errorf("a wrong password gets %d after %v, %v", got.status, got.took, err)
		}
	})
	tgt.eventually("the right password is refused as well", func() bool { return login(password).status == http.StatusUnauthorized })
	if got := login(password); got.status == http.StatusUnauthorized && got.took > delay/2 {
		t.Errorf("it is refused after %v", got.took)
	}
	wg.Wait()
	tgt.eventually("the right password is accepted again", func() bool { return login(password).status == http.StatusOK })
}

// TestFactsLock: the lock is on a string, and on all of Harbor.
func TestFactsLock(t *testing.T) {
	tgt := newTarget(t)
	info, err := tgt.admin.SystemInfo(t.Context())
	tgt.check(err)
	p := tgt.newProject(harbor.NewProject{})
	tgt.push(p+"/app", "1")
	user, password := tgt.newMember(p, harbor.Guest)
	auth := user + ":" + password
	tgt.ask(http.MethodGet, "/api/v2.0/users/current", auth) // the first login takes its time
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = tgt.tryAsk(http.MethodHead, "/v2/"+p+"/app/manifests/1", user+":wrong") })
	tgt.eventually("the account is locked", func() bool { return tgt.head(p+"/app", "1", auth).status == http.StatusUnauthorized })
	if got := tgt.ask(http.MethodHead, "/api/v2.0/projects?project_name="+p, auth); got.status != http.StatusUnauthorized {
		t.Errorf("on the API it is %d", got.status)
	}
	if info.AuthMode == "ldap_auth" {
		if got := tgt.head(p+"/app", "1", strings.ToUpper(user[:1])+user[1:]+":"+password); got.status != http.StatusOK {
			t.Errorf("with another case it is %d", got.status)
		}
	}
	wg.Wait()
}

// TestFactsPublic: what everybody may pull, a wrong password may, too.
func TestFactsPublic(t *testing.T) {
	tgt := newTarget(t)
	p := tgt.newProject(harbor.NewProject{Metadata: harbor.Metadata{Public: "true"}})
	tgt.push(p+"/app", "1")
	user, _ := tgt.newUser()
	delay := 1500 * time.Millisecond
	if tgt.fake != nil {
		delay = loginDelay
	}
	if got := tgt.head(p+"/app", "1", user+":wrong"); got.status != http.StatusOK || got.took < delay {
		t.Errorf("it answers %d after %v", got.status, got.took)
	}
	if got := tgt.head(p+"/app", "2", user+":wrong"); got.status != http.StatusNotFound {
		t.Errorf("a missing tag is %d", got.status)
	}
	if got := tgt.ask(http.MethodGet, "/api/v2.0/projects/"+p, user+":wrong"); got.status != http.StatusOK {
		t.Errorf("on the API it is %d", got.status)
	}
	if got := tgt.head(p+"/app", "1", "Bearer x"); got.status != http.StatusOK {
		t.Errorf("with a bad token it is %d", got.status)
	}
	if got := tgt.head(p+"/app", "1", ""); got.status != http.StatusUnauthorized {
		t.Errorf("with nothing it is %d", got.status)
	}
}

// TestFactsProject is the question that tells whether a password is right.
func TestFactsProject(t *testing.T) {
	tgt := newTarget(t)
	p := tgt.newProject(harbor.NewProject{Name: fmt.Sprint(time.Now().UnixNano())})
	user, password := tgt.newUser()
	robot := tgt.newRobot(p, harbor.Forever)
	stranger := tgt.newRobot(tgt.newProject(harbor.NewProject{}), harbor.Forever)
	ask := func(project, auth string) answer {
		return tgt.ask(http.MethodHead, "/api/v2.0/projects?project_name="+project, auth)
	}
	for who, auth := range map[string]string{
		"not a member": user + ":" + password, "a robot": robot.Name + ":" + robot.Secret,
		"a robot of another project": stranger.Name + ":" + stranger.Secret, "the administrator": tgt.user + ":" + tgt.password,
	} {
		if got := ask(p, auth); got.status != http.StatusOK {
			t.Errorf("%s gets %d", who, got.status)
		}
		if got := ask(unique("none"), auth); got.status != http.StatusNotFound {
			t.Errorf("%s gets %d for no project", who, got.status)
		}
	}
	if got := ask("", user+":"+password); got.status != http.StatusUnprocessableEntity {
		t.Errorf("without a name it is %d", got.status)
	}
	if got := ask(p, ""); got.status != http.StatusUnauthorized {
		t.Errorf("nobody gets %d", got.status)
	}
	delay := 1500 * time.Millisecond
	if tgt.fake != nil {
		delay = loginDelay
	}
	for who, auth := range map[string]string{"a wrong password": user + ":wrong", "a wrong secret": robot.Name + ":wrong"} {
		if got := ask(p, auth); got.status != http.StatusUnauthorized || got.took < delay {
			t.Errorf("%s gets %d after %v", who, got.status, got.took)
		}
	}
}

// TestFactsFirstLogin: several at once do not all go well.
func TestFactsFirstLogin(t *testing.T) {
	tgt := fakeTarget(t, fakeharbor.Options{})
	user, password := tgt.newUser()
	var mu sync.Mutex
	statuses := map[int]int{}
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			got, err := tgt.tryAsk(http.MethodGet, "/api/v2.0/users/current", user+":"+password)
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			statuses[got.status]++
		})
	}
	wg.Wait()
	if statuses[http.StatusOK] == 0 || statuses[http.StatusOK]+statuses[http.StatusUnauthorized] != 12 {
		t.Errorf("answers are %v", statuses)
	}
	if got := tgt.ask(http.MethodGet, "/api/v2.0/users/current", user+":"+password); got.status != http.StatusOK {
		t.Errorf("then it answers %d", got.status)
	}
}

func TestFactsManifests(t *testing.T) {
	tgt := newTarget(t)
	p := tgt.newProject(harbor.NewProject{})
	d := tgt.push(p+"/app", "1")
	auth := tgt.user + ":" + tgt.password
	pulled := func() time.Time {
		a, err := tgt.admin.Artifact(t.Context(), p, "app", "1")
		tgt.check(err)
		return a.Pulled
	}
	head := tgt.head(p+"/app", "1", auth)
	if head.status != http.StatusOK || head.header.Get("Docker-Content-Digest") != d.String() || head.header.Get("Etag") != `"`+d.String()+`"` || head.header.Get("Content-Length") == "" {
		t.Errorf("HEAD gets %d %v", head.status, head.header)
	}
	if at := pulled(); at.Year() > 1 {
		t.Errorf("after HEAD it was pulled at %v", at)
	}
	if got := tgt.head(p+"/app", "none", auth); got.status != http.StatusNotFound {
		t.Errorf("a missing tag is %d", got.status)
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		if got := tgt.ask(method, "/v2/"+p+"/app/manifests/1", auth, acceptAll, "If-None-Match: "+d.String()); got.status != http.StatusNotModified {
			t.Errorf("%s with If-None-Match gets %d", method, got.status)
		}
	}
	other := digest.FromString("other").String()
	if got := tgt.ask(http.MethodHead, "/v2/"+p+"/app/manifests/1", auth, acceptAll, `If-None-Match: "`+other+`"`); got.status != http.StatusOK {
		t.Errorf("If-None-Match with another digest gets %d", got.status)
	}
	if got := tgt.ask(http.MethodGet, "/v2/"+p+"/app/manifests/1", auth, acceptAll); got.status != http.StatusOK || digest.FromBytes(got.body) != d {
		t.Errorf("GET gets %d %s", got.status, got.body)
	}
	tgt.eventually("after GET it was pulled", func() bool { return time.Since(pulled()) < time.Minute })
	if got := tgt.ask(http.MethodDelete, "/v2/"+p+"/app/manifests/1", auth); got.status != http.StatusBadRequest {
		t.Errorf("deleting by tag is %d", got.status)
	}
	if got := tgt.ask(http.MethodPost, "/v2/"+p+"/app/blobs/uploads/", auth); got.status != http.StatusAccepted || !strings.HasPrefix(got.header.Get("Location"), tgt.base.Scheme+"://") {
		t.Errorf("an upload is %d at %s", got.status, got.header.Get("Location"))
	}
}

// TestFactsOCI pushes an OCI index over OCI images, with go-containerregistry.
func TestFactsOCI(t *testing.T) {
	tgt := newTarget(t)
	p := tgt.newProject(harbor.NewProject{})
	img := mutate.MediaType(must(random.Image(2048, 2)), types.OCIManifestSchema1)
	tgt.check(tgt.pushAs(p+"/app", "1", img, tgt.user, tgt.password))
	auth := tgt.user + ":" + tgt.password
	got := tgt.ask(http.MethodGet, "/v2/"+p+"/app/manifests/1", auth)
	if code, _ := harbor.ParseError(got.body); got.status != http.StatusNotFound || code != "MANIFEST_UNKNOWN" {
		t.Errorf("without Accept it is %d %s", got.status, got.body)
	}
	if got := tgt.ask(http.MethodHead, "/v2/"+p+"/app/manifests/1", auth, "Accept: */*"); got.status != http.StatusNotFound {
		t.Errorf("with */* it is %d", got.status)
	}
	if got := tgt.head(p+"/app", "1", auth); got.status != http.StatusOK {
		t.Errorf("with Accept it is %d", got.status)
	}
	layer := must(must(img.Layers())[0].Digest()).String()
	whole := tgt.ask(http.MethodGet, "/v2/"+p+"/app/blobs/"+layer, auth)
	part := tgt.ask(http.MethodGet, "/v2/"+p+"/app/blobs/"+layer, auth, "Range: bytes=100-")
	if whole.status != http.StatusOK || part.status != http.StatusPartialContent || !bytes.Equal(whole.body[100:], part.body) {
		t.Errorf("a part is %d, of %d bytes", part.status, len(part.body))
	}
	if got := tgt.ask(http.MethodPost, "/v2/"+p+"/other/blobs/uploads/?mount="+layer+"&from="+p+"/app", auth); got.status != http.StatusCreated {
		t.Errorf("mounting is %d %s", got.status, got.body)
	}
	if got := tgt.ask(http.MethodHead, "/v2/"+p+"/other/blobs/"+layer, auth); got.status != http.StatusOK {
		t.Errorf("the mounted blob is %d", got.status)
	}
	if got := tgt.ask(http.MethodHead, "/v2/"+p+"/third/blobs/"+layer, auth); got.status != http.StatusNotFound {
		t.Errorf("a blob that was not mounted is %d", got.status)
	}
}

func TestFactsAPI(t *testing.T) {
	tgt := newTarget(t)
	p := tgt.newProject(harbor.NewProject{})
	tgt.push(p+"/a/b", "1")
	auth := tgt.user + ":" + tgt.password
	const api = "/api/v2.0/projects"
	if got := tgt.ask(http.MethodGet, api+"?page_size=101", auth); got.status != http.StatusUnprocessableEntity {
		t.Errorf("101 items are %d", got.status)
	}
	if got := tgt.ask(http.MethodGet, api+"/"+p+"/repositories/a%252Fb", auth); got.status != http.StatusOK {
		t.Errorf("encoded twice it is %d %s", got.status, got.body)
	}
	session := tgt.ask(http.MethodGet, "/api/v2.0/systeminfo", auth).header.Get("Set-Cookie")
	cookie, _, _ := strings.Cut(session, ";")
	if got := tgt.ask(http.MethodPost, api, auth, "Cookie: "+cookie); got.status != http.StatusForbidden {
		t.Errorf("POST with a cookie is %d %s", got.status, got.body)
	}
	if got := tgt.ask(http.MethodPut, "/v2/"+p+"/app/manifests/1", ""); got.status != http.StatusUnauthorized {
		t.Errorf("a push by nobody is %d", got.status)
	}
	user, password := tgt.newUser()
	for _, name := range []string{p, unique("none")} {
		if got := tgt.ask(http.MethodGet, api+"/"+name, user+":"+password); got.status != http.StatusForbidden {
			t.Errorf("for others the project is %d", got.status)
		}
		if got := tgt.ask(http.MethodGet, api+"/"+name, ""); got.status != http.StatusUnauthorized {
			t.Errorf("for nobody the project is %d", got.status)
		}
	}
}

// TestFactsFake are facts that only the fake can be made to show at once.
func TestFactsFake(t *testing.T) {
	tgt := fakeTarget(t, fakeharbor.Options{})
	p := tgt.newProject(harbor.NewProject{Metadata: harbor.Metadata{PreventVulnerable: "true", Severity: "low"}})
	tgt.fake.AddProject(fakeharbor.Project{Name: "unscannable", Severity: "low", NoScanner: true})
	auth := tgt.user + ":" + tgt.password
	tgt.push("unscannable/app", "1")
	if got := tgt.head("unscannable/app", "1", auth); got.status != http.StatusOK {
		t.Errorf("what cannot be scanned is %d", got.status)
	}
	// A scanner that has been down for long is none; what it found before holds.
	tgt.push(p+"/new", "1")
	tgt.push(p+"/ill", "1")
	tgt.fake.SetScan(p+"/ill", "1", vulnerable)
	for _, scanner := range []bool{true, false} {
		tgt.fake.SetScanner(p, scanner)
		if got := tgt.head(p+"/new", "1", auth); (got.status == http.StatusOK) == scanner {
			t.Errorf("what was not scanned is %d with a scanner: %v", got.status, scanner)
		}
		if got := tgt.head(p+"/ill", "1", auth); got.status != http.StatusPreconditionFailed {
			t.Errorf("what is vulnerable is %d with a scanner: %v", got.status, scanner)
		}
	}
	tgt.fake.SetScanner(p, true)
	if got := tgt.ask(http.MethodPut, "/api/v2.0/users/1/cli_secret", auth); got.status != http.StatusPreconditionFailed {
		t.Errorf("a CLI secret is %d", got.status)
	}
	if got := tgt.ask(http.MethodGet, "/api/v2.0/projects/"+p+"/repositories/a%2Fb", auth); got.status != http.StatusNotFound {
		t.Errorf("encoded once it is %d", got.status)
	}
	tgt.push(p+"/app", "1")
	tgt.fake.Sign(p+"/app", "1")
	if got := tgt.ask(http.MethodGet, "/v2/"+p+"/app/tags/list", auth); !strings.Contains(string(got.body), ".sig") {
		t.Errorf("tags are %s", got.body)
	}
	index := must(random.Index(100, 1, 2))
	d := tgt.fake.PushIndex(p+"/multi", "1", index)
	tgt.fake.SetScan(p+"/multi", "1", &fakeharbor.Scan{})
	if got := tgt.head(p+"/multi", "1", auth); got.status != http.StatusOK || got.header.Get("Docker-Content-Digest") != d.String() {
		t.Errorf("an index is %d", got.status)
	}
	tgt.fake.Tag(p+"/multi", "1", "2")
	tgt.fake.DeleteTag(p+"/multi", "1")
	if got := tgt.head(p+"/multi", d.String(), auth); got.status != http.StatusOK {
		t.Errorf("by digest it is %d", got.status)
	}
	tgt.fake.DeleteArtifact(p+"/multi", "2")
	if got := tgt.head(p+"/multi", d.String(), auth); got.status != http.StatusNotFound {
		t.Errorf("deleted it is %d", got.status)
	}
}
