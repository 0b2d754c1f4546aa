package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Registry moves manifests and blobs, as the OCI distribution specification has it.
// It sends the password with each request (Basic), which Harbor takes on /v2 as well:
// so there are no tokens that expire in the middle of a transfer. It goes to no other
// host than the registry's, unless the registry sends it there for a blob, and then
// without the password. It may be used by several goroutines.
type Registry struct {
	base           *url.URL
	http           *http.Client
	user, password string
	agent          string
	delay, total   time.Duration
	stall          time.Duration
}

// RegistryOptions say which registry, and as whom.
type RegistryOptions struct {
	Base *url.URL
	// HTTP brings the TLS configuration and proxies; its timeout, which would be one
	// for a whole blob, is not used. Nil is a client that verifies TLS.
	HTTP           *http.Client
	User, Password string
	UserAgent      string
	// RetryDelay is the first pause before something is tried again; each further one
	// is twice as long, up to RetryTotal together. Half a second if zero.
	RetryDelay time.Duration
	// RetryTotal bounds the pauses of one request. 30 seconds if zero; negative: try once.
	RetryTotal time.Duration
	// Stall is how long a registry may be silent within an answer. 2 minutes if zero.
	Stall time.Duration
}

// NewRegistry returns a Registry. It makes no request yet.
func NewRegistry(o RegistryOptions) *Registry {
	r := &Registry{base: o.Base, user: o.User, password: o.Password, agent: o.UserAgent, delay: o.RetryDelay, total: o.RetryTotal, stall: o.Stall}
	if r.agent == "" {
		r.agent = "jadm"
	}
	if r.delay == 0 {
		r.delay = 500 * time.Millisecond
	}
	if r.total == 0 {
		r.total = 30 * time.Second
	}
	if r.stall == 0 {
		r.stall = 2 * time.Minute
	}
	own := http.Client{}
	if o.HTTP != nil {
		own = *o.HTTP
	}
	own.Jar, own.Timeout = nil, 0
	r.http = &own
	return r
}

// Host is the registry's name in references.
func (r *Registry) Host() string { return r.base.Host }

// acceptManifests are all kinds: without them Harbor says 404 of an OCI manifest.
var acceptManifests = strings.Join([]string{
	imgspec.MediaTypeImageManifest, imgspec.MediaTypeImageIndex, dockerManifest, dockerList,
	"application/vnd.oci.artifact.manifest.v1+json", "*/*",
}, ", ")

// ask sends one request, again and again while that may help, and returns the answer
// if its status is good. The body of the answer is to be closed. Errors of the
// registry are *harbor.Error. Nothing is tried again after a 401: Harbor locks out the
// owner of a password that is wrong.
func (r *Registry) ask(ctx context.Context, method, path string, header http.Header, body func() (io.ReadCloser, error), sizeBytes int64) (*http.Response, error) {
	var paused time.Duration
	for delay := r.delay; ; delay *= 2 {
		resp, err := r.once(ctx, method, path, header, body, sizeBytes)
		if err == nil || !temporary(err) || paused+delay > r.total || ctx.Err() != nil {
			return resp, err
		}
		if err := pause(ctx, delay); err != nil {
			return nil, err
		}
		paused += delay
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// temporary reports whether an error may go away by itself.
func temporary(err error) bool {
	switch harbor.Status(err) {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	case 0:
		var local *localError
		return !errors.As(err, &local)
	}
	return false
}

// localError is a failure of ours, not of the network.
type localError struct{ error }

func (e *localError) Unwrap() error { return e.error }

// mostError bounds what is read of a refusal, in bytes.
const mostError = 64 << 10

func (r *Registry) once(ctx context.Context, method, path string, header http.Header, body func() (io.ReadCloser, error), sizeBytes int64) (*http.Response, error) {
	address, err := r.address(path)
	if err != nil {
		return nil, &localError{err}
	}
	req, err := http.NewRequestWithContext(ctx, method, address.String(), nil)
	if err != nil {
		return nil, &localError{fmt.Errorf("making the request %s %s: %w", method, path, err)}
	}
	if body != nil {
		if req.Body, err = body(); err != nil {
			return nil, &localError{err}
		}
		req.GetBody, req.ContentLength = body, sizeBytes
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", r.agent)
	if r.user != "" {
		req.SetBasicAuth(r.user, r.password)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		var ours *localError
		if errors.As(err, &ours) {
			return nil, ours
		}
		return nil, fmt.Errorf("asking %s: %w", r.base.Host, err)
	}
	if resp.StatusCode < http.StatusMultipleChoices {
		return resp, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, mostError)) // a body that breaks off is no worse than none
	code, message := harbor.ParseError(text)
	return nil, &harbor.Error{Status: resp.StatusCode, Code: code, Message: message, Method: method, Path: address.Path}
}

// address resolves a path, or the address that the registry has given for an upload:
// only on the registry itself, because the password goes there.
func (r *Registry) address(path string) (*url.URL, error) {
	if !strings.Contains(path, "://") {
		u, err := url.Parse(strings.TrimSuffix(r.base.String(), "/") + path)
		if err != nil {
			return nil, fmt.Errorf("making the address of %q: %w", path, err)
		}
		return u, nil
	}
	u, err := url.Parse(path)
	if err != nil {
		return nil, fmt.Errorf("reading the address that %s gave: %w", r.base.Host, err)
	}
	if u.Host != r.base.Host || u.Scheme != r.base.Scheme {
		return nil, fmt.Errorf("%s sends an upload to another host, %s", r.base.Host, u.Host)
	}
	return u, nil
}

// Manifest returns a manifest's bytes, and its media type as the registry says it. A
// manifest that is asked for by digest has it.
func (r *Registry) Manifest(ctx context.Context, repository, reference string) (raw []byte, mediaType string, err error) {
	resp, err := r.ask(ctx, http.MethodGet, "/v2/"+repository+"/manifests/"+reference, http.Header{"Accept": {acceptManifests}}, nil, 0)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	raw, err = io.ReadAll(io.LimitReader(resp.Body, mostManifestBytes+1))
	if err == nil && len(raw) > mostManifestBytes {
		err = fmt.Errorf("it has more than %d bytes", mostManifestBytes)
	}
	if d := digest.Digest(reference); err == nil && d.Validate() == nil {
		err = checkBytes(d, raw)
	}
	if err != nil {
		return nil, "", fmt.Errorf("reading manifest %s of %s: %w", reference, repository, err)
	}
	mediaType, _, _ = strings.Cut(resp.Header.Get("Content-Type"), ";")
	return raw, mediaType, nil
}

// Digest is what a tag or digest stands for now; empty when there is no such thing.
func (r *Registry) Digest(ctx context.Context, repository, reference string) (digest.Digest, error) {
	resp, err := r.ask(ctx, http.MethodHead, "/v2/"+repository+"/manifests/"+reference, http.Header{"Accept": {acceptManifests}}, nil, 0)
	if harbor.Status(err) == http.StatusNotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	d := digest.Digest(resp.Header.Get("Docker-Content-Digest"))
	if err := checkDigest(d); err != nil {
		return "", fmt.Errorf("reading what %s:%s stands for: %w", repository, reference, err)
	}
	return d, nil
}
