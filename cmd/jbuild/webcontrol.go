package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"golang.org/x/sys/unix"
)

// control is how a jbuild web and other commands of the same user find each other: a
// socket that gives whoever of them connects a link. There is one server for each user
// and directory of workspaces.
type control struct{ dir, name string }

// errHeld is returned by hold when there is a server already.
var errHeld = errors.New("another jbuild web runs")

func controlOf(data string) (control, error) {
	dir, err := workspace.RunDir()
	if err != nil {
		return control{}, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return control{}, fmt.Errorf("making %s: %w", dir, err)
	}
	sum := sha256.Sum256([]byte(filepath.Clean(data)))
	return control{dir, "web-" + hex.EncodeToString(sum[:4])}, nil
}

func (c control) socket() string { return c.runPath(".sock") }

// sessions is the file of who is logged in.
func (c control) sessions() string { return c.runPath(".sessions") }

// hold makes this process the server, until release. The kernel lets go of the lock
// however the process ends.
func (c control) hold() (release func(), err error) {
	f, err := os.OpenFile(c.runPath(".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("making this the server: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, errHeld
	}
	return func() { f.Close() }, nil
}

// serve gives links to who asks. The process holds the control.
func (c control) serve(next func() link) (stop func(), err error) {
	_ = os.Remove(c.socket()) // of a server that was killed
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: c.socket()})
	if err != nil {
		return nil, fmt.Errorf("making a socket for jbuild web --link: %w", err)
	}
	if err := os.Chmod(c.socket(), 0o600); err != nil {
		l.Close()
		return nil, err
	}
	go func() {
		for {
			conn, err := l.AcceptUnix()
			if err != nil {
				return
			}
			if isOwn(conn) {
				_ = conn.SetDeadline(time.Now().Add(time.Second))
				_ = json.NewEncoder(conn).Encode(next()) // it may be gone
			}
			conn.Close()
		}
	}()
	return func() { l.Close() }, nil
}

// isOwn reports whether a process of the same user asks; another user's has another id
// in this namespace, or none.
func isOwn(conn *net.UnixConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	own := false
	err = raw.Control(func(fd uintptr) {
		who, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		own = err == nil && int(who.Uid) == os.Getuid()
	})
	return err == nil && own
}

// ask gets a link from the server that runs.
func (c control) ask(ctx context.Context) (l link, err error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", c.socket())
	if err != nil {
		return l, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	return l, json.NewDecoder(conn).Decode(&l)
}

// How long a server that has just been started may take to answer.
const (
	startWithin = 30 * time.Second
	lookEvery   = 100 * time.Millisecond
)

// wake is ask where a service manager starts the server when somebody connects to its
// address; l and err are what ask has just returned.
func (c control) wake(ctx context.Context, l link, err error, listen string) (link, error) {
	if err == nil {
		return l, nil
	}
	if listen == "" {
		listen = defaultListen
	}
	d := net.Dialer{Timeout: time.Second}
	conn, refused := d.DialContext(ctx, "tcp", listen)
	if refused != nil {
		return l, err
	}
	defer conn.Close()
	return c.await(ctx)
}

// await asks until there is an answer.
func (c control) await(ctx context.Context) (link, error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		l, err := c.ask(ctx)
		if err == nil || !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return l, err
		case <-time.After(lookEvery):
		}
	}
}
