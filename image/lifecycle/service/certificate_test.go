package service

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// writeCertificate makes one with a serial number.
func writeCertificate(t *testing.T, cert, key string, serial int64) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "jadm"}, NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	check(t, err)
	check(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	check(t, err)
	check(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600))
}

// TestCertificatesAreRenewed while the service runs; half of a new pair changes nothing.
func TestCertificatesAreRenewed(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	log := slog.New(slog.DiscardHandler)
	if _, err := loadCertificate(cert, key, log); err == nil {
		t.Error("files that are not there are taken")
	}
	writeCertificate(t, cert, key, 1)
	c, err := loadCertificate(cert, key, log)
	check(t, err)
	serial := func() int64 {
		t.Helper()
		c.checked = time.Time{}
		got, err := c.get(nil)
		check(t, err)
		return got.Leaf.SerialNumber.Int64()
	}
	if serial() != 1 {
		t.Error("it is another")
	}
	later := time.Now().Add(time.Hour)
	check(t, os.WriteFile(key, []byte("half"), 0o600))
	check(t, os.Chtimes(key, later, later))
	if serial() != 1 {
		t.Error("half a pair is used")
	}
	writeCertificate(t, cert, key, 2)
	check(t, os.Chtimes(cert, later, later))
	if serial() != 2 {
		t.Error("the new pair is not used")
	}
}
