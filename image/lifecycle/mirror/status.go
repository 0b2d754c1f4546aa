package mirror

import (
	"time"

	"golang.org/x/sys/unix"
)

// Status is what a Mirror is doing, for people and programs.
type Status struct {
	Time       time.Time   `json:"time"`
	Running    []Job       `json:"running"`
	Waiting    []Waiting   `json:"waiting"` // in the order in which they will run; at most mostShown
	ToConvert  int         `json:"to_convert"`
	ToLook     int         `json:"to_look"` // repositories and projects that may have changed
	Oldest     time.Time   `json:"oldest"`  // since when what is to be looked at waits longest; zero for nothing
	Failures   []Failure   `json:"failures"`
	Troubles   []Trouble   `json:"troubles"`
	Rounds     Rounds      `json:"rounds"`
	StoreBytes *StoreBytes `json:"store,omitempty"` // nil when it cannot be found out
}

// Job is a conversion that is under way.
type Job struct {
	Image     string    `json:"image"`
	Digest    string    `json:"digest"`
	Tags      []string  `json:"tags"`
	Platform  string    `json:"platform"`
	Since     time.Time `json:"since"`
	Phase     string    `json:"phase"`
	Layer     int       `json:"layer"` // the highest begun, from 1
	Layers    int       `json:"layers"`
	DoneBytes int64     `json:"done_bytes"` // compressed, of the layers to fetch
	AllBytes  int64     `json:"all_bytes"`
}

// Waiting is a repository of which an image is to be converted.
type Waiting struct {
	Image    string    `json:"image"`
	Tags     []string  `json:"tags"`
	Platform string    `json:"platform"`
	Since    time.Time `json:"since"`
	Urgent   bool      `json:"urgent"` // it has just been pushed
}

// StoreBytes is the room on the store's file system.
type StoreBytes struct {
	Free int64 `json:"free"` // for this account
	All  int64 `json:"all"`
}

// mostShown bounds the answer to whoever asks for the status.
const mostShown = 200

// Status is what is being done now.
func (m *Mirror) Status() Status {
	running, waiting := m.backlog.now()
	s := Status{
		Time: m.o.Now().UTC(), Running: []Job{}, Waiting: []Waiting{}, ToConvert: len(waiting),
		Failures: m.failures.list(), Troubles: m.troubles.list(), StoreBytes: m.room(),
	}
	s.ToLook, s.Oldest = m.marks.waiting()
	for _, r := range running {
		e := r.Event()
		s.Running = append(s.Running, Job{
			Image: m.base(r.Target), Digest: r.Artifact.Digest.String(), Tags: r.Artifact.Tags, Platform: r.Platform.String(), Since: r.Since,
			Phase: e.Phase.String(), Layer: e.Layer, Layers: e.Layers, DoneBytes: e.DoneBytes, AllBytes: e.AllBytes,
		})
	}
	for _, w := range waiting[:min(len(waiting), mostShown)] {
		s.Waiting = append(s.Waiting, Waiting{Image: m.base(w.Target), Tags: w.Artifact.Tags, Platform: w.Platform.String(), Since: w.since, Urgent: w.urgent})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s.Rounds = m.rounds
	return s
}

func (m *Mirror) room() *StoreBytes {
	var st unix.Statfs_t
	if unix.Statfs(m.o.Store, &st) != nil {
		return nil
	}
	return &StoreBytes{Free: int64(st.Bavail) * st.Bsize, All: int64(st.Blocks) * st.Bsize}
}

// Idle reports whether everything was compared and nothing is left to do, now.
func (m *Mirror) Idle() bool {
	turns := m.turns.Load()
	n, _ := m.marks.waiting()
	if n > 0 || m.marks.pending() || m.looking.Load() || m.working.Load() > 0 {
		return false
	}
	s := m.Status()
	return !s.Rounds.Ended.IsZero() && !s.Rounds.Running && len(s.Running)+s.ToConvert == 0 && turns == m.turns.Load()
}
