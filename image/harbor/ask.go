package harbor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// heard is an answer of whatever status.
type heard struct {
	status int
	header http.Header
	body   []byte
	// took is from the end of the request to the first byte of the answer, so
	// that the making of a connection does not look like Harbor's delay.
	took time.Duration
}

// refusal makes an error of an answer to GET.
func (h heard) refusal(path string) *Error {
	code, message := ParseError(h.body)
	return &Error{Status: h.status, Code: code, Message: message, Method: http.MethodGet, Path: path}
}

// maxHeard bounds an answer of which only some words are wanted: a list of tags.
const maxHeard = 1 << 20

// errSpent is when a request would be one too many with a credential that was
// refused.
var errSpent = errors.New("no further request is made with a credential that was refused")

// ask makes one request, once. Whoever is not logged in, or must not be, sends
// the token, if there is one.
func (d *detective) ask(ctx context.Context, q call) (heard, error) {
	withCredential := !q.nobody && d.q.Client.user != ""
	if withCredential {
		if d.left == 0 {
			return heard{}, errSpent
		}
		d.left--
	}
	ctx, cancel := context.WithTimeout(ctx, d.q.Timing.Silence)
	defer cancel()
	var wrote, first atomic.Pointer[time.Time]
	stamp := func(p *atomic.Pointer[time.Time]) {
		now := time.Now()
		p.Store(&now)
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest:         func(httptrace.WroteRequestInfo) { stamp(&wrote) },
		GotFirstResponseByte: func() { stamp(&first) },
	})
	r, err := d.q.Client.request(ctx, q)
	if err != nil {
		return heard{}, err
	}
	if !withCredential && d.token != "" && strings.HasPrefix(q.path, "/v2/") {
		r.Header.Set("Authorization", "Bearer "+d.token)
	}
	resp, err := d.q.Client.http.Do(r)
	if err != nil {
		return heard{}, fmt.Errorf("asking %s: %w", d.q.Client.base.Host, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxHeard))
	if err != nil {
		return heard{}, fmt.Errorf("reading the answer to %s %s: %w", q.method, q.path, err)
	}
	h := heard{status: resp.StatusCode, header: resp.Header, body: body}
	if from, to := wrote.Load(), first.Load(); from != nil && to != nil {
		h.took = to.Sub(*from)
	}
	return h, nil
}

// health asks whether this is a Harbor, and how it is.
func (d *detective) health(ctx context.Context) (Health, heard, error) {
	var h Health
	got, err := d.ask(ctx, call{method: http.MethodGet, path: apiRoot + "/health", nobody: true})
	if err == nil && got.status == http.StatusOK && json.Unmarshal(got.body, &h) != nil {
		h = Health{}
	}
	return h, got, err
}

// systemInfo asks as nobody, for the way that people log in.
func (d *detective) systemInfo(ctx context.Context) (SystemInfo, heard, error) {
	var s SystemInfo
	got, err := d.ask(ctx, call{method: http.MethodGet, path: apiRoot + "/systeminfo", nobody: true})
	if err == nil && got.status == http.StatusOK && json.Unmarshal(got.body, &s) != nil {
		s = SystemInfo{}
	}
	return s, got, err
}

// manifestTypes are all that an image may be. Harbor says 404 to whoever does
// not name the manifest's own type.
var manifestTypes = strings.Join([]string{
	"application/vnd.oci.image.manifest.v1+json",
	"application/vnd.oci.image.index.v1+json",
	"application/vnd.docker.distribution.manifest.v2+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
	"application/vnd.docker.distribution.manifest.v1+prettyjws",
	"application/vnd.docker.distribution.manifest.v1+json",
}, ", ")

// manifest asks for what was refused once more, with GET, because an answer to
// HEAD has no words. If it is allowed now it counts as a pull. The words are
// kept.
func (d *detective) manifest(ctx context.Context) (heard, error) {
	got, err := d.registry(ctx, d.manifestPath(), manifestTypes)
	if err == nil && got.status >= http.StatusMultipleChoices {
		d.found.Code, d.found.Message = ParseError(got.body)
	}
	return got, err
}

func (d *detective) manifestPath() string { return "/manifests/" + url.PathEscape(d.q.Reference) }

// stranger asks for the manifest as nobody, with the token that everybody gets.
// Harbor looks for the project before it looks at who asks, so this tells of the
// project and of the database without a use of the credential. HEAD first: where
// everybody may pull, GET would count as a pull.
func (d *detective) stranger(ctx context.Context, method string) (heard, error) {
	if d.token == "" {
		if err := d.anonymousToken(ctx); err != nil {
			return heard{}, err
		}
	}
	return d.ask(ctx, call{
		method: method, path: "/v2/" + d.name() + d.manifestPath(), header: http.Header{"Accept": {manifestTypes}}, nobody: true,
	})
}

// registry asks /v2 about the repository, with a token if that is all we have.
func (d *detective) registry(ctx context.Context, path, accept string) (heard, error) {
	if d.q.Client.user == "" && d.token == "" {
		if err := d.anonymousToken(ctx); err != nil {
			return heard{}, err
		}
	}
	return d.ask(ctx, call{method: http.MethodGet, path: "/v2/" + d.name() + path, header: http.Header{"Accept": {accept}}})
}

// anonymousToken asks Harbor's token service as nobody. It gives everybody one;
// whether it is good for anything shows later.
func (d *detective) anonymousToken(ctx context.Context) error {
	query := url.Values{"service": {"harbor-registry"}, "scope": {"repository:" + d.name() + ":pull"}}
	got, err := d.ask(ctx, call{method: http.MethodGet, path: "/service/token", query: query, nobody: true})
	if err != nil {
		return err
	}
	var t struct {
		Token string `json:"token"` // access_token is empty
	}
	if err := json.Unmarshal(got.body, &t); err != nil || got.status != http.StatusOK {
		return got.refusal("/service/token")
	}
	d.token = t.Token
	return nil
}
