//go:build e2e

package web

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// sure answers what the browser asks, and keeps the question.
func (p *tab) sure() {
	p.Helper()
	eval[any](p, "window.confirm = (text) => { window.asked = text; return true; }")
}

// TestShare: a colleague is taken in and let go, and one whom nobody knows is not.
func TestShare(t *testing.T) {
	_, p := openStage(t, loggedIn(), look{lang: "ja", phone: true})
	p.asked("flow.what")
	p.choose(p.text("page.nav.images"))
	p.fill("input[name=user]", "nobody")
	p.choose(p.text("page.share.add"))
	p.reads(p.text("bench.no-user.next"))
	p.fill("input[name=user]", "jiro")
	eval[any](p, "document.querySelector('select[name=role]').value = 'developer'")
	p.choose(p.text("page.share.add"))
	p.reads(p.text("page.share.done", "jiro"))
	p.reads(p.text("bench.role.developer"))
	if eval[bool](p, "!!document.querySelector('.failure')") {
		t.Error("it still says that nobody is called so")
	}
	p.fine("34-share")
	p.sure()
	p.choose(p.text("page.share.remove.of", "jiro"))
	p.until("list without jiro", "!document.querySelector('.listing').innerText.includes('jiro')")
	if asked := eval[string](p, "window.asked"); asked != p.text("page.share.remove.sure", "jiro") {
		t.Errorf("it asked %q", asked)
	}
	if eval[bool](p, "[...document.querySelectorAll('.listing button')].some((e) => e.ariaLabel.includes('taro'))") {
		t.Error("the owner can be put out")
	}
}

// TestDeleteTag: a version goes after a question; one that a rule protects cannot.
func TestDeleteTag(t *testing.T) {
	_, p := openStage(t, loggedIn(), look{lang: "en"})
	p.asked("flow.what")
	p.choose(p.text("page.nav.images"))
	p.reads("cfd")
	disabled := func(tag string) bool {
		return eval[bool](p, "[...document.querySelectorAll('.list .danger')].find((e) => e.ariaLabel === "+quoted(p.text("page.images.delete.of", tag))+").disabled")
	}
	if disabled("3") || !disabled("2") {
		t.Error("what is protected can be deleted, or what is not cannot")
	}
	p.sure()
	p.choose(p.text("page.images.delete.of", "3"))
	p.until("list without version 3", "![...document.querySelectorAll('.list th code')].some((e) => e.textContent === '3')")
	if asked := eval[string](p, "window.asked"); asked != p.text("page.images.delete.sure", "cfd:3") {
		t.Errorf("it asked %q", asked)
	}
}

// TestJob: what a job needs is in its script; the newest image is proposed; a field may be
// empty for a moment; and what was filled in is still there after a look at something else.
func TestJob(t *testing.T) {
	_, p := openStage(t, loggedIn(), look{lang: "ja"})
	p.asked("flow.what")
	p.choose(p.text("page.nav.job"))
	p.reads("taro/cfd:3")
	eval[any](p, "[...document.querySelectorAll('input[name=kind]')][2].click()")
	for name, value := range map[string]string{"nodes": "4", "ranks": "16", "cpus": "16", "memory": "64", "hours": "12", "minutes": "30", "mail": "taro@example.ac.jp", "queue": "large", "command": "./solver --input 'case 1'"} {
		p.fill("input[name="+name+"]", value)
	}
	for _, line := range []string{"select=4:ncpus=16:mpiprocs=16:mem=64gb", "walltime=12:30:00", "#PBS -q large", "#PBS -M taro@example.ac.jp", "mpirun", "./solver --input 'case 1'", "qsub cfd.sh"} {
		p.reads(line)
	}
	p.fine("35-mpi")
	p.fill("input[name=cpus]", "")
	p.reads("select=4:ncpus=1:")
	if eval[bool](p, "!!document.querySelector('.failure')") || eval[string](p, "document.querySelector('input[name=cpus]').value") != "" {
		t.Error("a field cannot be emptied")
	}
	p.choose(p.text("page.nav.help"))
	p.reads(p.text("page.help.what"))
	p.choose(p.text("page.nav.job"))
	p.reads("walltime=12:30:00")
	p.fill("input[name=mail]", "two@a.jp three@a.jp")
	p.sees(".failure")
}

// usable notes when the first question can be answered.
const usable = `new MutationObserver((_, o) => {
	if (!document.querySelector(".hero:not(:disabled)")) return;
	performance.mark("usable");
	o.disconnect();
}).observe(document, {subtree: true, childList: true});`

// BenchmarkUsable is how long somebody waits for the page, with a phone whose processor is
// four times slower than this one, and nothing in the browser's cache.
func BenchmarkUsable(b *testing.B) {
	s, p := openStage(b, loggedIn(), look{lang: "ja", phone: true})
	p.asked("flow.what")
	p.do(
		call(emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: 4}),
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: usable})
			return err
		}),
	)
	sum := 0.0 // ms
	for b.Loop() {
		p.do(call(network.ClearBrowserCache, cdp.Empty{}), chromedp.Navigate(s.URL))
		p.until("mark", "performance.getEntriesByName('usable').length > 0")
		sum += eval[float64](p, `performance.getEntriesByName("usable")[0].startTime`)
	}
	b.ReportMetric(sum/float64(b.N), "ms-until-usable")
}
