package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/web"
	"github.com/jrun-hpc/jrun/vmtemplate/web/desk"
	"github.com/jrun-hpc/jrun/vmtemplate/web/guard"
)

// TestRemembered: who is logged in outlasts this process only where nobody else can be
// taken for it meanwhile.
func TestRemembered(t *testing.T) {
	c := control{dir: "/run", name: "web"}
	for name, tt := range map[string]struct {
		at   listening
		want string
	}{
		"started by hand":      {listening{}, ""},
		"a manager's port":     {listening{activated: true}, "/run/web.sessions"},
		"with a certificate":   {listening{secure: true}, "/run/web.sessions"},
		"both, as in the VM's": {listening{activated: true, secure: true}, "/run/web.sessions"},
	} {
		if got := tt.at.remembered(c); got != tt.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestOddRunDir: a directory that others may write to has neither links nor sessions.
func TestOddRunDir(t *testing.T) {
	run := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", run)
	dir := filepath.Join(run, "jbuild")
	if _, err := controlOf("/data"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := controlOf("/data"); err == nil {
		t.Error("one that everybody may write to is used")
	}
	if err := errors.Join(os.Remove(dir), os.Symlink(t.TempDir(), dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := controlOf("/data"); err == nil {
		t.Error("a link to one is used")
	}
}

// TestCrowd: connections that say nothing do not keep the owner out.
func TestCrowd(t *testing.T) {
	at, err := (&webOptions{listen: "127.0.0.1:0"}).listeners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	end := at.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }), func(error) {})
	defer end()
	address := at.listeners[0].Addr().String()
	var silent []net.Conn
	defer func() {
		for _, c := range silent {
			_ = c.Close()
		}
	}()
	for range 2 * mostConnections {
		c, err := (&net.Dialer{Timeout: 20 * time.Second}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		silent = append(silent, c)
	}
	client := &http.Client{Timeout: headerWithin / 2, Transport: &http.Transport{}} // before any of them is too slow
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	_ = silent[0].SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := silent[0].Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the oldest is open: %v", err)
	}
}

// certificates makes a certificate of this machine's own for an address.
func certificates(t *testing.T, ip net.IP) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "vm"}, NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{ip}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := errors.Join(os.WriteFile(cert, public, 0o600), os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600)); err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(public)
	return cert, key, pool
}

// outside is an address of this machine by which others reach it, or one of loopback that
// is not the usual one.
func outside() net.IP {
	all, _ := net.InterfaceAddrs()
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil {
			return n.IP
		}
	}
	return net.IPv4(127, 0, 0, 2)
}

// TestTLS: by an address that others reach, the page has TLS only, the browser is told to
// stay with it, and the cookie goes nowhere else.
func TestTLS(t *testing.T) {
	ip := outside()
	var o webOptions
	var pool *x509.CertPool
	o.listen = net.JoinHostPort(ip.String(), "0")
	if !ip.IsLoopback() {
		if at, err := o.listeners(t.Context()); err == nil {
			at.close()
			t.Error("it is served without TLS")
		}
	}
	o.cert, o.key, pool = certificates(t, ip)
	at, err := o.listeners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keeper, err := guard.New(guard.Options{Hosts: at.names(nil), Secure: at.secure, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	printer, _ := message.For("en")
	server := web.New(web.Options{Desk: desk.New(time.Now), Guard: keeper, Printer: printer})
	end := at.serve(server.Handler(), func(err error) { t.Error(err) })
	defer end()
	defer server.Close()
	address := strings.TrimSuffix(at.address(nil), "/")
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/api/login", strings.NewReader(`{"invitation":"`+keeper.Invite()+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", address)
	answer, err := browser.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	_, proof, ok := strings.Cut(strings.TrimSuffix(strings.TrimSpace(string(text)), `"}`), `":"`)
	if answer.StatusCode != http.StatusOK || !ok {
		t.Fatalf("%d %s", answer.StatusCode, text)
	}
	if answer.Header.Get("Strict-Transport-Security") == "" {
		t.Error("the browser may come without TLS")
	}
	cookie := answer.Cookies()[0]
	if cookie.Name != "__Host-jbuild" || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.Domain != "" {
		t.Errorf("the cookie is %s", cookie.Raw)
	}
	c, _, err := websocket.Dial(t.Context(), address+"/api/desk", &websocket.DialOptions{
		HTTPClient:   &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}},
		HTTPHeader:   http.Header{"Origin": {address}},
		Subprotocols: []string{guard.Protocol, "session." + proof},
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.CloseNow()
	_, err = tls.DialWithDialer(&net.Dialer{}, "tcp", at.listeners[0].Addr().String(), &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS11})
	if err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}
