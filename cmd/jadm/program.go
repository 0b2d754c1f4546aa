package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

// program is what all commands share: the flags that each has, and what is made of
// them when a command asks for it.
type program struct {
	config string
	json   bool
	dryRun bool

	serving bool      // it is jadm serve
	told    sync.Once // that it waits
	loaded  *settings.Settings

	mu   sync.Mutex // tasks of jadm serve ask for clients at any time
	asks struct {
		password string
		client   *harbor.Client
	}
}

// settings reads jadm.toml, once.
func (p *program) settings() (*settings.Settings, error) {
	if p.loaded != nil {
		return p.loaded, nil
	}
	s, err := settings.Load(p.file())
	p.loaded = s
	return s, err
}

// file is where jadm.toml is.
func (p *program) file() string {
	if p.config != "" {
		return p.config
	}
	if file := os.Getenv("JADM_CONFIG"); file != "" {
		return file
	}
	return settings.DefaultFile
}

// administrator is how the site's Harbor is reached as its administrator. The password is
// nowhere but in memory.
func (p *program) administrator() (s *settings.Settings, password string, client *http.Client, err error) {
	if s, err = p.settings(); err != nil {
		return nil, "", nil, err
	}
	if password, err = settings.ReadSecret(s.Harbor.PasswordFile); err != nil {
		return nil, "", nil, err
	}
	client, err = httpClient(s.Harbor.CAFile)
	return s, password, client, err
}

// harbor is the client of the site's Harbor, as its administrator. There is one, so that
// there is one session; another one after the password in its file has changed.
func (p *program) harbor() (*harbor.Client, error) {
	s, password, client, err := p.administrator()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asks.client == nil || p.asks.password != password {
		p.asks.password = password
		p.asks.client = harbor.New(harbor.Options{
			Base: s.Harbor.Base(), HTTP: client, User: s.Harbor.User, Password: password, Session: true, UserAgent: "jadm/" + version(),
		})
	}
	return p.asks.client, nil
}

// goodbye is how long Harbor may take to end a session.
const goodbye = 2 * time.Second

// close leaves no session open at Harbor, where it would end by itself after an hour.
func (p *program) close() {
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asks.client != nil {
		p.asks.client.EndSession(ctx)
	}
}

// httpClient trusts those that the system trusts, and whoever is in caFile.
func httpClient(caFile string) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fault.Newf(err, "correct harbor.ca_file in jadm.toml", "cannot read the certificates in %s", caFile)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fault.Newf(errors.New("there is no certificate in PEM in it"), "correct harbor.ca_file in jadm.toml", "cannot use the certificates in %s", caFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: transport, Timeout: time.Minute}, nil
}

// desk is where jadm works: what nearly all commands want.
type desk struct {
	*settings.Settings
	state state.Dir
	audit audit.Recorder
}

// desk reads jadm.toml.
func (p *program) desk() (desk, error) {
	s, err := p.settings()
	if err != nil {
		return desk{}, err
	}
	return desk{s, p.documents(s), audit.Open(auditFile(s), actor())}, nil
}

// state is what jadm remembers.
func (p *program) state() (state.Dir, error) {
	s, err := p.settings()
	if err != nil {
		return state.Dir{}, err
	}
	return p.documents(s), nil
}

// documents are what jadm remembers. Who has typed a command hears of it when another jadm
// keeps it waiting; jadm serve waits for its own tasks all the time.
func (p *program) documents(s *settings.Settings) state.Dir {
	if p.serving {
		return state.Open(s.State)
	}
	return state.Open(s.State).Telling(func(string) {
		p.told.Do(func() {
			fmt.Fprintln(os.Stderr, "jadm: waiting for another jadm to end what it is at; Ctrl-C twice gives up")
		})
	})
}

// recorder is the audit log.
func (p *program) recorder() (audit.Recorder, error) {
	s, err := p.settings()
	if err != nil {
		return nil, err
	}
	return audit.Open(auditFile(s), actor()), nil
}

func auditFile(s *settings.Settings) string { return filepath.Join(s.State, "audit.jsonl") }

// actor is who runs jadm: the account, and who became it with sudo.
func actor() string {
	name := strconv.Itoa(os.Getuid())
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if by := os.Getenv("SUDO_USER"); by != "" {
		return fmt.Sprintf("%s (sudo by %s)", name, by)
	}
	return name
}

// printJSON writes a value for programs.
func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
