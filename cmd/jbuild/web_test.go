package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"testing"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// TestListeners: nobody else can read along.
func TestListeners(t *testing.T) {
	for name, o := range map[string]webOptions{
		"all addresses":    {listen: "0.0.0.0:0"},
		"all of IPv6":      {listen: "[::]:0"},
		"half":             {listen: "127.0.0.1:0", cert: "x"},
		"no certificate":   {listen: "127.0.0.1:0", cert: "missing", key: "missing"},
		"nobody's address": {listen: "192.0.2.1:1"},
	} {
		at, err := o.listeners(t.Context())
		var fail *message.Error
		if !errors.As(err, &fail) {
			t.Errorf("%s: %v, %v", name, at, err)
		}
	}
	at, err := (&webOptions{listen: "127.0.0.1:0"}).listeners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer at.close()
	taken := webOptions{listen: at.listeners[0].Addr().String()}
	if _, err := taken.listeners(t.Context()); err == nil {
		t.Error("a port that is asked for is taken twice")
	}
}

// TestControl: one server, which gives links that differ; a socket that is left over does
// not hinder the next one.
func TestControl(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	c, err := controlOf("/data")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.ask(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nobody is there: %v", err)
	}
	if other, err := controlOf("/other"); err != nil || other.socket() == c.socket() {
		t.Errorf("two directories have one server: %v", err)
	}
	release, err := c.hold()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.hold(); !errors.Is(err, errHeld) {
		t.Errorf("two servers: %v", err)
	}
	left, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", c.socket())
	if err != nil {
		t.Fatal(err)
	}
	left.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = left.Close()
	given := 0
	stop, err := c.serve(func() link { given++; return link{"http://127.0.0.1:1/", string(rune('a' + given))} })
	if err != nil {
		t.Fatal(err)
	}
	one, err := c.ask(t.Context())
	two, err2 := c.ask(t.Context())
	if err != nil || err2 != nil || one == two || one.String() != "http://127.0.0.1:1/#invitation=b" {
		t.Errorf("%v %v, %v %v", one, two, err, err2)
	}
	if info, err := os.Stat(c.socket()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	stop()
	release()
	if again, err := c.hold(); err != nil {
		t.Error(err)
	} else {
		again()
	}
}
