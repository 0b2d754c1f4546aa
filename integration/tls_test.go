//go:build e2e

package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// notLoopback is an address that RFC 5737 reserves for documentation. A test
// gives it to the loopback interface: nobody else can reach it, and jrun cannot
// know.
const notLoopback = "192.0.2.1"

// remoteHost starts a server on an address that does not look local and passes
// everything to the lab's registry, with TLS if there is a certificate. It
// returns host and port.
func remoteHost(t *testing.T, certificate *tls.Certificate) string {
	t.Helper()
	needRoot(t, "gives an address to the loopback interface")
	needTool(t, "ip")
	if out, err := exec.Command("ip", "address", "replace", notLoopback+"/32", "dev", "lo").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("ip", "address", "delete", notLoopback+"/32", "dev", "lo").CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	target, err := url.Parse("http://" + lab.registry.Host)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
	})
	server.Listener.Close()
	if server.Listener, err = net.Listen("tcp", notLoopback+":0"); err != nil {
		t.Fatal(err)
	}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that refuse the certificate
	if certificate != nil {
		server.TLS = &tls.Config{Certificates: []tls.Certificate{*certificate}}
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// selfSigned makes a certificate that nobody knows, and its PEM text.
func selfSigned(t *testing.T) (*tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(notLoopback)},
		IsCA:        true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, string(text)
}

func TestSelfSignedCertificate(t *testing.T) {
	certificate, text := selfSigned(t)
	host := remoteHost(t, certificate)
	s := freshSession(t)
	image := host + "/demo/static:latest"
	s.run("pull", image).wantFault(125, host, "certificate", "--tls-verify=false", "certs.d")
	requireEmpty(s)
	s.ok("pull", "-q", "--tls-verify=false", image)
	s.ok("rm", "-q", image)

	// What the message advises works.
	s.env["HOME"] = s.dir
	certs := filepath.Join(s.dir, ".config", "containers", "certs.d", host)
	if out, err := exec.Command("mkdir", "-p", certs).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	giveAway(t, s)
	s.write(filepath.Join(".config", "containers", "certs.d", host, "ca.crt"), text, 0o644)
	s.ok("pull", "-q", image)
	s.ok("run", "-q", image)
}

// TestPlainHTTP: only loopback may be spoken to without TLS unless one says so.
func TestPlainHTTP(t *testing.T) {
	host := remoteHost(t, nil)
	s := freshSession(t)
	image := host + "/demo/static:latest"
	s.run("pull", image).wantFault(125, host, "TLS", "--tls-verify=false")
	requireEmpty(s)
	s.ok("pull", "-q", "--tls-verify=false", image)
	s.ok("pull", "-q", ref("demo/static:latest"))
}
