//go:build e2e

package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// markup is what would run if anything of others were taken for HTML.
const markup = `<img src=x onerror="wrong.push('ran')"><script>wrong.push('ran')</script>{{7*7}}` + "\u202egpj"

// attacks are what a page of another origin tries in the owner's browser. It tells what
// it could read.
const attacks = `async (target) => {
	const got = [];
	const paths = ["/api/session", "/api/logout", "/api/bench/file?path=/root/main.py", "/api/bench/folder", "/api/images/tag?repository=h/taro/x&tag=1", "/api/members?id=2", "/api/script", "/api/about", "/"];
	for (const path of paths) for (const method of ["GET", "POST", "PUT", "DELETE"]) for (const mode of ["cors", "no-cors"]) {
		if (mode === "no-cors" && method !== "GET" && method !== "POST") continue;
		for (const headers of [{}, {"X-Jbuild-Session": "x"}, {"Content-Type": "application/json"}]) {
			try {
				const answer = await fetch(target + path, { method, mode, headers, credentials: "include", body: method === "GET" ? undefined : "{}" });
				if (answer.type !== "opaque") got.push(method + " " + path + " " + answer.status);
			} catch { /* as it must be */ }
		}
	}
	for (const path of ["/api/desk", "/api/screen?page=p&shell=1"]) await new Promise((resolve) => {
		const s = new WebSocket(target.replace("http", "ws") + path, ["jbuild"]);
		s.onopen = () => { got.push("socket " + path); resolve(); };
		s.onerror = resolve;
	});
	for (const tag of ["script", "img", "link", "iframe", "object"]) await new Promise((resolve) => {
		const e = document.createElement(tag);
		if (tag === "link") e.rel = "stylesheet";
		e.onload = () => { if (tag === "script" || tag === "img" || tag === "link") got.push(tag); resolve(); };
		e.onerror = resolve;
		setTimeout(resolve, 3000);
		e[tag === "link" ? "href" : tag === "object" ? "data" : "src"] = target + "/api/about";
		document.body.append(e);
	});
	const form = document.createElement("form");
	Object.assign(form, { action: target + "/api/logout", method: "POST", target: "_blank" });
	document.body.append(form);
	form.submit();
	return got;
}`

// TestOtherOrigin: a page of another port of this machine, and one of a name that is the
// owner's and has become 127.0.0.1, can neither do nor read anything, though the browser
// sends the cookie.
func TestOtherOrigin(t *testing.T) {
	s, p := openStage(t, loggedIn(), look{lang: "en"})
	p.inside()
	sent := make(chan string, 1000)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case sent <- r.Header.Get("Cookie"):
		default:
		}
		_, _ = fmt.Fprint(w, "<!doctype html><title>free coffee</title><body>")
	}))
	defer other.Close()
	evil := newTab(t, p, look{lang: "en"})
	evil.do(chromedp.Navigate(other.URL))
	if cookie := <-sent; !strings.Contains(cookie, "jbuild=") {
		t.Errorf("the other port is sent %q: this is no test of the cookie alone", cookie)
	}
	if got := eval[[]string](evil, "("+attacks+")("+quoted(s.URL)+")"); len(got) > 0 {
		t.Errorf("another port gets %q", got)
	}
	if kept := eval[*string](evil, "localStorage.getItem('jbuild.session')"); kept != nil {
		t.Error("another port reads the proof")
	}
	rebound := newTab(t, p, look{lang: "en"})
	rebound.do(chromedp.Navigate(strings.Replace(s.URL, "127.0.0.1", "evil.localhost", 1)))
	rebound.reads("not called evil.localhost")
	if got := eval[int](rebound, "fetch('/api/about').then((a) => a.status)"); got != http.StatusMisdirectedRequest {
		t.Errorf("a name that is not ours is answered with %d", got)
	}
	p.press(".xterm") // the owner is still logged in, and the shell runs
	p.keys("ls\r")
	p.terminal("main.py")
	if status := eval[int](p, "fetch('/api/session', {headers: {'X-Jbuild-Session': localStorage.getItem('jbuild.session')}}).then((a) => a.status)"); status != http.StatusNoContent {
		t.Errorf("the owner's session: %d", status)
	}
	p.fine("attacked")
}

// TestMarkup: nothing that a registry or a workspace says is taken for HTML.
func TestMarkup(t *testing.T) {
	e := loggedIn()
	for i := range e.Catalogue {
		e.Catalogue[i].Description = markup
	}
	for i := range e.Mine {
		e.Mine[i].Description = markup
		for j := range e.Versions[e.Mine[i].Repository] {
			e.Versions[e.Mine[i].Repository][j].Name = markup
		}
	}
	for i := range e.Changed.Packages {
		e.Changed.Packages[i].Name, e.Changed.Packages[i].Is = markup, markup
	}
	_, p := openStage(t, e, look{lang: "en"})
	p.asked("flow.what")
	p.harmless("start", false)
	p.inside()
	put := fmt.Sprintf("fetch('/api/bench/file?path=' + encodeURIComponent(%s), {method: 'PUT', body: 'x', headers: {'X-Jbuild-Session': localStorage.getItem('jbuild.session')}}).then((a) => a.status)", quoted("/root/"+strings.ReplaceAll(markup, "/", "")))
	if status := eval[int](p, put); status != http.StatusNoContent {
		t.Fatalf("the file: %d", status)
	}
	p.choose(p.text("page.bench.files"))
	p.reads("onerror")
	p.harmless("files", true)
	p.choose(p.text("page.bench.changes"))
	p.reads("onerror")
	p.harmless("changes", true)
	p.choose(p.text("page.nav.images"))
	p.reads("onerror")
	p.harmless("images", true)
}

// harmless fails the test if something has run, or stands there as elements or turned
// around.
func (p *tab) harmless(view string, there bool) {
	p.Helper()
	if wrong := eval[[]string](p, "window.wrong"); len(wrong) > 0 {
		p.Errorf("%s: %s", view, strings.Join(wrong, "\n"))
	}
	if n := eval[int](p, "document.querySelectorAll('main img, main script, iframe').length"); n > 0 {
		p.Errorf("%s has %d elements of others", view, n)
	}
	text := eval[string](p, "document.body.innerText")
	if there && !strings.Contains(text, "{{7*7}}") {
		p.Errorf("%s does not have it at all", view)
	}
	if view != "images" && strings.Contains(text, "\u202e") { // a tag's name can only be what a registry takes
		p.Errorf("%s has text that is turned around", view)
	}
}

// TestHostileProgram: a program in the terminal gets no clipboard, no title and no link,
// and nothing of its own is typed; nor does it bring the page to a standstill.
func TestHostileProgram(t *testing.T) {
	_, p := openStage(t, loggedIn(), look{lang: "en"})
	p.do(chromedp.Evaluate[chromedp.Void](`window.copied = []; window.typed = [];
		navigator.clipboard.writeText = async (text) => { copied.push(text); };
		navigator.clipboard.readText = async () => { copied.push("read"); return ""; };
		window.open = (...all) => { wrong.push("opened " + all); };
		{ const send = WebSocket.prototype.send; WebSocket.prototype.send = function (what) { if (typeof what !== "string") typed.push(new TextDecoder().decode(what)); return send.call(this, what); }; }`))
	p.inside()
	title := eval[string](p, "document.title")
	p.keys("hostile")
	eval[any](p, "typed.length = 0")
	p.keys("\r")
	p.terminal("after hostile")
	typed := strings.TrimPrefix(eval[string](p, "typed.join('')"), "\r")
	if typed == "" || strings.ContainsAny(typed, "\r\n") || strings.Contains(typed, "pwned") || len(typed) > 200 {
		t.Errorf("what is typed for the program is %q", typed)
	}
	t.Logf("it answers %q", typed)
	if copied := eval[[]string](p, "copied"); len(copied) > 0 {
		t.Errorf("the clipboard has %q", copied)
	}
	if now := eval[string](p, "document.title"); now != title {
		t.Errorf("the page is called %q", now)
	}
	at := eval[[]float64](p, `(() => { const row = [...document.querySelectorAll('.xterm-rows > div')].find((e) => e.textContent.includes('linked')); const r = row.getBoundingClientRect(); return [r.x + 20, r.y + r.height / 2]; })()`)
	p.do(chromedp.MouseClickXY(at[0], at[1]))
	p.key("c", ctrl) // what was answered stands on the line, and no more
	p.keys("endless\r")
	p.terminal("after endless")
	p.keys("ls\r")
	p.terminal("main.py")
	p.do(chromedp.Reload()) // what was asked once is not answered again, to another program
	p.terminal("main.py")
	p.press(".xterm")
	p.keys("colour\r")
	p.terminal("bold")
	p.fine("hostile")
}
