package sandbox

import (
	"context"
	"os"
	"time"

	"github.com/jrun-hpc/jrun/squash/profile"
)

// startUpTime is how long a program counts as starting.
const startUpTime = 10 * time.Second

// coveredEnough is the share of a start's reads that an old profile must have
// to be kept: starts differ a little each time, and shared storage is spared.
const coveredEnough = 0.95

// startUp uses the profile of the last start and records that of this one.
type startUp struct {
	file     string // "" keeps no profile
	old      profile.Profile
	recorder *profile.Recorder
}

// watchStartUp begins to fetch what the last start needed and to record what
// this one needs.
func watchStartUp(file string, image *os.File) *startUp {
	s := &startUp{file: file, recorder: profile.Record(image)}
	if file == "" {
		s.recorder.Stop()
		return s
	}
	ctx, cancel := context.WithTimeout(context.Background(), startUpTime)
	if old, err := profile.Load(file); err == nil { // without one, this start makes it
		s.old = old
		go old.Sweep(ctx, image)
	}
	time.AfterFunc(startUpTime, func() {
		cancel()
		s.save()
	})
	return s
}

// save writes the profile unless the old one is good enough. A store that
// cannot be written keeps none.
func (s *startUp) save() {
	seen := s.recorder.Stop()
	if s.file != "" && len(seen) > 0 && !s.old.Covers(seen, coveredEnough) {
		_ = seen.Save(s.file)
	}
}
