//go:build e2e

package web

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/jrun-hpc/jrun/integration/web/stage"
	"github.com/jrun-hpc/jrun/vmtemplate/flow/fakeengine"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

var screenshots = flag.String("screenshots", "", "write what the pages look like to `DIR`")

//go:embed testdata/axe.min.js
var axe string

// patience is how long anything that a person waits for may take on a busy machine.
const patience = 40 * time.Second

// browser is Chromium, one for all tests.
var browser context.Context

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		fmt.Fprintln(os.Stderr, "there is no Chromium: run integration/setup.sh test")
		return 1
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it refuses to have one for root
	}
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	defer end()
	var stop context.CancelFunc
	browser, stop = chromedp.NewContext(allocator)
	defer stop()
	if err := chromedp.Do(browser, chromedp.Navigate("about:blank")); err != nil {
		fmt.Fprintln(os.Stderr, "starting", program+":", err)
		return 1
	}
	return m.Run()
}

// look is how a page is looked at.
type look struct {
	lang          string
	dark, phone   bool
	width, height int64
}

func (l look) size() (width, height int64) {
	switch {
	case l.width > 0:
		return l.width, l.height
	case l.phone:
		return 390, 800
	}
	return 1180, 780
}

// tab is a page in the browser, and what a person does with it.
type tab struct {
	testing.TB
	ctx  context.Context
	look look
	say  *message.Printer
	url  string
}

// watch runs before anything of the page: what goes wrong there must not be overlooked.
const watch = `window.wrong = [];
addEventListener("securitypolicyviolation", (e) => wrong.push("blocked: " + e.violatedDirective + " " + e.blockedURI + " " + e.sourceFile + ":" + e.lineNumber));
addEventListener("error", (e) => wrong.push("error: " + e.message));
addEventListener("unhandledrejection", (e) => wrong.push("rejected: " + e.reason));
{ const error = console.error; console.error = (...all) => { wrong.push("console: " + all.join(" ")); error(...all); }; }`

// newTab opens a browser window that knows of no other, or, with a tab, another tab of its
// window.
func newTab(t testing.TB, beside *tab, l look) *tab {
	t.Helper()
	parent, option := browser, chromedp.WithNewBrowserContext()
	if beside != nil {
		parent, option = beside.ctx, nil
	}
	var options []chromedp.ContextOption
	if option != nil {
		options = append(options, option)
	}
	ctx, cancel := chromedp.NewContext(parent, options...)
	t.Cleanup(cancel)
	printer, ok := message.For(l.lang)
	if !ok {
		t.Fatalf("there is no language %q", l.lang)
	}
	p := &tab{TB: t, ctx: ctx, look: l, say: printer}
	width, height := l.size()
	var as []chromedp.EmulateViewportOption
	if l.phone {
		as = append(as, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	p.do(
		chromedp.EmulateViewport(width, height, as...),
		call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}),
		call(network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": l.lang}}),
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watch})
			return err
		}),
	)
	return p
}

// call makes an action of a command of the protocol.
func call[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	// The first use of a context makes the tab, which must outlive this call.
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.Fatalf("%v\n%s", err, p.whole())
	}
}

// eval is the value of a script, of which a promise is waited for.
func eval[T any](p *tab, script string) T {
	p.Helper()
	var value T
	encoded, err := chromedp.Run(p.ctx, chromedp.Evaluate[[]byte]("Promise.resolve("+script+").then((x) => x ?? null)", chromedp.EvalAwaitPromise))
	if err == nil {
		err = json.Unmarshal(encoded, &value)
	}
	if err != nil {
		p.Fatalf("%s: %v", script, err)
	}
	return value
}

// until waits for a script to be true.
func (p *tab) until(what, script string) {
	p.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(40 * time.Millisecond) {
		if eval[bool](p, "!!("+script+")") {
			return
		}
	}
	p.Fatalf("there is no %s:\n%s", what, p.whole())
}

// whole is what can be read on the page, for a failure.
func (p *tab) whole() string {
	text, err := chromedp.Run(p.ctx, chromedp.Evaluate[string]("location.href + '\\n' + document.body.innerText + '\\n' + (window.wrong ?? []).join('\\n')"))
	return text + errorText(err)
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func quoted(s string) string { return strconv.Quote(s) } // as JavaScript has it, for what is here

// sees waits for an element that can be seen.
func (p *tab) sees(selector string) {
	p.Helper()
	p.until(selector, "[...document.querySelectorAll("+quoted(selector)+")].some((e) => e.checkVisibility())")
}

// reads waits for a text of the catalogue, or for one as it is.
func (p *tab) reads(text string) {
	p.Helper()
	p.until("text "+text, "document.body.innerText.includes("+quoted(text)+")")
}

// text is one of the catalogue, in the page's language.
func (p *tab) text(name string, args ...any) string {
	if rest, ok := strings.CutPrefix(name, "page."); ok {
		text := p.say.Under("page.")[rest]
		for i, a := range args {
			text = strings.ReplaceAll(text, fmt.Sprintf("{%d}", i), fmt.Sprint(a))
		}
		return text
	}
	return p.say.Text(message.Of(name, args...))
}

// press clicks on the first element that can be seen.
func (p *tab) press(selector string) {
	p.Helper()
	p.sees(selector)
	p.click("[...document.querySelectorAll(" + quoted(selector) + ")].find((e) => e.checkVisibility())")
}

// choose clicks on a button by what it says.
func (p *tab) choose(text string) {
	p.Helper()
	find := "[...document.querySelectorAll('button, a, [role=tab]')].find((e) => e.checkVisibility() && !e.disabled && (e.innerText.trim() + '\\n' + (e.getAttribute('aria-label') ?? '')).includes(" + quoted(text) + "))"
	p.until("button "+text, find)
	p.click(find)
}

// aim is where an element is, once it stays there for two frames and nothing lies over it;
// otherwise null. What is clicked on next leaves in window.struck whether it was that one.
const aim = `new Promise((done) => {
	const where = (e) => { const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; };
	const e = %s;
	if (!e) return done(null);
	e.scrollIntoView({block: "center", behavior: "instant"});
	const first = where(e);
	requestAnimationFrame(() => requestAnimationFrame(() => {
		const at = where(e);
		if (!e.isConnected || at[0] !== first[0] || at[1] !== first[1] || !e.contains(document.elementFromPoint(...at))) return done(null);
		window.struck = "nothing";
		addEventListener("click", (c) => { window.struck = e.contains(c.target) ? "it" : c.target.outerHTML.slice(0, 200); }, {capture: true, once: true});
		done(at);
	}));
})`

// click is one of the mouse, where the element is. A person who misses what has moved away
// below the mouse tries again; that is logged.
func (p *tab) click(find string) {
	p.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(40 * time.Millisecond) {
		at := eval[[]float64](p, fmt.Sprintf(aim, find))
		if at == nil {
			continue
		}
		p.do(chromedp.MouseClickXY(at[0], at[1]))
		struck := eval[string](p, `window.struck ?? "it"`) // another page has no such thing
		if struck == "it" {
			return
		}
		p.Logf("clicked on %s, not on %s", struck, find)
	}
	p.Fatalf("nothing can be clicked on by %s:\n%s", find, p.whole())
}

// fill answers an Ask.
func (p *tab) fill(selector, text string) {
	p.Helper()
	p.press(selector)
	eval[any](p, "document.activeElement.select()")
	p.do(call(inputText, inputTextParams{Text: text}))
}

// question waits for the one with an input, or for the text of another.
func (p *tab) asked(name string, args ...any) {
	p.Helper()
	text := p.text(name, args...)
	p.until("question "+text, "[...document.querySelectorAll('.question h2, .start h2')].some((e) => e.textContent === "+quoted(text)+")")
}

const field = ".question input:not([hidden])"

// next takes what is proposed.
func (p *tab) next() {
	p.Helper()
	p.press(".question form .primary")
}

// fine fails the test if something has gone wrong in the page, or if it cannot be used by
// everybody.
func (p *tab) fine(view string) {
	p.Helper()
	if wrong := eval[[]string](p, "window.wrong"); len(wrong) > 0 {
		p.Errorf("%s: %s", view, strings.Join(wrong, "\n"))
	}
	if wide := eval[int](p, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); wide > 0 {
		p.Errorf("%s is wider than the window by %d", view, wide)
	}
	title := eval[string](p, "document.title")
	if !strings.HasSuffix(title, "jbuild") || !strings.Contains(title, "·") {
		p.Errorf("%s is called %q", view, title)
	}
	if lang := eval[string](p, "document.documentElement.lang"); lang != p.look.lang {
		p.Errorf("%s is in %s", view, lang)
	}
	if unnamed := eval[[]string](p, `[...document.body.innerText.matchAll(/\b(?:[a-z]+\.)+[a-z-]+\b/g)].map((m) => m[0]).filter((m) => /^(nav|job|images|help|files|bench|install|share|scan|start|stage|login|terminal|work|keys)\./.test(m) && !/\.(sh|ac\.jp)$/.test(m))`); len(unnamed) > 0 {
		p.Errorf("%s shows names of texts: %v", view, unnamed)
	}
	if eval[string](p, "typeof window.axe") == "undefined" {
		p.do(chromedp.Evaluate[chromedp.Void](axe))
	}
	found := eval[[]string](p, `axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}).then((r) => r.violations.map((v) => v.id + ": " + v.help + "\n" + v.nodes.map((n) => "  " + n.html.slice(0, 200) + "\n    " + n.failureSummary).join("\n")))`)
	if len(found) > 0 {
		p.Errorf("%s:\n%s", view, strings.Join(found, "\n"))
	}
	p.picture(view)
}

// picture writes what the page looks like.
func (p *tab) picture(view string) {
	p.Helper()
	if *screenshots == "" || view[0] < '0' || view[0] > '9' {
		return // only those with a number are for people
	}
	time.Sleep(200 * time.Millisecond) // the terminal draws with the next frames
	shot, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.Fatal(err)
	}
	name := p.look.lang
	if p.look.phone {
		name += "-phone"
	}
	if p.look.dark {
		name += "-dark"
	}
	if err := errors.Join(os.MkdirAll(*screenshots, 0o755), writeSmall(filepath.Join(*screenshots, name+"-"+view+".png"), shot)); err != nil {
		p.Fatal(err)
	}
}

// writeSmall writes a picture with as few colours as a page has.
func writeSmall(file string, shot []byte) error {
	picture, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, fewColours(picture)); err != nil {
		return err
	}
	return os.WriteFile(file, out.Bytes(), 0o644)
}

// openStage is a site whose registry knows taro, and taro's window on it, logged in at the
// page.
func openStage(t testing.TB, e *fakeengine.Engine, l look) (*stage.Stage, *tab) {
	t.Helper()
	s, err := stage.Open(e, t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	p := newTab(t, nil, l)
	p.url = s.URL
	p.do(chromedp.Navigate(s.URL + "/#invitation=" + s.Guard.Invite()))
	return s, p
}

// scripts is where job scripts are written: in pictures, a folder that people could have.
func scripts(t *testing.T) string {
	t.Helper()
	if *screenshots == "" {
		return t.TempDir()
	}
	dir := filepath.Join(os.TempDir(), "taro")
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// loggedIn is an engine that keeps taro's login.
func loggedIn() *fakeengine.Engine {
	e := fakeengine.New()
	e.Kept, e.KeptErr = "taro", nil
	return e
}

// inside goes from the start into a new workspace.
func (p *tab) inside() {
	p.Helper()
	p.asked("flow.what")
	p.press(".hero")
	p.choose("ubuntu")
	p.asked("flow.workspace")
	p.next()
	p.prompt()
}

// prompt waits for the shell's.
func (p *tab) prompt() {
	p.Helper()
	p.terminal("~ #")
}

// terminal waits for something on the terminal's screen.
func (p *tab) terminal(text string) {
	p.Helper()
	p.until("screen with "+text, "document.querySelector('.xterm-rows')?.textContent.replaceAll('\\u00a0', ' ').includes("+quoted(text)+")")
}

// toUpload goes from the shell to the question for the image's name.
func (p *tab) toUpload() {
	p.Helper()
	p.choose(p.text("page.bench.finish"))
	p.asked("flow.next")
	p.choose(p.text("flow.next.upload"))
	p.asked("flow.image")
}

// uploads gives the names that are proposed.
func (p *tab) uploads() {
	p.Helper()
	p.toUpload()
	p.next()
	p.asked("flow.tag")
	p.next()
}
