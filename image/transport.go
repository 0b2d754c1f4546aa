package image

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/pkg/tlsclientconfig"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage/pkg/configfile"
)

// Bounds of one request that asks a question. A registry that takes longer is
// as good as none to a job that waits.
const (
	dialTimeout   = 15 * time.Second
	answerTimeout = 60 * time.Second
)

// endpoint is how a registry is spoken to.
type endpoint struct {
	client *http.Client
	host   string
	plain  bool // http is allowed when it does not speak TLS
}

// endpointFor prepares requests to a registry: its certificates are those that
// podman and skopeo take. Cookies are not kept: Harbor answers requests that have
// some with 403.
func (c *Client) endpointFor(host string, sys *types.SystemContext) (*endpoint, error) {
	insecure := sys.DockerInsecureSkipTLSVerify == types.OptionalBoolTrue
	if configured, err := sysregistriesv2.FindRegistry(sys, host); err != nil {
		return nil, fmt.Errorf("reading the registries' configuration: %w", err)
	} else if configured != nil && configured.Insecure {
		insecure = true
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: insecure}
	dir := sys.DockerCertPath
	var err error
	if dir == "" {
		dir, err = certificatesOf(host)
	}
	if err == nil && dir != "" {
		err = tlsclientconfig.SetupCertificates(dir, config)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the certificates of %s: %w", host, err)
	}
	proxy := http.ProxyFromEnvironment
	if sys.DockerProxy != nil {
		proxy = func(r *http.Request) (*url.URL, error) { return sys.DockerProxy(r.URL) }
	}
	return &endpoint{host: host, plain: insecure, client: &http.Client{
		Timeout: answerTimeout,
		Transport: &http.Transport{
			Proxy:               proxy,
			DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSClientConfig:     config,
			TLSHandshakeTimeout: dialTimeout,
			IdleConnTimeout:     time.Minute,
		},
	}}, nil
}

// dockerHub is a registry by another name than its host's.
const dockerHub = "docker.io"

// apiHost is the host that answers for a registry.
func apiHost(registry string) string {
	if registry == dockerHub {
		return "registry-1.docker.io"
	}
	return registry
}

// stopwatch measures how long the other side thinks about a request: from its last
// byte to the first of the answer. The way there, with names, connections and TLS,
// does not count.
type stopwatch struct {
	sent, answered atomic.Int64 // Unix nanoseconds
}

func (s *stopwatch) on(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest:         func(httptrace.WroteRequestInfo) { s.sent.Store(time.Now().UnixNano()) },
		GotFirstResponseByte: func() { s.answered.Store(time.Now().UnixNano()) },
	})
}

func (s *stopwatch) took() time.Duration {
	return max(0, time.Duration(s.answered.Load()-s.sent.Load()))
}

// certificatesOf is the first directory certs.d/HOST of those that image/v5
// looks at, or empty.
func certificatesOf(host string) (string, error) {
	paths, err := configfile.GetSearchPaths(&configfile.File{
		Name: "certs", Extension: "d", DoNotUseExtensionForConfigName: true, UserId: os.Getuid(),
	})
	if err != nil {
		return "", err
	}
	for _, dir := range append(paths.DropInDirectories, "/etc/docker/certs.d") {
		path := filepath.Join(dir, host)
		_, err := os.Stat(path)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return "", err
		}
	}
	return "", nil
}

// do makes a request of the registry itself: path begins with /v2/ or /api/.
func (e *endpoint) do(ctx context.Context, method, path string, header http.Header) (*http.Response, error) {
	schemes := []string{"https"}
	if e.plain {
		schemes = append(schemes, "http")
	}
	var failed error
	for _, scheme := range schemes {
		request, err := http.NewRequestWithContext(ctx, method, scheme+"://"+e.host+path, nil)
		if err != nil {
			return nil, fmt.Errorf("asking %s: %w", e.host, err)
		}
		request.Header = header
		response, err := e.client.Do(request)
		if err == nil {
			e.plain = scheme == "http"
			return response, nil
		}
		failed = errors.Join(failed, err)
		var record tls.RecordHeaderError
		if !errors.Is(err, http.ErrSchemeMismatch) && !errors.As(err, &record) {
			return nil, err
		}
	}
	return nil, failed
}

// base is the address of the registry, once it has answered.
func (e *endpoint) base() string {
	if e.plain {
		return "http://" + e.host
	}
	return "https://" + e.host
}
