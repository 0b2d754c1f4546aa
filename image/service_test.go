package image

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"go.podman.io/image/v5/pkg/docker/config"
)

// TestOptionsOfAService: a service's login is used and no file's, and its directory of
// certificates says whom to trust.
func TestOptionsOfAService(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "ca.crt")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	c := NewClient(Options{Login: &Login{User: "robot$x", Password: "geheim"}, CertificatesDir: dir, AuthFile: filepath.Join(dir, "none")})
	ref, err := ParseReference("harbor.example/p/app:1")
	if err != nil {
		t.Fatal(err)
	}
	auth, err := config.GetCredentialsForRef(&c.base, ref.name)
	if err != nil || auth.Username != "robot$x" || auth.Password != "geheim" {
		t.Errorf("the login is of %q, %v", auth.Username, err)
	}
	e, err := c.endpointFor("harbor.example", &c.base)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := e.client.Get(server.URL)
	if err != nil {
		t.Fatalf("who has signed the certificate is not trusted: %v", err)
	}
	resp.Body.Close()
	plain := NewClient(Options{})
	if e, err = plain.endpointFor("harbor.example", &plain.base); err != nil {
		t.Fatal(err)
	}
	if resp, err := e.client.Get(server.URL); err == nil {
		resp.Body.Close()
		t.Error("it is trusted without the directory, too")
	}
}
