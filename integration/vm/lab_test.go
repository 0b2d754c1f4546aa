//go:build vm

package vm

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/jrun-hpc/jrun/integration/images"
	"github.com/jrun-hpc/jrun/integration/registry"
	template "github.com/jrun-hpc/jrun/vmtemplate/vm"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/ssh"
)

// The user, at the registry and in the machine.
const (
	student  = "student"
	password = "correct horse"
)

// outside is the address of this side of QEMU's user network, as the machine sees it.
const outside = "10.0.2.2"

// lab is a registry whose certificate is signed by a CA of its own, and a seed disk that
// makes a machine trust it.
type lab struct {
	registry *registry.Server
	inside   string // the registry's address in the machine
	seed     string
	key      ed25519.PrivateKey
}

func newLab(ctx context.Context, t *testing.T) *lab {
	t.Helper()
	dir := t.TempDir()
	caFile, certificate := certificates(t, dir)
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{}
	if l.registry, err = registry.StartTLS(ctx, filepath.Join(dir, "registry"), student+":"+string(hash)+"\n", certificate); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.registry.Stop)
	_, port, _ := net.SplitHostPort(l.registry.Host)
	l.inside = net.JoinHostPort(outside, port)
	t.Setenv("SSL_CERT_FILE", caFile) // for what runs out here
	img, err := images.Minimal(ctx, images.Docker)
	if err != nil {
		t.Fatal(err)
	}
	if err := images.Push(ctx, l.registry.Host+"/base/debian:12", img, &authn.Basic{Username: student, Password: password}); err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	l.key = private
	line, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	l.seed = filepath.Join(dir, "seed.iso")
	site, err := template.Load(l.site(t, dir, caFile, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(line)))))
	if err == nil {
		err = site.Seed(ctx, l.seed)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// site writes the example of a site's values with what is different here.
func (l *lab) site(t *testing.T, dir, ca, key string) string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(template.Example) {
		name, _, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(name) {
		case "ca":
			line = fmt.Sprintf("ca = %q\n", ca)
		case "registry":
			line = fmt.Sprintf("registry = %q\n", l.inside)
		case "ssh_keys":
			line = fmt.Sprintf("ssh_keys = [%q]\n", key)
		case "swap_mib":
			line = "swap_mib = 256\n"
		}
		lines = append(lines, line)
	}
	file := filepath.Join(dir, "site.toml")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// certificates makes a CA and, signed by it, a certificate for the addresses that the
// registry has out here and in the machine.
func certificates(t *testing.T, dir string) (caFile string, server registry.Certificate) {
	t.Helper()
	caKey, key := newKey(t), newKey(t)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a site's own CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "registry"}, IPAddresses: []net.IP{net.ParseIP(outside), net.ParseIP("127.0.0.1")},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	caFile = write("ca.pem", "CERTIFICATE", caDER)
	server = registry.Certificate{Cert: write("cert.pem", "CERTIFICATE", leafDER), Key: write("key.pem", "PRIVATE KEY", keyDER), Roots: x509.NewCertPool()}
	parsed, err := x509.ParseCertificate(caDER)
	if err != nil {
		t.Fatal(err)
	}
	server.Roots.AddCert(parsed)
	return caFile, server
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
