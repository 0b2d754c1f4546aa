package image

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/pkg/docker/config"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"
)

// maxAnswer bounds what is read of an answer that is no image, in bytes.
const maxAnswer = 256 << 10

// RefusalError is an answer of a registry that is no image.
type RefusalError struct {
	StatusCode int
	Header     http.Header
	Body       []byte        // nil: the question was HEAD
	Took       time.Duration // to think about it, see stopwatch
}

func newRefusal(response *http.Response, body []byte, took time.Duration) *RefusalError {
	return &RefusalError{StatusCode: response.StatusCode, Header: response.Header, Body: body, Took: took}
}

func (e *RefusalError) Error() string { return e.FaultText().String() }

// FaultText is what the error says.
func (e *RefusalError) FaultText() fault.Text { return answerText(e.StatusCode, messageIn(e.Body)) }

// answerText is a registry's status with its own words, if it says any.
func answerText(status int, message string) fault.Text {
	if message == "" {
		return fault.Say("it answered %d %s", status, http.StatusText(status))
	}
	return fault.Say("it answered %d %s: %s", status, http.StatusText(status), message)
}

// messageIn is what the body of a refusal says, in the registry's own words; empty
// for HTML and other things that are not meant for people.
func messageIn(body []byte) string {
	var said struct {
		Details string `json:"details"` // Docker Hub's token service
	}
	if json.Unmarshal(body, &said) != nil {
		return ""
	}
	code, message := harbor.ParseError(body)
	return oneLine(cmp.Or(message, code, said.Details))
}

// mostMessage bounds what a registry may say, in bytes.
const mostMessage = 300

// oneLine keeps foreign text from pretending to be ours.
func oneLine(s string) string { return printable.CutBytes(printable.Line(s), mostMessage) }

// asking is one question about a manifest, with what is needed to ask more when
// the answer is no.
type asking struct {
	*endpoint
	ref        Reference
	repository string // as the registry knows it
	name       string // the tag or digest
	auth       types.DockerAuthConfig
	userAgent  string
	accept     string

	bearer *bearer // the token service, once it is known
	token  string
}

// newAsking prepares a question about a reference that is not served elsewhere.
func (c *Client) newAsking(ref Reference, sys *types.SystemContext) (*asking, error) {
	configured, err := sysregistriesv2.FindRegistry(sys, ref.name.Name())
	if err != nil {
		return nil, fmt.Errorf("reading the registries' configuration: %w", err)
	}
	if configured != nil && configured.Blocked {
		return nil, fault.Because("%w: registries.conf blocks %s", ErrForbidden, configured.Prefix)
	}
	host := apiHost(reference.Domain(ref.name))
	e, err := c.endpointFor(host, sys)
	if err != nil {
		return nil, err
	}
	auth, err := config.GetCredentialsForRef(sys, ref.name)
	if err != nil {
		return nil, fmt.Errorf("reading the credentials for %s: %w", host, err)
	}
	a := &asking{endpoint: e, ref: ref, repository: reference.Path(ref.name), auth: auth, userAgent: c.opts.UserAgent}
	a.accept = strings.Join(manifest.DefaultRequestedManifestMIMETypes, ", ")
	if d := ref.Digest(); d != "" {
		a.name = d.String()
	} else if tagged, ok := ref.name.(reference.NamedTagged); ok {
		a.name = tagged.Tag()
	}
	return a, nil
}

// ErrForbidden is wrapped by errors about images that the configuration forbids.
var ErrForbidden = errors.New("the configuration forbids it")

// digest asks with HEAD. The user's own name and password go with the question
// itself: Harbor takes them so, and one request tells whether the image exists,
// whether this user may have it, and which it is. Registries that want a token
// name their token service, which is remembered in st (it may be nil). An answer
// without a digest returns "".
func (a *asking) digest(ctx context.Context, st *store.Store) (digest.Digest, error) {
	if known := (bearer{}); st != nil && a.bearer == nil {
		if age, err := st.Note(bearerNote, a.host, &known); err == nil && age < bearerGrace {
			a.bearer = &known
		}
	}
	header, err := a.manifest(ctx, http.MethodHead)
	if err != nil {
		return "", err
	}
	if st != nil && a.bearer != nil && a.token != "" {
		a.remember(st)
	}
	d := digest.Digest(header.Get("Docker-Content-Digest"))
	if d.Validate() == nil {
		return d, nil
	}
	return "", nil
}

// Where a registry's token service is remembered, and for how long.
const (
	bearerNote  = "bearer"
	bearerGrace = 30 * 24 * time.Hour
)

func (a *asking) remember(st *store.Store) {
	known := bearer{}
	if age, err := st.Note(bearerNote, a.host, &known); err != nil || known != *a.bearer || age > bearerGrace/2 {
		_ = st.SetNote(bearerNote, a.host, a.bearer) // it only saves a request
	}
}

// manifest asks for the manifest, with a token where one is wanted, and returns the
// answer's header. Errors are *RefusalError, *LoginError, or
// the network's.
func (a *asking) manifest(ctx context.Context, method string) (http.Header, error) {
	if a.bearer != nil && a.token == "" {
		if err := a.fetchToken(ctx); err != nil {
			return nil, err
		}
	}
	header, err := a.try(ctx, method)
	var refusal *RefusalError
	if !errors.As(err, &refusal) || refusal.StatusCode != http.StatusUnauthorized || a.token != "" {
		return header, err
	}
	b, ok := bearerOf(&http.Response{Header: refusal.Header, StatusCode: refusal.StatusCode})
	if !ok {
		return nil, err
	}
	a.bearer = &b
	if err := a.fetchToken(ctx); err != nil {
		return nil, err
	}
	return a.try(ctx, method)
}

func (a *asking) fetchToken(ctx context.Context) (err error) {
	a.token, err = a.endpoint.token(ctx, *a.bearer, a.auth, a.repository, a.userAgent)
	return err
}

// How often a registry that says it is overloaded is asked again, and the
// longest pause that it may ask for.
const (
	overloadedTries = 3
	longestPause    = 30 * time.Second
)

// try asks once, and again when the registry is overloaded. A refused login is
// never tried again: Harbor locks the account for a moment after each.
func (a *asking) try(ctx context.Context, method string) (http.Header, error) {
	for attempt := 1; ; attempt++ {
		header, err := a.once(ctx, method)
		var refusal *RefusalError
		if !errors.As(err, &refusal) || attempt == overloadedTries || !overloaded(refusal.StatusCode) {
			return header, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pauseAfter(refusal.Header, attempt)):
		}
	}
}

func overloaded(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable || status == http.StatusBadGateway || status == http.StatusGatewayTimeout
}

// pauseAfter is what Retry-After says in seconds, or a pause that doubles, with
// jitter so that the nodes of a job do not come back together.
func pauseAfter(header http.Header, attempt int) time.Duration {
	if seconds, err := strconv.Atoi(header.Get("Retry-After")); err == nil && seconds >= 0 {
		return min(time.Duration(seconds)*time.Second, longestPause)
	}
	pause := 250 * time.Millisecond << attempt
	return pause/2 + rand.N(pause)
}

func (a *asking) once(ctx context.Context, method string) (http.Header, error) {
	header := http.Header{"Accept": {a.accept}, "User-Agent": {a.userAgent}}
	switch {
	case a.token != "":
		header.Set("Authorization", "Bearer "+a.token)
	case a.auth.Username != "":
		basic := &http.Request{Header: header}
		basic.SetBasicAuth(a.auth.Username, a.auth.Password)
	}
	watch := stopwatch{}
	response, err := a.do(watch.on(ctx), method, "/v2/"+a.repository+"/manifests/"+a.name, header)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", a.host, err)
	}
	if response.StatusCode == http.StatusOK {
		return response.Header, nil
	}
	if method == http.MethodHead {
		body = nil
	}
	return nil, newRefusal(response, body, watch.took())
}
