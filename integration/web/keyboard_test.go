//go:build e2e

package web

import (
	"fmt"
	"strings"
	"testing"
)

// reach moves the keyboard with Tab until it is on what says a text, as somebody does who
// has no mouse, and sees to it that it can be seen where the keyboard is.
func (p *tab) reach(text string) {
	p.Helper()
	for range 60 {
		p.key("Tab", 0)
		at := eval[struct {
			Text    string
			Visible bool
			Outline string
		}](p, `(() => { const e = document.activeElement; const s = getComputedStyle(e); return {text: (e.getAttribute("aria-label") ?? "") + "\n" + e.innerText, visible: e !== document.body && e.tabIndex >= 0 && e.checkVisibility(), outline: s.outlineStyle + " " + s.outlineWidth}; })()`)
		// The heading of a question that has just come gets the keyboard without a Tab.
		if at.Visible && at.Outline != "solid 3px" {
			p.Errorf("the keyboard is on %q, which has the outline %s", at.Text, at.Outline)
		}
		if strings.Contains(at.Text, text) {
			return
		}
	}
	p.Fatalf("the keyboard does not reach %q:\n%s", text, p.whole())
}

// TestKeyboard is the whole way without a mouse.
func TestKeyboard(t *testing.T) {
	_, p := openStage(t, loggedIn(), look{lang: "en"})
	p.asked("flow.what")
	p.reach(p.text("flow.what.new"))
	p.key("Enter", 0)
	p.asked("flow.base")
	p.reach("python")
	p.key("Enter", 0)
	p.asked("flow.base-tag", "shared/python")
	p.reach("3.13")
	p.key("Enter", 0)
	p.asked("flow.workspace")
	p.until("keyboard in the field", "document.activeElement.matches("+quoted(field)+")")
	p.key("Enter", 0)
	p.prompt()
	p.keys("ls\r")
	p.terminal("main.py")
	p.key(".", ctrl|shift)
	p.reach(p.text("page.bench.install"))
	p.key("ArrowRight", 0)
	p.reads("results")
	p.key("ArrowRight", 0)
	p.reads("gfortran")
	p.reach(p.text("page.nav.make")) // round the page
	p.reach(p.text("page.bench.finish"))
	p.key("Enter", 0)
	p.asked("flow.next")
	p.reach(p.text("flow.next.upload"))
	p.key("Enter", 0)
	for _, question := range []string{"flow.image", "flow.tag"} {
		p.asked(question)
		p.until("keyboard in the field", "document.activeElement.matches("+quoted(field)+")")
		p.key("Enter", 0)
	}
	p.asked("flow.kind")
	p.reach(p.text("flow.kind.mpi"))
	p.key("Enter", 0)
	p.asked("flow.script")
	p.key("Enter", 0)
	p.asked("flow.what")
	p.reads("mpirun")
}

// TestNarrow: nothing is wider than a window of 320 pixels, which is also one of 1280 at
// 400 %, nor with letters twice as large.
func TestNarrow(t *testing.T) {
	for _, l := range []look{{lang: "en", width: 320, height: 640}, {lang: "ja", width: 320, height: 640}, {lang: "ja", width: 640, height: 430}} {
		t.Run(fmt.Sprintf("%s-%d", l.lang, l.width), func(t *testing.T) {
			_, p := openStage(t, loggedIn(), l)
			p.asked("flow.what")
			p.fine("start")
			p.press(".hero")
			p.asked("flow.base")
			p.fine("base")
			p.choose("ubuntu")
			p.asked("flow.workspace")
			p.next()
			p.prompt()
			p.fine("inside")
			p.choose(p.text("page.bench.changes"))
			p.reads("gfortran")
			p.fine("changes")
			p.choose(p.text("page.bench.finish"))
			p.asked("flow.next")
			p.fine("changed")
			p.choose(p.text("page.nav.images"))
			p.reads("cfd")
			p.fine("images")
			p.choose(p.text("page.nav.job"))
			p.reads(p.text("page.job.lead"))
			p.fine("job")
			p.choose(p.text("page.nav.help"))
			p.reads(p.text("page.help.what"))
			p.fine("help")
		})
	}
}
