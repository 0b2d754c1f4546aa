package workspace

import (
	"bytes"
	"testing"
	"time"
)

// TestUnchangedImage: a workspace in which nothing was done is the same image at any
// time, so that uploading it again sends nothing.
func TestUnchangedImage(t *testing.T) {
	base := []byte(`{"architecture":"amd64","os":"linux","config":{"Cmd":["sh"]},"rootfs":{"type":"layers","diff_ids":[]}}`)
	w := &Workspace{Name: "cfd", State: State{Used: time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)}}
	finish := func() []byte {
		raw, err := w.finish(base, []Layer{{DiffID: "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"}}, ImageOptions{By: "jbuild"})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	first := finish()
	if !bytes.Contains(first, []byte(`"created":"2026-04-01T09:00:00Z"`)) {
		t.Errorf("not made when it was last used: %s", first)
	}
	w.State.Used = w.State.Used.Add(time.Hour)
	if bytes.Equal(first, finish()) {
		t.Error("an hour of work later it is the same image")
	}
}
