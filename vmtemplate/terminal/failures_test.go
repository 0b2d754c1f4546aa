package terminal_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/flow/fakeengine"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// loggedIn has a workspace, and a login that works.
func loggedIn() *fakeengine.Engine {
	e := fakeengine.New()
	e.Kept, e.KeptErr = "taro", nil
	e.Have(flow.Workspace{Name: "cfd", Base: "harbor.example.ac.jp/shared/openfoam:11", Used: time.Date(2026, 11, 28, 18, 5, 0, 0, time.Local), Bytes: 218e6, Uploaded: "harbor.example.ac.jp/taro/cfd:3"})
	e.Have(flow.Workspace{Name: "plots", Base: "harbor.example.ac.jp/shared/python:3.13", Used: time.Date(2026, 10, 2, 9, 30, 0, 0, time.Local), Bytes: 52e6})
	return e
}

// toUpload goes to the first question before an upload of the workspace cfd.
func toUpload(c *conversation) {
	c.asks("flow.what")
	c.Type("3")
	c.asks("flow.which.upload")
	c.Press("enter")
}

// toTag goes on to the tag.
func toTag(c *conversation) {
	toUpload(c)
	c.asks("flow.image")
	c.Press("enter")
	c.asks("flow.tag")
}

// leave ends a session from the choice of what to do.
func leave(c *conversation) {
	c.asks("flow.what")
	c.Press("end", "enter")
	c.asks("flow.bye")
}

// TestFailures: what goes wrong is told in plain words, and there is a way on.
func TestFailures(t *testing.T) {
	for name, test := range map[string]struct {
		engine func() *fakeengine.Engine
		talk   func(c *conversation)
	}{
		"20-wrong-password": {fakeengine.New, func(c *conversation) {
			c.asks("flow.login.user", "harbor.example.ac.jp")
			c.Type("taro\r")
			c.asks("flow.login.password", "taro")
			c.Type("wrong\r")
			c.asks("flow.login.wrong")
			c.picture("20-wrong-password")
			c.Type("himitsu\r")
			leave(c)
		}},
		"21-locked": {func() *fakeengine.Engine {
			e := fakeengine.New()
			e.LoginErrs = []error{nil, flow.ErrLocked, nil}
			return e
		}, func(c *conversation) {
			c.asks("flow.login.user", "harbor.example.ac.jp")
			c.Type("taro\r")
			c.asks("flow.login.password", "taro")
			c.Type("himitsu\r")
			c.asks("flow.login.locked")
			c.picture("21-locked")
			c.Press("enter")
			leave(c)
		}},
		"22-registry-down": {func() *fakeengine.Engine {
			e := loggedIn()
			e.LoginErrs = []error{flow.ErrUnreachable, flow.ErrUnreachable, nil}
			return e
		}, func(c *conversation) {
			c.asks("flow.registry.down", "harbor.example.ac.jp")
			c.picture("22-registry-down")
			c.Type("2")
			c.asks("flow.what.login")
			c.picture("23-offline")
			c.Type("1")
			c.asks("flow.offline")
			c.Type("1")
			c.asks("flow.login.done", "harbor.example.ac.jp", "taro")
			leave(c)
		}},
		"24-old-login": {func() *fakeengine.Engine {
			e := fakeengine.New()
			e.KeptErr = flow.ErrWrongLogin
			return e
		}, func(c *conversation) {
			c.asks("flow.login.old")
			c.picture("24-old-login")
			c.asks("flow.login.user", "harbor.example.ac.jp")
			c.Type("taro\r")
			c.asks("flow.login.password", "taro")
			c.Type("himitsu\r")
			leave(c)
		}},
		"25-no-catalogue": {func() *fakeengine.Engine {
			e := loggedIn()
			e.CatalogueErr = flow.ErrUnreachable
			return e
		}, func(c *conversation) {
			c.asks("flow.what")
			c.Type("1")
			c.asks("flow.base.none")
			c.picture("25-no-catalogue")
			c.Press("end", "enter")
			c.asks("flow.base.name")
			c.picture("26-base-name")
			c.Type("Not A Name")
			c.asks("flow.base.form")
			c.Press("ctrl+u")
			c.Type("docker.io/library/debian:12\r")
			c.asks("flow.workspace")
			c.Press("esc", "esc", "esc")
			leave(c)
		}},
		"28-own-images": {loggedIn, func(c *conversation) {
			c.asks("flow.what")
			c.Type("1")
			c.asks("flow.base")
			c.Press("end", "up", "enter")
			c.Wait("taro/cfd")
			c.picture("28-own-images")
			c.Press("esc")
			c.Wait("shared/ubuntu")
			c.Press("end", "up", "enter")
			c.WaitGone("shared/ubuntu")
			c.Press("enter")
			c.asks("flow.base-tag", "taro/cfd")
			c.Press("enter")
			c.asks("flow.workspace")
			c.Wait("my-cfd")
			c.Press("esc")
			c.asks("flow.base-tag", "taro/cfd")
			c.Press("esc")
			c.asks("flow.base")
			c.Press("esc")
			c.asks("flow.base")
			c.Wait("shared/ubuntu")
			c.Press("esc")
			leave(c)
		}},
		"27-cannot-create": {func() *fakeengine.Engine {
			e := loggedIn()
			e.NewErr = message.Fail(message.Plain("the disk is full"), errors.New("no space left on device"), message.Plain("jbuild rm NAME"))
			return e
		}, func(c *conversation) {
			c.asks("flow.what")
			c.Type("1")
			c.asks("flow.base")
			c.Press("enter")
			c.asks("flow.workspace")
			c.Press("enter")
			c.Wait("no space left on device")
			c.picture("27-cannot-create")
			c.Press("esc", "esc")
			leave(c)
		}},
		"30-tag-exists": {loggedIn, func(c *conversation) {
			toTag(c)
			c.picture("30-tag-number")
			c.Type("3")
			c.asks("flow.tag.exists", message.Date(time.Date(2026, 11, 1, 0, 0, 0, 0, time.Local)))
			c.picture("31-tag-exists")
			c.Press("enter")
			c.asks("flow.overwrite", "taro/cfd:3")
			c.picture("32-overwrite")
			c.Press("enter")
			c.asks("flow.tag")
			c.Type("3\r")
			c.asks("flow.overwrite.yes")
			c.Press("down", "enter")
			c.asks("flow.uploaded")
			c.Press("esc")
			leave(c)
		}},
		"33-tag-immutable": {loggedIn, func(c *conversation) {
			toTag(c)
			c.Type("2\r")
			c.asks("flow.tag.immutable", "4")
			c.picture("33-tag-immutable")
			c.Press("esc", "esc")
			leave(c)
		}},
		"34-immutable-rule": {func() *fakeengine.Engine {
			e := loggedIn()
			e.UploadErrs = []error{flow.ErrImmutable}
			return e
		}, func(c *conversation) {
			toTag(c)
			c.Press("enter")
			c.asks("flow.upload.immutable")
			c.picture("34-immutable-rule")
			c.Press("enter")
			c.asks("flow.uploaded")
			c.Press("esc")
			leave(c)
		}},
		"35-quota": {loggedIn, func(c *conversation) {
			toUpload(c)
			c.asks("flow.image")
			c.Type("full/cfd\r")
			c.Wait(c.say.Say("flow.image.full", "full", message.Bytes(0), message.Bytes(218e6)))
			c.picture("35-quota")
			c.Press("ctrl+u")
			c.Type("other/cfd\r")
			c.asks("flow.image.forbidden", "other")
			c.picture("36-project")
			c.Press("esc")
			leave(c)
		}},
		"37-quota-while-uploading": {func() *fakeengine.Engine {
			e := loggedIn()
			e.UploadErrs = []error{flow.ErrNoSpace}
			return e
		}, func(c *conversation) {
			toTag(c)
			c.Press("enter")
			c.asks("flow.upload.full")
			c.picture("37-quota-while-uploading")
			c.Type("3")
			c.asks("flow.later", "cfd")
			c.picture("38-later")
			leave(c)
		}},
		"39-cut": {func() *fakeengine.Engine {
			e := loggedIn()
			e.UploadErrs = []error{flow.ErrUnreachable, errors.New("unexpected EOF")}
			return e
		}, func(c *conversation) {
			toTag(c)
			c.Press("enter")
			c.asks("flow.upload.cut")
			c.picture("39-cut")
			c.Press("enter")
			c.Wait("unexpected EOF")
			c.Press("enter")
			c.asks("flow.uploaded")
			c.Press("esc")
			leave(c)
		}},
		"40-login-expired": {func() *fakeengine.Engine {
			e := loggedIn()
			e.UploadErrs = []error{flow.ErrWrongLogin}
			return e
		}, func(c *conversation) {
			toTag(c)
			c.Press("enter")
			c.asks("flow.upload.login")
			c.picture("40-login-expired")
			c.Press("enter")
			c.asks("flow.login.user", "harbor.example.ac.jp")
			c.Type("taro\r")
			c.asks("flow.login.password", "taro")
			c.Type("himitsu\r")
			c.asks("flow.uploaded")
			c.Press("esc")
			leave(c)
		}},
		"41-stopped": {func() *fakeengine.Engine {
			e := loggedIn()
			e.Hold = make(chan struct{})
			return e
		}, func(c *conversation) {
			toTag(c)
			c.Press("enter")
			c.Wait("%")
			c.Press("ctrl+c")
			c.asks("flow.upload.stopped")
			c.picture("41-stopped")
			c.Press("esc")
			c.asks("flow.tag")
			c.Press("esc", "esc")
			leave(c)
		}},
		"42-suspects": {func() *fakeengine.Engine {
			e := loggedIn()
			e.Changed.Suspects = []flow.Suspect{
				{Path: "/root/work/id_ed25519", Why: message.Plain("a private key of ssh")},
				{Path: "/opt/app/.env", Why: message.Plain("looks like a token of GitHub")},
			}
			return e
		}, func(c *conversation) {
			c.asks("flow.what")
			c.Type("2")
			c.asks("flow.which.continue")
			c.picture("42-workspaces")
			c.Press("enter")
			c.Wait("[cfd] ~ #")
			if _, _, visible := c.Cursor(); !visible {
				c.t.Error("the shell has no cursor")
			}
			c.Type("exit\r")
			c.asks("flow.suspects", 2)
			c.picture("43-suspects")
			c.Type("1")
			c.asks("flow.suspects.ask")
			c.picture("44-suspects-ask")
			c.Type("3")
			c.asks("flow.inside", "cfd")
			c.Type("exit\r")
			c.asks("flow.next")
			c.Type("1")
			c.asks("flow.suspects.ask")
			c.Press("enter")
			c.asks("flow.image")
			if want := []string{"/root/work/id_ed25519", "/opt/app/.env"}; !slices.Equal(c.engine.LeftOut("cfd"), want) {
				c.t.Errorf("left out are %v", c.engine.LeftOut("cfd"))
			}
			c.Press("esc", "esc", "esc") // to the secrets, to what next, into the shell
			c.WaitGone("Esc")
			c.Type("exit\r")
			c.asks("flow.next")
			c.Type("3")
			leave(c)
		}},
		"45-discard": {loggedIn, func(c *conversation) {
			c.asks("flow.what")
			c.Type("4")
			c.asks("flow.which.delete")
			c.Press("enter")
			c.asks("flow.discard", "cfd")
			c.Type("yes\r")
			c.asks("flow.discard.type", "cfd")
			c.picture("45-discard")
			c.Press("ctrl+u")
			c.Type("cfd")
			c.asks("flow.discard.now")
			c.Press("enter")
			c.asks("flow.discard.done", "cfd")
			c.picture("46-discarded")
			leave(c)
		}},
		"47-script-exists": {loggedIn, func(c *conversation) {
			if err := os.WriteFile(filepath.Join(c.dir, "mine.sh"), []byte("mine\n"), 0o644); err != nil {
				c.t.Fatal(err)
			}
			toTag(c)
			c.Press("enter")
			c.asks("flow.kind")
			c.Press("enter")
			c.asks("flow.script")
			c.Wait("cfd.sh")
			c.Type("no/such/place.sh\r")
			c.asks("flow.script.no-directory")
			c.Press("ctrl+u")
			c.Type("mine.sh\r")
			c.asks("flow.script.replace", filepath.Join(c.dir, "mine.sh"))
			c.Press("enter") // no
			c.asks("flow.script")
			if text, err := os.ReadFile(filepath.Join(c.dir, "mine.sh")); err != nil || string(text) != "mine\n" {
				c.t.Errorf("the file was written to: %q, %v", text, err)
			}
			c.Press("ctrl+u")
			c.Type("mine.sh\r")
			c.asks("flow.script.replace", filepath.Join(c.dir, "mine.sh"))
			c.Type("2")
			c.asks("flow.done")
			if text, err := os.ReadFile(filepath.Join(c.dir, "mine.sh")); err != nil || !strings.Contains(string(text), "taro/cfd:4") {
				c.t.Errorf("the file was not replaced: %q, %v", text, err)
			}
			leave(c)
		}},
	} {
		for _, lang := range message.Languages {
			t.Run(name+"-"+lang, func(t *testing.T) {
				t.Parallel()
				c := begin(t, test.engine(), lang, "80x24")
				test.talk(c)
				if err := c.end(); err != nil {
					t.Errorf("the session ended with %v", err)
				}
				if strings.Contains(c.History(), "himitsu") {
					t.Error("the password was shown")
				}
			})
		}
	}
}
