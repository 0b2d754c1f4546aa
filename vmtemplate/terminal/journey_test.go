package terminal_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/vmtemplate/flow/fakeengine"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// TestJourney is the whole way, from a login to a job script.
func TestJourney(t *testing.T) {
	for _, lang := range message.Languages {
		for _, kind := range []string{"80x24", "40x12"} {
			t.Run(lang+"-"+kind, func(t *testing.T) { journey(t, lang, kind) })
		}
	}
}

func journey(t *testing.T, lang, kind string) {
	engine := fakeengine.New()
	engine.Hold = make(chan struct{})
	c := begin(t, engine, lang, kind)

	c.asks("flow.login.user", "harbor.example.ac.jp")
	c.picture("01-user")
	c.Type("taro")
	c.Press("enter")
	c.asks("flow.login.password", "taro")
	c.Type("himitsu")
	c.Settle() // the picture is the same before it is typed
	c.picture("02-password")
	c.Press("enter")
	c.asks("flow.what")
	c.picture("03-what")
	c.Press("enter")
	c.asks("flow.base")
	c.picture("04-base")
	c.Press("down", "down", "down", "down", "down", "down")
	c.picture("05-base-moved")
	c.Type("pyth")
	c.picture("06-base-search")
	c.Press("enter")
	c.asks("flow.base-tag", "shared/python")
	c.picture("07-version")
	c.Press("enter")
	c.asks("flow.workspace")
	c.picture("08-workspace")
	c.Type("My Solver")
	c.picture("09-workspace-bad")
	c.Press("ctrl+u")
	c.Type("solver")
	c.Press("enter")
	c.Wait("[solver] ~ #")
	c.picture("10-inside")
	c.Type("apt install gfortran\r")
	c.Type("exit\r")
	c.asks("flow.next")
	c.picture("11-changes")
	c.Press("down", "down", "down", "enter")
	c.Wait("RUN pip")
	c.picture("12-recipe")
	c.Press("enter")
	c.asks("flow.image")
	c.picture("13-image")
	c.Press("enter")
	c.asks("flow.tag")
	c.picture("14-tag")
	c.Press("enter")
	c.Wait("%")
	c.picture("15-uploading")
	close(engine.Hold)
	c.asks("flow.kind")
	c.picture("16-uploaded")
	c.Press("down", "down", "enter")
	c.asks("flow.script")
	c.Type(filepath.Join(c.dir, "job.sh"))
	c.Press("enter")
	c.asks("flow.what")
	c.picture("17-done")
	c.Press("end", "enter")
	if err := c.end(); err != nil {
		t.Errorf("the session ended with %v", err)
	}
	c.asks("flow.bye")
	c.picture("18-bye")

	script, err := os.ReadFile(filepath.Join(c.dir, "job.sh"))
	if err != nil || !strings.Contains(string(script), "harbor.example.ac.jp/taro/solver:2026-11-29") || !strings.Contains(string(script), "mpirun") {
		t.Errorf("the job script: %v\n%s", err, script)
	}
	if strings.Contains(c.History(), "himitsu") {
		t.Error("the password was shown")
	}
	c.restored()
	if t.Failed() {
		t.Log(c.History())
	}
}
