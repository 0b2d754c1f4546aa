package terminal_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/flow/fakeengine"
)

// TestContextEnds: a session that is ended from outside (SIGTERM, a broken line) tells
// so and gives the terminal back, whatever it is doing.
func TestContextEnds(t *testing.T) {
	for _, kind := range []string{"80x24", "dumb"} {
		for name, doing := range map[string]struct {
			until func(c *conversation)
			told  string
		}{
			"a question": {func(c *conversation) { c.asks("flow.what") }, "flow.interrupted"},
			"an upload": {func(c *conversation) {
				c.asks("flow.what")
				c.pick(kind, "3")
				c.asks("flow.which.upload")
				c.Type("\r")
				c.asks("flow.image")
				c.Type("\r")
				c.asks("flow.tag")
				c.Type("\r")
				c.Wait("68 %")
			}, "flow.interrupted"},
			"a shell": {func(c *conversation) {
				c.asks("flow.what")
				c.pick(kind, "2")
				c.asks("flow.which.continue")
				c.Type("\r")
				c.Wait("[cfd] ~ #")
			}, "flow.interrupted"},
		} {
			t.Run(kind+" "+name, func(t *testing.T) {
				engine := loggedIn()
				engine.Hold = make(chan struct{})
				ctx, cancel := context.WithCancel(t.Context())
				c := beginIn(ctx, t, engine, "ja", kind)
				doing.until(c)
				cancel()
				if err := c.end(); !errors.Is(err, context.Canceled) {
					t.Errorf("the session ended with %v", err)
				}
				c.asks(doing.told)
				c.restored()
			})
		}
	}
}

// pick chooses a row by its number.
func (c *conversation) pick(kind, number string) {
	if kind == "dumb" {
		number += "\r"
	}
	c.Type(number)
}

// TestTerminalGone: a session whose terminal goes away ends.
func TestTerminalGone(t *testing.T) {
	c := begin(t, fakeengine.New(), "en", "80x24")
	c.asks("flow.login.user", "harbor.example.ac.jp")
	c.Hang()
	if err := c.end(); !errors.Is(err, flow.ErrFaceGone) {
		t.Errorf("the session ended with %v", err)
	}
}
