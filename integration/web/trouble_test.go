//go:build e2e

package web

import (
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/flow/fakeengine"
)

// TestReload: a question, a shell and an upload are as they were.
func TestReload(t *testing.T) {
	e := loggedIn()
	e.Hold = make(chan struct{})
	_, p := openStage(t, e, look{lang: "en"})
	p.inside()
	p.keys("ls\r")
	p.terminal("main.py")
	p.do(chromedp.Reload())
	p.terminal("main.py") // the screen of before
	p.keys("ls\r")
	p.until("two answers", "document.querySelector('.xterm-rows').textContent.split('main.py').length > 2")
	p.toUpload()
	p.do(chromedp.Reload())
	p.asked("flow.image")
	p.next()
	p.asked("flow.tag")
	p.next()
	p.sees(".work progress")
	p.reads("73.5 MB")
	p.do(chromedp.Reload())
	p.sees(".work progress")
	p.reads("73.5 MB")
	p.until("title with progress", "document.title.startsWith('68 %')")
	p.fine("20-uploading")
	close(e.Hold)
	p.asked("flow.kind")
}

// TestStop: an upload can be stopped, and taken up again.
func TestStop(t *testing.T) {
	e := loggedIn()
	e.Hold = make(chan struct{})
	_, p := openStage(t, e, look{lang: "en"})
	p.inside()
	p.uploads()
	p.choose(p.text("page.stop"))
	p.asked("flow.again")
	close(e.Hold)
	p.press(".proposed")
	p.asked("flow.kind")
}

// TestLostConnection: the page says so and comes back by itself, and nothing of the shell is lost.
func TestLostConnection(t *testing.T) {
	s, p := openStage(t, loggedIn(), look{lang: "ja"})
	p.inside()
	s.Cut()
	p.reads(p.text("page.offline"))
	p.fine("21-offline")
	s.Mend()
	p.until("no word of a lost connection", "!document.querySelector('.strip')")
	p.press(".xterm")
	p.keys("ls\r")
	p.terminal("main.py")
	// What was typed while nothing could arrive is not made up for: it would come as a surprise.
	s.Cut()
	p.reads(p.text("page.offline"))
	p.keys("colour\r")
	s.Mend()
	p.until("no word of a lost connection", "!document.querySelector('.strip')")
	p.keys("ls\r")
	p.until("two answers", "document.querySelector('.xterm-rows').textContent.split('main.py').length > 2")
	if got := eval[string](p, "document.querySelector('.xterm-rows').textContent"); len(got) == 0 {
		t.Error("the screen is empty")
	}
}

// TestRestart: a shell ends with its server, and the page says so.
func TestRestart(t *testing.T) {
	s, p := openStage(t, loggedIn(), look{lang: "en"})
	p.inside()
	s.Restart()
	p.reads(p.text("page.restarted"))
	p.asked("flow.what")
	p.fine("22-restarted")
	p.choose(p.text("page.close"))
	p.until("no strip", "!document.querySelector('.strip')")
	p.press(".tile")
	p.prompt()
}

// TestTwoTabs: what one does the other sees, and a shell is in both.
func TestTwoTabs(t *testing.T) {
	s, one := openStage(t, loggedIn(), look{lang: "en"})
	one.asked("flow.what")
	two := newTab(t, one, look{lang: "en"})
	two.do(chromedp.Navigate(s.URL))
	two.asked("flow.what")
	one.press(".hero")
	two.asked("flow.base")
	two.choose("ubuntu")
	one.asked("flow.workspace")
	one.next()
	one.prompt()
	two.prompt()
	two.do(call(inputText, inputTextParams{Text: "ls"}))
	two.key("Enter", 0)
	one.terminal("main.py")
	two.terminal("main.py")
	two.choose(two.text("page.logout"))
	one.sees("input[name=password]")
	one.fine("one of two")
}

// TestSlowNetwork: with a telephone's network all of it comes, only later.
func TestSlowNetwork(t *testing.T) {
	s, p := openStage(t, loggedIn(), look{lang: "ja", phone: true})
	p.asked("flow.what")
	p.do(
		call(network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{{Latency: 300, DownloadThroughput: 100e3, UploadThroughput: 50e3}}}),
		call(network.ClearBrowserCache, cdp.Empty{}),
	)
	p.do(chromedp.Navigate(s.URL))
	p.inside()
	p.keys("ls\r")
	p.terminal("main.py")
}

// TestExpiredSession: who was logged out logs in, and is where they were.
func TestExpiredSession(t *testing.T) {
	s, p := openStage(t, loggedIn(), look{lang: "en"})
	p.inside()
	p.choose(p.text("page.nav.images"))
	p.reads("cfd")
	p.do(call(network.ClearBrowserCookies, cdp.Empty{}))
	p.choose(p.text("page.again"))
	p.reads(p.text("page.login.ended"))
	p.fine("23-logged-out")
	p.fill("input[name=user]", "taro")
	p.fill("input[name=password]", "himitsu")
	p.press(".primary")
	p.reads("cfd")
	if at := eval[string](p, "location.pathname"); at != "/images" {
		t.Errorf("it is at %s", at)
	}
	p.choose(p.text("page.nav.make"))
	p.prompt()
	_ = s
}

// TestWrongLogin: who is logged in after a slip of the hand does not read of it any more.
func TestWrongLogin(t *testing.T) {
	_, p := openStage(t, fakeengine.New(), look{lang: "ja"})
	p.fill(field, "taro")
	p.next()
	p.asked("flow.login.password", "taro")
	p.fill(field, "himitu")
	p.next()
	p.reads(p.text("flow.login.wrong"))
	p.fill(field, "himitsu")
	p.next()
	p.asked("flow.what")
	if eval[bool](p, "!!document.querySelector('.failure')?.checkVisibility()") {
		t.Error("it still says that the password is wrong")
	}
}

// TestOldLink: a link that was used lets nobody in, and says what to do.
func TestOldLink(t *testing.T) {
	s, p := openStage(t, loggedIn(), look{lang: "ja"})
	p.asked("flow.what")
	other := newTab(t, nil, look{lang: "ja"})
	other.do(chromedp.Navigate(s.URL + "/#invitation=USED"))
	other.reads(other.text("web.login.invitation"))
	if at := eval[string](other, "location.hash"); at != "" {
		t.Errorf("the invitation stays in the address: %s", at)
	}
	other.fine("24-old-link")
}

// TestExpiredLogin: the registry does not take the login any more in the middle of an
// upload. It is asked for, and the upload goes on.
func TestExpiredLogin(t *testing.T) {
	e := loggedIn()
	e.UploadErrs = []error{flow.ErrWrongLogin}
	_, p := openStage(t, e, look{lang: "en"})
	p.inside()
	p.uploads()
	p.asked("flow.again")
	p.fine("25-login-expired")
	p.press(".proposed")
	p.asked("flow.login.user", e.Host())
	p.fill(field, "taro")
	p.next()
	p.asked("flow.login.password", "taro")
	p.fill(field, "himitsu")
	p.next()
	p.asked("flow.kind")
}

// TestRegistryDown: the registry goes away in the middle of an upload, and comes back.
func TestRegistryDown(t *testing.T) {
	e := loggedIn()
	e.UploadErrs = []error{flow.ErrUnreachable}
	s, p := openStage(t, e, look{lang: "ja"})
	p.inside()
	p.uploads()
	p.reads(p.text("flow.upload.cut"))
	p.asked("flow.again")
	p.fine("26-registry-down")
	s.RegistryDown(true)
	p.choose(p.text("page.nav.images"))
	p.sees(".failure")
	p.fine("27-no-images")
	s.RegistryDown(false)
	p.choose(p.text("page.again"))
	p.reads("cfd")
	p.choose(p.text("page.nav.make"))
	p.asked("flow.again")
	p.press(".proposed")
	p.asked("flow.kind")
}

// TestQuota: an image that has no room is refused while its name is typed, and when it is
// sent.
func TestQuota(t *testing.T) {
	e := loggedIn()
	e.Quotas["taro"] = flow.Quota{Used: 10e9, Limit: 10e9}
	e.UploadErrs = []error{flow.ErrNoSpace}
	_, p := openStage(t, e, look{lang: "en"})
	p.inside()
	p.toUpload()
	p.next()
	p.until("refusal", "document.querySelector('"+field+"').getAttribute('aria-invalid') === 'true'")
	p.fine("28-quota")
	p.fill(field, "lab/my-ubuntu")
	p.until("acceptance", "!document.querySelector('"+field+"').hasAttribute('aria-invalid')")
	p.next()
	p.asked("flow.tag")
	p.next()
	p.reads(p.text("flow.upload.full"))
	p.asked("flow.again")
	p.fine("29-no-space")
}
