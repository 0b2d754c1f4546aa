package terminal_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/flow/fakeengine"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// stop is a question on the way: how it is known, what goes on from it, and where Esc leads.
type stop struct {
	name   string
	asks   message.Text
	answer func(c *conversation)
	back   message.Text // what is on the screen after Esc
}

func typed(text string) func(*conversation) { return func(c *conversation) { c.Type(text) } }

func pressed(keys ...string) func(*conversation) { return func(c *conversation) { c.Press(keys...) } }

// way is every question of the whole journey, with secrets and a tag that exists.
var way = []stop{
	{"user", message.Of("flow.login.user", "harbor.example.ac.jp"), typed("taro\r"), message.Of("flow.bye")},
	{"password", message.Of("flow.login.password", "taro"), typed("himitsu\r"), message.Of("flow.login.user", "harbor.example.ac.jp")},
	{"what", message.Of("flow.what"), typed("1"), message.Of("flow.bye")},
	{"base", message.Of("flow.base"), func(c *conversation) { c.Type("python\r") }, message.Of("flow.what")},
	{"base-tag", message.Of("flow.base-tag", "shared/python"), pressed("enter"), message.Of("flow.base")},
	{"workspace", message.Of("flow.workspace"), typed("cfd\r"), message.Of("flow.base-tag", "shared/python")},
	{"shell", message.Plain("[cfd] ~ #"), typed("exit\r"), message.Text{}},
	{"next", message.Of("flow.next"), pressed("enter"), message.Of("flow.inside.exit")},
	{"suspects", message.Of("flow.suspects.ask"), pressed("enter"), message.Of("flow.next")},
	{"image", message.Of("flow.image"), pressed("enter"), message.Of("flow.suspects.ask")},
	{"tag", message.Of("flow.tag"), typed("3\r"), message.Of("flow.image")},
	{"overwrite", message.Of("flow.overwrite", "taro/cfd:3"), typed("2"), message.Of("flow.tag")},
	{"upload-again", message.Of("flow.again"), pressed("enter"), message.Of("flow.overwrite", "taro/cfd:3")},
	{"kind", message.Of("flow.kind"), pressed("enter"), message.Of("flow.done.again", "cfd")},
	{"file", message.Of("flow.script"), typed("job.sh\r"), message.Of("flow.kind")},
	{"what-again", message.Of("flow.done.copy"), nil, message.Of("flow.bye")},
}

// travel answers the questions before stop n.
func travel(t *testing.T, lang string, n int) *conversation {
	engine := fakeengine.New()
	engine.Changed.Suspects = []flow.Suspect{{Path: "/root/key.pem", Why: message.Plain("a private key")}}
	engine.UploadErrs = []error{flow.ErrUnreachable}
	c := begin(t, engine, lang, "80x24")
	for _, s := range way[:n] {
		c.Wait(c.say.Text(s.asks))
		s.answer(c)
	}
	c.Wait(c.say.Text(way[n].asks))
	return c
}

// TestEscAtEveryQuestion: it leads to the question before.
func TestEscAtEveryQuestion(t *testing.T) {
	for n, s := range way {
		if s.back.Empty() {
			continue // in the shell Esc is the shell's
		}
		for _, lang := range message.Languages {
			t.Run(s.name+"-"+lang, func(t *testing.T) {
				t.Parallel()
				c := travel(t, lang, n)
				if s.name == "what-again" {
					c.asks("flow.what")
				}
				c.Press("esc")
				c.Wait(c.say.Text(s.back))
				c.picture(fmt.Sprintf("5-esc-%02d-%s", n+1, s.name))
			})
		}
	}
}

// TestInterruptAtEveryQuestion: Ctrl-C ends the session, says that nothing is lost and
// how to go on, and gives the terminal back.
func TestInterruptAtEveryQuestion(t *testing.T) {
	for n, s := range way {
		if s.back.Empty() {
			continue // in the shell it is the shell's
		}
		for _, lang := range message.Languages {
			t.Run(s.name+"-"+lang, func(t *testing.T) {
				t.Parallel()
				c := travel(t, lang, n)
				if s.name == "what-again" {
					c.asks("flow.what")
				}
				c.Press("ctrl+c")
				if err := c.end(); !errors.Is(err, flow.ErrInterrupted) {
					t.Errorf("the session ended with %v", err)
				}
				c.asks("flow.interrupted")
				c.picture(fmt.Sprintf("6-interrupt-%02d-%s", n+1, s.name))
				c.restored()
			})
		}
	}
}
