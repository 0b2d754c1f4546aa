package service

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/fault"
)

// certificate is one in files, read again when they change: certificates are renewed
// every few weeks, and nobody restarts a service for that.
type certificate struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	loaded  *tls.Certificate
	state   [2]time.Time
	checked time.Time
}

// recheck is how often the files are looked at, at most.
const recheck = 5 * time.Second

func loadCertificate(cert, key string, log *slog.Logger) (*certificate, error) {
	c := &certificate{cert: cert, key: key, log: log}
	if err := c.load(); err != nil {
		return nil, fault.Newf(err, "correct serve.tls_cert and serve.tls_key in jadm.toml", "cannot use the certificate in %s", cert)
	}
	return c, nil
}

func (c *certificate) load() error {
	state := c.times()
	loaded, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return err
	}
	c.loaded, c.state = &loaded, state
	return nil
}

func (c *certificate) times() (times [2]time.Time) {
	for i, file := range []string{c.cert, c.key} {
		if info, err := os.Stat(file); err == nil {
			times[i] = info.ModTime()
		}
	}
	return times
}

// get is a tls.Config's GetCertificate. New files that do not fit together, because
// only one of them is there yet, leave the old ones in use.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.checked) >= recheck {
		c.checked = now
		if c.times() != c.state {
			if err := c.load(); err != nil {
				c.log.Error("the new certificate cannot be used; the old one is", "error", err.Error())
			} else {
				c.log.Info("the certificate was read again")
			}
		}
	}
	return c.loaded, nil
}
