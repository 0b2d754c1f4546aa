package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/rootless"
)

// defaultListen is where the page is if nobody says otherwise.
const defaultListen = "127.0.0.1:8787"

// listening is where the page is served.
type listening struct {
	listeners []net.Listener
	activated bool // a service manager has opened them
	secure    bool
	tls       *tls.Config
}

// listeners opens what is asked for, or takes what a service manager has opened. What
// others than this machine can reach is served with TLS only.
func (o *webOptions) listeners(ctx context.Context) (at *listening, err error) {
	at = &listening{}
	if (o.cert == "") != (o.key == "") {
		return nil, message.Fail(message.Of("web.half"), nil, message.Of("web.half.next"))
	}
	if o.cert != "" {
		c := &certificate{cert: o.cert, key: o.key}
		if _, err := c.get(nil); err != nil {
			return nil, message.Fail(message.Of("web.certificate", o.cert, o.key), err, message.Of("web.half.next"))
		}
		at.secure, at.tls = true, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
	}
	for _, f := range rootless.Passed() {
		l, err := net.FileListener(f)
		f.Close()
		if err != nil {
			at.close()
			return nil, message.Fail(message.Of("web.passed"), err)
		}
		at.listeners, at.activated = append(at.listeners, l), true
	}
	if !at.activated {
		l, err := o.openListener(ctx)
		if err != nil {
			return nil, err
		}
		at.listeners = append(at.listeners, l)
	}
	for _, l := range at.listeners {
		if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() && !at.secure {
			at.close()
			return nil, message.Fail(message.Of("web.unsafe", l.Addr()), nil, message.Of("web.unsafe.cert"), message.Of("web.unsafe.tunnel"))
		}
	}
	return at, nil
}

// openListener opens the address that is asked for; without any, another port if the
// usual one is taken.
func (o *webOptions) openListener(ctx context.Context) (net.Listener, error) {
	var open net.ListenConfig
	if o.listen != "" {
		l, err := open.Listen(ctx, "tcp", o.listen)
		if err != nil {
			return nil, message.Fail(message.Of("web.taken", o.listen), err, message.Of("web.taken.next"))
		}
		return l, nil
	}
	l, err := open.Listen(ctx, "tcp", defaultListen)
	if errors.Is(err, syscall.EADDRINUSE) {
		l, err = open.Listen(ctx, "tcp", "127.0.0.1:0")
	}
	if err != nil {
		return nil, message.Fail(message.Of("web.taken", defaultListen), err, message.Of("web.taken.next"))
	}
	return l, nil
}

func (at *listening) close() {
	for _, l := range at.listeners {
		_ = l.Close()
	}
}

// remembered is the file of who is logged in, if that may outlast this process. While none
// serves, another user of the machine can listen on its port, and get from a page that
// is still open all that lets it in. That must be worth nothing: only where a service
// manager holds the port, or a certificate says who serves, it is remembered.
func (at *listening) remembered(c control) string {
	if at.activated || at.secure {
		return c.sessions()
	}
	return ""
}

// names are those by which the page may be called.
func (at *listening) names(hosts []string) []string {
	for _, l := range at.listeners {
		if a, ok := l.Addr().(*net.TCPAddr); ok && !a.IP.IsUnspecified() {
			hosts = append(slices.Clip(hosts), a.IP.String())
		}
	}
	return hosts
}

// address is the page's. With TLS it has a name of the certificate, if one is known.
func (at *listening) address(hosts []string) string {
	a := at.listeners[0].Addr().(*net.TCPAddr) // listeners has looked
	host := a.IP.String()
	if at.secure && len(hosts) > 0 {
		host = hosts[0]
	} else if a.IP.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http"
	if at.secure {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(a.Port)) + "/"
}

// certificate is read anew when its files have changed: they are renewed every few
// months, and nobody starts the page anew for that.
type certificate struct {
	cert, key string

	mu   sync.Mutex
	at   time.Time // when the file was written
	read *tls.Certificate
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	info, err := os.Stat(c.cert)
	if err == nil && c.read != nil && info.ModTime().Equal(c.at) {
		return c.read, nil
	}
	read, loadErr := tls.LoadX509KeyPair(c.cert, c.key)
	if err = errors.Join(err, loadErr); err != nil {
		if c.read != nil {
			return c.read, nil // one of the two is not written yet
		}
		return nil, err
	}
	c.read, c.at = &read, info.ModTime()
	return c.read, nil
}
