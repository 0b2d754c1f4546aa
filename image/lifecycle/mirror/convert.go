package mirror

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/quantity"
)

// Result is how a conversion ended.
type Result string

// Results besides a Reason's.
const (
	Converted   Result = "converted"
	There       Result = "there"       // somebody else had done it, or it could be had back
	Unreachable Result = "unreachable" // the registry does not answer
	Full        Result = "full"        // the store cannot take more
	Cancelled   Result = "cancelled"   // the service ends
)

// Outcome is a conversion that has ended.
type Outcome struct {
	Conversion Conversion
	Result     Result
	Took       time.Duration
	SizeBytes  int64 // of the object
	Stats      image.Stats
}

// longestConversion bounds what a registry that dribbles can hold up.
const longestConversion = 6 * time.Hour

// roomFactor is how much larger than its compressed layers an object may be, for the
// question whether there is room.
const roomFactor = 2

// thisMachine is the platform of the running machine.
func thisMachine() store.Platform { return store.Platform{OS: "linux", Architecture: runtime.GOARCH} }

func (m *Mirror) newClient(p store.Platform) *image.Client {
	return image.NewClient(image.Options{
		Login: &m.o.Login, CertificatesDir: m.o.CertificatesDir, UserAgent: "jadm/" + m.o.Version, Converter: "jadm " + m.o.Version,
		OS: p.OS, Architecture: p.Architecture, Variant: p.Variant, Pull: image.PullAlways,
	})
}

// keepConverting converts what is wished for, one image at a time, until ctx ends.
func (m *Mirror) keepConverting(ctx context.Context) {
	failed := 0
	for {
		w, running, ok := m.backlog.take(ctx, m.o.Now)
		if !ok {
			return
		}
		m.working.Add(1)
		m.turns.Add(1)
		began := m.o.Now()
		object, converted, err := m.convert(ctx, running)
		outcome := Outcome{Conversion: w.Conversion, Took: m.o.Now().Sub(began), SizeBytes: object.Meta.SizeBytes, Stats: running.Event().Stats}
		outcome.Result = m.judge(ctx, w.Conversion, converted, err)
		m.tell(outcome, err)
		m.o.Observe(outcome)
		dropped := m.backlog.done(w.Target)
		if ctx.Err() != nil {
			return
		}
		// What has happened meanwhile is seen by looking again.
		m.marks.add(w.Target, w.next(), m.o.Now())
		if dropped {
			m.marks.addAll()
		}
		m.turns.Add(1)
		m.working.Add(-1)
		if outcome.Result == Unreachable || outcome.Result == Full {
			failed++
			m.pause(ctx, failed, err)
			continue
		}
		failed = 0
	}
}

// judge says how a conversion ended, and remembers what is to be remembered of it.
func (m *Mirror) judge(ctx context.Context, c Conversion, converted bool, err error) Result {
	switch {
	case err == nil:
		if _, err := m.failures.forget(func(f Failure) bool {
			return f.Target == c.Target && f.Digest == c.Artifact.Digest && f.Platform == c.Platform.String()
		}); err != nil {
			m.troubles.set(atState, err, m.o.Now())
		}
		m.troubles.set(atRoom, nil, m.o.Now())
		if converted {
			return Converted
		}
		return There
	case ctx.Err() != nil:
		return Cancelled
	case isFull(err) || errors.Is(err, errNoRoom):
		m.troubles.set(atRoom, err, m.o.Now())
		return Full
	case isDown(err):
		return Unreachable
	}
	known, saveErr := m.failures.add(c, err, m.o.Now(), max(m.o.PollEvery, firstPause))
	if saveErr != nil {
		m.troubles.set(atState, saveErr, m.o.Now())
	} else {
		m.troubles.set(atState, nil, m.o.Now())
	}
	return Result(known.Reason)
}

// tell logs how a conversion ended.
func (m *Mirror) tell(o Outcome, err error) {
	log := m.o.Log.With("image", o.Conversion.Target.String(), "digest", o.Conversion.Artifact.Digest, "platform", o.Conversion.Platform.String(), "seconds", o.Took.Seconds())
	switch o.Result {
	case Converted:
		log.Info("converted", "bytes", o.SizeBytes, "fetched", o.Stats.FetchedBytes, "layers", o.Stats.Layers, "reused", o.Stats.ReusedLayers)
	case There:
		log.Debug("it was there")
	case Cancelled:
		log.Info("given up: the service ends")
	default:
		log.Warn("not converted", "result", string(o.Result), "error", oneLine(err))
	}
}

// errNoRoom says that converting would leave the store with too little room.
var errNoRoom = errors.New("the store has too little room left")

// convert makes one image ready.
func (m *Mirror) convert(ctx context.Context, running *Running) (store.Object, bool, error) {
	c := running.Conversion
	ctx, cancel := context.WithTimeout(ctx, longestConversion)
	defer cancel()
	ref, err := image.ParseReference("docker://" + m.base(c.Target) + "@" + c.Artifact.Digest.String())
	if err != nil {
		return store.Object{}, false, err
	}
	s, err := store.OpenSite(m.o.Store, m.place(c.Target.Project))
	if err != nil {
		return store.Object{}, false, err
	}
	if err := m.checkRoom(s, c); err != nil {
		return store.Object{}, false, err
	}
	client := m.clients[c.Platform]
	resolved, err := client.Resolve(ctx, s, ref) // which also asks whether the project's rules allow it
	if err != nil {
		return store.Object{}, false, err
	}
	var object store.Object
	converted := false
	act := audit.Act{Action: "image.convert", Subject: ref.String(), Reason: "it is in the registry", Details: map[string]string{"platform": c.Platform.String()}}
	m.o.step("convert")
	err = m.o.Audit.Do(act, func() (err error) {
		object, converted, err = client.Obtain(ctx, s, resolved, running.progress)
		return err
	})
	m.o.step("converted")
	return object, converted, err
}

// checkRoom refuses what would fill the store.
func (m *Mirror) checkRoom(s *store.Store, c Conversion) error {
	usage, err := s.Usable()
	if err != nil {
		return err
	}
	need := m.o.MinFreeBytes
	if c.Artifact.SizeBytes > 0 && c.Artifact.SizeBytes < 1<<50 {
		need += roomFactor * c.Artifact.SizeBytes
	}
	if usage.FreeBytes < need {
		return fmt.Errorf("%w: %s, and it may need %s", errNoRoom, quantity.Size(usage.FreeBytes), quantity.Size(need))
	}
	return nil
}
