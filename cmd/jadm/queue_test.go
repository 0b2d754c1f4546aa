package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/lifecycle/mirror"
	"github.com/jrun-hpc/jrun/image/lifecycle/service"
)

var updateQueue = flag.Bool("update-queue", false, "write the golden file of jadm queue")

// TestPrintQueue: names and errors come from outside, and cannot steer the terminal.
func TestPrintQueue(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	r := service.Report{
		Health: []string{"trouble with the store for 6m0s"},
		Tasks:  []service.TaskReport{{Name: "collect"}, {Name: "letters", Failed: 2, Error: "SMTP is down"}},
		Status: mirror.Status{
			Time:      now,
			Troubles:  []mirror.Trouble{{Where: "room", Since: ago(6 * time.Minute), Error: "the store has too little room left: 3.0 GB, and it may need 14.0 GB"}},
			Running:   []mirror.Job{{Image: "harbor.example/lab/cfd", Tags: []string{"12", "latest"}, Platform: "linux/amd64", Since: ago(90 * time.Second), Phase: "converting", Layer: 3, Layers: 7, DoneBytes: 1 << 30, AllBytes: 4 << 30}},
			Waiting:   []mirror.Waiting{{Image: "harbor.example/lab/new", Tags: []string{"1"}, Platform: "linux/amd64", Since: ago(2 * time.Second), Urgent: true}, {Image: "harbor.example/lab/old", Platform: "linux/amd64", Since: ago(time.Hour)}},
			ToConvert: 40, ToLook: 3,
			Failures: []mirror.Failure{
				{Target: mirror.Target{Project: "lab", Repository: "bad"}, Tags: []string{"1"}, Platform: "linux/amd64", Reason: mirror.Broken, Attempts: 3, Next: now.Add(4 * time.Minute), Error: "a layer is no tar\x1b[2J"},
				{Target: mirror.Target{Project: "lab", Repository: "cve"}, Tags: []string{"1"}, Platform: "linux/amd64", Reason: mirror.Forbidden, Attempts: 1, Next: ago(time.Second), Error: "it has not been scanned"},
			},
			Rounds:     mirror.Rounds{Complete: ago(10 * time.Minute)},
			StoreBytes: &mirror.StoreBytes{Free: 3 << 30},
		},
	}
	var b strings.Builder
	if err := printQueue(&b, r); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "queue.txt")
	if *updateQueue {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.Reset()
	if err := printQueue(&b, service.Report{Status: mirror.Status{Time: now}}); err != nil || b.String() != "0 running, 0 waiting, 0 failed; 0 to be looked at; not yet compared with the registry\n" {
		t.Errorf("of nothing: %q, %v", b.String(), err)
	}
}

func TestPlatforms(t *testing.T) {
	var got []string
	for _, p := range platforms([]string{"linux/amd64", "linux/arm64/v8"}) {
		got = append(got, p.String())
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64/v8"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
