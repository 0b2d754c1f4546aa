//go:build e2e

package web

import (
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/jrun-hpc/jrun/integration/web/stage"
	"github.com/jrun-hpc/jrun/vmtemplate/flow/fakeengine"
)

// looks are those in which every view is looked at.
var looks = map[string]look{
	"en":            {lang: "en"},
	"ja":            {lang: "ja"},
	"ja-phone":      {lang: "ja", phone: true},
	"en-phone-dark": {lang: "en", phone: true, dark: true},
	"ja-dark":       {lang: "ja", dark: true},
}

// few are enough to find what is wrong; all are looked at by people.
var few = []string{"en", "ja-phone"}

// TestJourney is the whole way, from logging in to the job script, in both languages, by
// day and by night, on a desk and on a phone. Every view is as it must be.
func TestJourney(t *testing.T) {
	for name, l := range looks {
		if *screenshots == "" && !slices.Contains(few, name) {
			continue
		}
		t.Run(name, func(t *testing.T) { journey(t, l) })
	}
}

func journey(t *testing.T, l look) {
	s, err := stage.Open(fakeengine.New(), scripts(t), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	p := newTab(t, nil, l)
	p.do(chromedp.Navigate(s.URL))

	p.sees("input[name=password]")
	p.fine("01-login")
	p.fill("input[name=user]", "taro")
	p.fill("input[name=password]", "wrong")
	p.press(".primary")
	p.sees(".failure")
	p.reads(p.text("page.login"))
	p.do(chromedp.Navigate(s.URL + "/#invitation=" + s.Guard.Invite())) // the next try must wait
	p.do(chromedp.Reload())

	p.asked("flow.login.user", s.Engine.Host())
	p.fill(field, "taro")
	p.next()
	p.asked("flow.login.password", "taro")
	p.fill(field, "himitsu")
	p.fine("02-registry")
	p.next()

	p.asked("flow.what")
	p.fine("03-start")
	p.press(".hero")
	p.asked("flow.base")
	p.fine("04-base")
	p.choose("python")
	p.asked("flow.base-tag", "shared/python")
	p.fine("05-version")
	p.choose("3.13")
	p.asked("flow.workspace")
	p.fine("06-name")
	p.next()

	p.prompt()
	p.keys("colour\r")
	p.terminal("日本語の表示")
	p.keys("ls\r")
	p.terminal("main.py")
	p.fine("07-inside")
	p.fill(".beside [type=search]", "gromacs")
	p.keys("\r")
	p.reads("gromacs-mpich")
	p.fine("08-install")
	p.choose(p.text("page.install.of", "gromacs"))
	p.terminal("Setting up gromacs")
	p.choose(p.text("page.bench.files"))
	p.sees(".files .listing li:nth-child(2)")
	p.fine("09-files")
	p.choose(p.text("page.bench.changes"))
	p.reads("gfortran")
	p.fine("10-changes")
	p.choose(p.text("page.bench.recipe"))
	p.reads("FROM harbor")
	p.fine("11-recipe")

	p.choose(p.text("page.bench.finish"))
	p.asked("flow.next")
	p.fine("12-changed")
	p.choose(p.text("flow.next.upload"))
	p.asked("flow.image")
	p.reads("12.3 GB")
	p.fine("13-image")
	p.next()
	p.asked("flow.tag")
	p.next()
	p.asked("flow.kind")
	p.fine("14-uploaded")
	p.press(".proposed")
	p.asked("flow.script")
	p.next()
	p.asked("flow.what")
	p.reads("#PBS")
	p.reads(p.text("jobscript.comment.program"))
	p.reads("qsub my-python.sh")
	p.fine("15-done")

	p.choose(p.text("page.nav.images"))
	p.sees("#main h1")
	p.reads("cfd")
	p.fine("16-images")
	p.press(".list .quiet")
	p.reads("#PBS -l container_image=" + s.Engine.Host() + "/taro/cfd:3")
	p.fine("17-job")
	p.choose(p.text("page.nav.help"))
	p.reads(p.text("page.help.what"))
	p.fine("18-help")
	p.choose(p.text("page.logout"))
	p.sees("input[name=password]")
}
