// Package registry runs Debian's docker-registry, an implementation that others
// wrote, for tests and benchmarks.
package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Server is a running docker-registry.
type Server struct {
	Host  string // address and port
	Data  string // its storage
	cmd   *exec.Cmd
	ended chan struct{}  // closed when it has
	roots *x509.CertPool // who has signed its certificate; nil without TLS
}

// Certificate is what a registry shows.
type Certificate struct {
	Cert, Key string // PEM files
	Roots     *x509.CertPool
}

// Start runs a registry on a free port of the loopback interface, with
// everything in dir. passwords is a htpasswd file's content, empty for none.
func Start(ctx context.Context, dir, passwords string) (*Server, error) {
	return start(ctx, dir, passwords, nil)
}

// StartTLS is Start of a registry that speaks TLS.
func StartTLS(ctx context.Context, dir, passwords string, c Certificate) (*Server, error) {
	return start(ctx, dir, passwords, &c)
}

// errEnded is wrapped when a registry has ended by itself.
var errEnded = errors.New("docker-registry has ended")

func start(ctx context.Context, dir, passwords string, c *Certificate) (*Server, error) {
	const attempts = 5 // somebody may take the port between the asking and the using
	for i := 1; ; i++ {
		r, err := startOnce(ctx, dir, passwords, c)
		if err == nil || i == attempts || !errors.Is(err, errEnded) {
			return r, err
		}
	}
}

func startOnce(ctx context.Context, dir, passwords string, c *Certificate) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Server{Host: listener.Addr().String(), Data: filepath.Join(dir, "data"), ended: make(chan struct{})}
	listener.Close()
	if err := os.MkdirAll(r.Data, 0o700); err != nil {
		return nil, err
	}
	config := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"+
		"storage: {filesystem: {rootdirectory: %s}}\nhttp:\n  addr: %s\n", r.Data, r.Host)
	if c != nil {
		config += fmt.Sprintf("  tls: {certificate: %s, key: %s}\n", c.Cert, c.Key)
		r.roots = c.Roots
	}
	if passwords != "" {
		path := filepath.Join(dir, "htpasswd")
		if err := os.WriteFile(path, []byte(passwords), 0o600); err != nil {
			return nil, err
		}
		config += fmt.Sprintf("auth: {htpasswd: {realm: test, path: %s}}\n", path)
	}
	configPath := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(configPath, []byte(config), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	r.cmd = exec.Command("docker-registry", "serve", configPath)
	r.cmd.Stdout, r.cmd.Stderr = log, log
	// It must not outlive a caller that is killed.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting docker-registry (installed by integration/setup.sh test): %w", err)
	}
	go func() {
		_ = r.cmd.Wait()
		close(r.ended)
	}()
	if err := r.await(ctx); err != nil {
		r.Stop()
		text, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("waiting for docker-registry: %w\n%s", err, text)
	}
	return r, nil
}

func (r *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute) // for what would never answer
	defer cancel()
	scheme, client := "http", http.DefaultClient
	if r.roots != nil {
		scheme, client = "https", &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: r.roots}}}
	}
	for {
		response, err := client.Get(scheme + "://" + r.Host + "/v2/")
		if err == nil {
			response.Body.Close()
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-r.ended:
			return errEnded
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop kills the registry. Its files stay.
func (r *Server) Stop() {
	r.cmd.Process.Kill()
	<-r.ended
}
