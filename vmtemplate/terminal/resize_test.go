package terminal_test

import (
	"strings"
	"testing"
)

// TestResize: a question stays whole when the terminal's size changes, and goes on.
func TestResize(t *testing.T) {
	c := begin(t, loggedIn(), "ja", "80x24")
	c.asks("flow.what")
	c.Type("1")
	c.asks("flow.base")
	c.Press("down", "down", "down")
	c.Wait("> shared/python")
	for _, size := range [][2]int{{60, 20}, {40, 12}, {120, 40}, {80, 24}} {
		c.Resize(size[0], size[1])
		c.Until(func() string {
			screen := c.Text()
			if strings.Count(screen, c.say.Say("flow.base")) != 1 || strings.Count(screen, "Ctrl-C") != 1 || !strings.Contains(screen, "> shared/p") {
				return "the question is not whole"
			}
			return ""
		})
	}
	c.Press("enter")
	c.asks("flow.base-tag", "shared/python")
	c.Press("ctrl+c")
	if err := c.end(); err == nil {
		t.Error("the session was not interrupted")
	}
}
