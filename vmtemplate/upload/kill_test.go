package upload_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/vmtemplate/upload"
)

// killedVariable asks this binary to push and to kill itself, see TestKilled.
const killedVariable = "UPLOAD_TEST_KILLED"

// victim is a push that ends with SIGKILL.
type victim struct {
	Host, Repository, Dir string

	At int // which report of progress is its last; 0: none
}

// TestKilled kills a push at many moments, which a report of progress marks. The next
// one succeeds, and leaves no more than one that was never killed, but for temporary
// files, which have an age.
func TestKilled(t *testing.T) {
	if text := os.Getenv(killedVariable); text != "" {
		beKilled(t, text)
		return
	}
	p := newHarbor(t, fakeharbor.Options{Distribution3: true})
	run := func(v victim) error {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), killedVariable+"="+string(text))
		_, err = cmd.Output()
		return err
	}
	reports := 0
	o := p.options()
	o.Target.Repository = "team/count"
	o.Progress = func(upload.Progress) { reports++ }
	p.push(victimImage(t), o)
	if reports < 20 {
		t.Fatalf("only %d reports", reports)
	}
	for at := 1; at < reports; at += max(1, reports/12) {
		v := victim{p.host, fmt.Sprintf("team/killed%d", at), t.TempDir(), at}
		if err := run(v); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("at %d: the push was not killed: %v", at, err)
		}
		o := p.options()
		o.Dir, o.Target.Repository = v.Dir, v.Repository
		p.push(victimImage(t), o)
		p.pull(o.Target, victimImage(t))
		left, err := filepath.Glob(filepath.Join(v.Dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range left {
			if !strings.HasSuffix(file, ".json") && !strings.HasPrefix(filepath.Base(file), "temporary-") {
				t.Errorf("at %d: %s is left", at, file)
			}
		}
	}
}

func victimImage(t *testing.T) upload.Image {
	return newImage(t, newLayer(t, 1, 300*kib), newLayer(t, 2, 100*kib))
}

func beKilled(t *testing.T, text string) {
	var v victim
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	reports := 0
	_, err := upload.Push(context.Background(), victimImage(t), upload.Options{
		Target: upload.Target{Host: v.Host, Repository: v.Repository, Tag: "1"}, Dir: v.Dir, ChunkBytes: 64 * kib,
		Access: image.Access{Host: v.Host, User: user, Password: password, Plain: true},
		Progress: func(upload.Progress) {
			if reports++; reports == v.At {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {} // it is on its way
			}
		},
	})
	t.Fatalf("it lives: %v", err)
}
