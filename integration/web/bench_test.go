//go:build e2e

package web

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/jrun-hpc/jrun/vmtemplate/web/page"
)

// TestFlood: ten megabytes come whole, and the page answers meanwhile.
func TestFlood(t *testing.T) {
	_, p := openStage(t, loggedIn(), look{lang: "en"})
	p.inside()
	eval[any](p, `(() => { window.frames = 0; const count = () => { window.frames++; requestAnimationFrame(count); }; count(); })()`)
	p.keys("flood\r")
	p.choose(p.text("page.bench.files")) // in the middle of it
	p.reads("results")
	p.terminal("end of flood")
	if frames := eval[int](p, "window.frames"); frames < 3 {
		t.Errorf("the page has drawn %d frames meanwhile", frames)
	}
	p.press(".xterm")
	p.keys("ls\r")
	p.terminal("main.py")
	p.fine("flood")
}

// TestTerminalKeys: the terminal can be left, made larger, read aloud, and typed into with
// keys that a phone does not have.
func TestTerminalKeys(t *testing.T) {
	_, p := openStage(t, loggedIn(), look{lang: "en", phone: true})
	p.inside()
	p.key(".", ctrl|shift)
	if at := eval[string](p, "document.activeElement.innerText"); at != p.text("page.terminal.enter") {
		t.Errorf("the keyboard is at %q", at)
	}
	p.press(".xterm")
	p.keys("nonsense")
	p.choose("Ctrl-C")
	p.keys("ls\r")
	p.terminal("main.py")
	columns := eval[float64](p, "parseFloat(getComputedStyle(document.querySelector('.xterm-rows')).fontSize)")
	p.choose("A+")
	p.until("larger letters", "parseFloat(getComputedStyle(document.querySelector('.xterm-rows')).fontSize) > "+"14")
	if columns != 14 {
		t.Errorf("letters began with %v pixels", columns)
	}
	p.press(".tray input[type=checkbox]")
	p.sees(".xterm-accessibility")
	p.terminal("main.py")
	p.fine("reader")
	p.choose(p.text("page.paste")) // no page may read the clipboard without being asked
	p.sees("dialog textarea")
	p.fine("30-paste")
	p.do(call(inputText, inputTextParams{Text: "echo pasted"}))
	p.press("dialog .primary")
	p.terminal("echo pasted")
	p.until("keyboard in the terminal", "document.activeElement.className.includes('xterm')")
}

// TestFinish: what leaves the shell is not typed into an editor. Who is told of it can go
// back and save, or end it.
func TestFinish(t *testing.T) {
	_, p := openStage(t, loggedIn(), look{lang: "ja"})
	p.inside()
	p.keys("nano\r")
	p.terminal("GNU nano")
	p.choose(p.text("page.bench.finish"))
	p.reads(p.text("web.finish.program", "nano"))
	p.fine("33-editor")
	p.choose(p.text("page.bench.stay"))
	p.until("keyboard in the terminal", "document.activeElement.className.includes('xterm')")
	p.key("x", ctrl)
	p.keys("ls\r")
	p.terminal("main.py")
	p.keys("nano\r")
	p.choose(p.text("page.bench.finish"))
	p.choose(p.text("page.bench.anyway"))
	p.asked("flow.next")
}

// TestStays: what somebody is about to click on does not move: tabs while their lists come,
// nor the page when something is said of it.
func TestStays(t *testing.T) {
	for _, l := range []look{{lang: "ja", phone: true}, {lang: "en"}} {
		s, p := openStage(t, loggedIn(), l)
		p.inside()
		p.fill(".beside [type=search]", "gromacs")
		p.keys("\r")
		p.reads("gromacs-mpich")
		p.choose(p.text("page.install.of", "gromacs")) // the keyboard is in the terminal now, and the page where that is
		p.terminal("Setting up gromacs")
		eval[any](p, "document.querySelector('#tab-files').scrollIntoView({block: 'start', behavior: 'instant'})")
		eval[any](p, `(() => { window.moved = []; const at = () => document.querySelector("#tab-files").getBoundingClientRect().y; const from = at(); const look = () => { if (at() !== from) moved.push(at() - from); requestAnimationFrame(look); }; look(); })()`)
		for _, name := range []string{"files", "changes", "recipe", "install", "files"} {
			eval[any](p, "document.querySelector('#tab-"+name+"').click()")
			p.until("list of "+name, "!document.querySelector('#tab').innerText.includes("+quoted(p.text("page.loading"))+")")
		}
		s.Cut()
		p.sees(".strip")
		s.Mend()
		p.until("no word of a lost connection", "!document.querySelector('.strip')")
		if moved := eval[[]float64](p, "moved"); len(moved) > 0 {
			t.Errorf("%+v: the tabs have moved by %v", l, moved)
		}
	}
}

// TestPlaces: a folder, and what came of a transfer, are still there after a look at something
// else; what is dropped on the terminal goes into the image, and the page stays.
func TestPlaces(t *testing.T) {
	s, p := openStage(t, loggedIn(), look{lang: "en"})
	p.inside()
	p.choose(p.text("page.bench.files"))
	p.choose("results")
	p.reads("energy.dat")
	file := filepath.Join(t.TempDir(), "input.dat")
	if err := os.WriteFile(file, []byte("42"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.choose(p.text("page.bench.recipe"))
	p.drop(".xterm", file)
	p.reads("input.dat")
	if got, _ := s.File("/root/results/input.dat"); got != "42" {
		t.Errorf("it is %q", got)
	}
	s.DiskFull(true)
	p.drop(".bar", file) // nothing takes it there
	p.drop(".xterm", file)
	eval[any](p, "window.confirm = () => true")
	p.drop(".beside", filepath.Dir(file))
	p.sees(".files .failure")
	p.choose(p.text("page.bench.changes"))
	p.reads("gfortran")
	p.choose(p.text("page.bench.files"))
	p.sees(".files .failure")
	p.reads("energy.dat")
}

// TestThere: a large file that is there is not sent before somebody has said that it may be
// replaced.
func TestThere(t *testing.T) {
	s, p := openStage(t, loggedIn(), look{lang: "en"})
	p.inside()
	p.choose(p.text("page.bench.files"))
	p.reads("main.py")
	file := filepath.Join(t.TempDir(), "mesh.dat")
	for n, answer := range []string{"true", "false", "true"} {
		if err := os.WriteFile(file, bytes.Repeat([]byte{byte('0' + n)}, 2e6), 0o600); err != nil {
			t.Fatal(err)
		}
		eval[any](p, "(() => { performance.clearResourceTimings(); window.said = 0; window.confirm = () => { said = performance.getEntriesByType('resource').filter((e) => e.name.includes('overwrite=')).length + 1; return "+answer+"; }; })()")
		p.do(chromedp.SetUploadFiles(chromedp.CSS("[data-pick=files]"), []string{file}))
		p.until("end of it", "!document.querySelector('.sending') && (said || "+fmt.Sprint(n == 0)+") && (!!document.querySelector('.files [role=status]').innerText === "+fmt.Sprint(answer == "true")+")")
		if said := eval[int](p, "said"); said != min(n, 1) {
			t.Errorf("time %d: before the question there were %d uploads", n, said-1)
		}
	}
	if got, _ := s.File("/root/mesh.dat"); got == "" || got[0] != '2' {
		t.Errorf("it has %d bytes of %.1q", len(got), got)
	}
}

// TestDownload: what is taken out is the file, and while it comes one sees it.
func TestDownload(t *testing.T) {
	_, p := openStage(t, loggedIn(), look{lang: "en"})
	p.inside()
	p.choose(p.text("page.bench.files"))
	p.reads("main.py")
	eval[any](p, `(() => { window.seen = false; new MutationObserver(() => { if (document.querySelector(".sending")) seen = true; }).observe(document.body, {subtree: true, childList: true});
		const make = URL.createObjectURL; URL.createObjectURL = (b) => { b.text().then((text) => { window.got = text; }); return make(b); }; })()`)
	p.choose(p.text("page.files.save.of", "main.py"))
	p.until("file", "window.got === 'print(1)\\n' && !document.querySelector('.sending')")
	if !eval[bool](p, "seen") {
		t.Error("nothing was seen of it")
	}
}

// drop drops a file or a folder on an element.
func (p *tab) drop(selector, path string) {
	p.Helper()
	at := eval[[]float64](p, "(() => { const r = document.querySelector("+quoted(selector)+").getBoundingClientRect(); return [r.x + 20, r.y + 20]; })()")
	for _, step := range []input.DispatchDragEventType{input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop} {
		p.do(call(input.DispatchDragEvent, input.DispatchDragEventParams{Type: step, X: at[0], Y: at[1], Data: &input.DragData{Items: []*input.DragDataItem{}, Files: []string{path}, DragOperationsMask: 1}}))
	}
}

// TestFiles: files and whole folders go in, by a picker and by dropping, and come out.
func TestFiles(t *testing.T) {
	s, p := openStage(t, loggedIn(), look{lang: "en"})
	p.inside()
	p.choose(p.text("page.bench.files"))
	p.reads("results")
	dir := t.TempDir()
	for name, text := range map[string]string{"input.dat": "42", "case/mesh/points": "1 2 3", "case/run.sh": "mpirun"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p.do(chromedp.SetUploadFiles(chromedp.CSS("[data-pick=files]"), []string{filepath.Join(dir, "input.dat")}))
	p.reads("input.dat")
	p.drop(".files", filepath.Join(dir, "case"))
	p.until("folder in the list", "[...document.querySelectorAll('.listing .link')].some((e) => e.textContent === 'case') && !document.querySelector('.sending')")
	p.reads(p.text("page.files.done"))
	for name, want := range map[string]string{"/root/input.dat": "42", "/root/case/mesh/points": "1 2 3", "/root/case/run.sh": "mpirun"} {
		if got, ok := s.File(name); got != want {
			t.Errorf("%s is %q, %v", name, got, ok)
		}
	}
	p.choose("case")
	p.reads("mesh")
	p.fine("31-folder")
	s.DiskFull(true)
	p.do(chromedp.SetUploadFiles(chromedp.CSS("[data-pick=files]"), []string{filepath.Join(dir, "input.dat")}))
	p.sees(".files .failure")
	p.fine("32-disk-full")
}

// TestWeight: what comes before the page can be used is at most 250 kB, as it is sent.
func TestWeight(t *testing.T) {
	index, err := page.Files.ReadFile("dist/index.html")
	if err != nil {
		t.Fatal(err)
	}
	first := map[string]bool{}
	var need func(name string)
	need = func(name string) {
		if first[name] {
			return
		}
		first[name] = true
		b, err := page.Files.ReadFile("dist/assets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`from"\./([^"]+)"|import"\./([^"]+)"`).FindAllStringSubmatch(string(b), -1) {
			need(m[1] + m[2])
		}
	}
	for _, m := range regexp.MustCompile(`/assets/([^"]+)`).FindAllStringSubmatch(string(index), -1) {
		need(m[1])
	}
	var start, all int64
	err = fs.WalkDir(page.Files, "dist", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := page.Files.ReadFile(path)
		var n counter
		z := gzip.NewWriter(&n)
		_, _ = z.Write(b)
		_ = z.Close()
		all += int64(n)
		if first[filepath.Base(path)] {
			start += int64(n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes at first, %d with the terminal and all views", start, all)
	if start > 250e3 || all > 400e3 || start < 5000 {
		t.Errorf("%d bytes at first, %d altogether", start, all)
	}
	if strings.Contains(string(index), "http://") && strings.Contains(string(index), "src=\"http") {
		t.Error("the page asks other servers")
	}
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }
