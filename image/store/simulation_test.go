package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/integration/campaign"
	"github.com/jrun-hpc/jrun/integration/images"
	"github.com/jrun-hpc/jrun/presence"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// TestNoStaleRun plays many small worlds. In each, some users run jobs of images
// whose tags are pushed again and deleted, while rights change, the registry goes
// away and comes back, collection runs, and nodes are lost; all at once, in an
// order that the world's seed decides: everything runs as ordinary code over an
// ordinary directory, but one process at a time, and which goes on at each step
// is drawn. Whatever the order: a job never runs another digest than its tag's at
// the moment of its resolution, never one that its user may not have, two ranks of
// a job never differ, and none fails that could run.
//
// JRUN_SEED=N plays one world again. 500 are played, and 10,000 with JRUN_SOAK=1.
func TestNoStaleRun(t *testing.T) {
	worlds := campaign.Slice(500, 10_000)
	if testing.Short() {
		worlds = 500
	}
	first := campaign.Seed(t)
	if _, given := campaign.Given(t); given {
		worlds = 1
	}
	pool := newPool(t)
	total := tally{}
	for i := range worlds {
		w := newWorld(t, pool, first+uint64(i))
		w.play()
		total.add(w.tally)
		if t.Failed() {
			t.Fatalf("repeat with: JRUN_SEED=%d\n%s", w.seed, strings.Join(w.events, "\n"))
		}
	}
	t.Logf("%d worlds from seed %d: %+v", worlds, first, total)
	if worlds > 100 && (total.Ran == 0 || total.Refused == 0 || total.Offline == 0 || total.Collected == 0 || total.Lost == 0 || total.Shared == 0) {
		t.Error("something never happened: the worlds are too tame to show anything")
	}
}

// tally counts what happened.
type tally struct{ Ran, Refused, Offline, Unreachable, Shared, Collected, Lost, Takeovers int }

func (t *tally) add(o tally) {
	t.Ran += o.Ran
	t.Refused += o.Refused
	t.Offline += o.Offline
	t.Unreachable += o.Unreachable
	t.Shared += o.Shared
	t.Collected += o.Collected
	t.Lost += o.Lost
	t.Takeovers += o.Takeovers
}

// poolSize is how many different images there are.
const poolSize = 4

// pool has the images, pushed once by digest to a registry that all worlds use,
// and what each is converted to.
type pool struct {
	registry http.Handler
	digests  []string
	contents map[string][32]byte // of the squashfs file, by digest
}

func newPool(t *testing.T) *pool {
	t.Helper()
	p := &pool{registry: ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0))), contents: map[string][32]byte{}}
	server := httptest.NewServer(p.registry)
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	reference, err := store.Open(t.TempDir(), store.Options{})
	must(t, err)
	for i := range poolSize {
		img, err := images.FromEntries(images.OCI, v1.Config{}, []images.Entry{images.File("which", 0o644, strconv.Itoa(i))})
		must(t, err)
		d, err := img.Digest()
		must(t, err)
		ref, err := name.NewDigest(host + "/lab/app@" + d.String())
		must(t, err)
		must(t, remote.Write(ref, img))
		p.digests = append(p.digests, d.String())
		parsed, err := image.ParseReference(ref.String())
		must(t, err)
		object, _, err := image.NewClient(image.Options{}).Ensure(t.Context(), reference, parsed, nil)
		must(t, err)
		b, err := os.ReadFile(object.Path)
		must(t, err)
		p.contents[d.String()] = sha256.Sum256(b)
	}
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// answer is what the registry said to a question of a user about a tag.
type answer struct {
	digest string
	time   time.Time
}

// world is one play.
type world struct {
	t      *testing.T
	seed   uint64
	chance *rand.Rand
	pool   *pool
	base   *store.Store
	server *httptest.Server
	host   string
	auth   map[string]string // file, by user

	mu      sync.Mutex // of what the server's goroutines and ours share
	tags    map[string]string
	may     map[string]bool // by user
	down    bool
	current *process

	now       time.Time
	processes []*process
	baton     chan *process     // who has stopped at a step
	answers   map[string]answer // the last, by user and tag
	jobs      map[string]string // the digest that a job's ranks have, by user, job and tag
	events    []string
	tally
}

// process is one of a world's processes: a goroutine that runs while it holds the
// turn.
type process struct {
	id    int
	what  string
	owner presence.Owner
	turn  chan bool // false: it is lost, and ends
	wake  time.Time // it sleeps until then
	asked []answer  // the registry's answers to it, a refusal being empty
	ended bool
	lost  bool
}

const (
	users   = 2
	nodes   = 3
	grace   = time.Hour
	tagName = "lab/app:1"
)

func newWorld(t *testing.T, p *pool, seed uint64) *world {
	t.Helper()
	w := &world{
		t: t, seed: seed, chance: rand.New(rand.NewPCG(seed, 1)), pool: p, now: time.Now(),
		tags: map[string]string{}, may: map[string]bool{}, auth: map[string]string{},
		answers: map[string]answer{}, jobs: map[string]string{}, baton: make(chan *process),
	}
	w.server = httptest.NewServer(http.HandlerFunc(w.serve))
	w.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	w.host = strings.TrimPrefix(w.server.URL, "http://")
	dir := t.TempDir()
	var err error
	w.base, err = store.Open(filepath.Join(dir, "store"), store.Options{})
	must(t, err)
	for i := range users {
		user := "user" + strconv.Itoa(i)
		file := filepath.Join(dir, user+".json")
		login := base64.StdEncoding.EncodeToString([]byte(user + ":x"))
		must(t, os.WriteFile(file, fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, w.host, login), 0o600))
		w.auth[user] = file
		w.may[user] = true
	}
	w.tags["1"] = p.digests[0]
	return w
}

// serve is the registry: the pool's, with this world's tags and rights, asked with
// a name and a password.
func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	user, _, _ := r.BasicAuth()
	switch {
	case w.down:
		panic(http.ErrAbortHandler)
	case r.URL.Path == "/v2/" && user == "":
		rw.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		rw.WriteHeader(http.StatusUnauthorized)
		return
	case !w.may[user]:
		if r.Method == http.MethodHead {
			w.current.asked = append(w.current.asked, answer{})
		}
		rw.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		rw.WriteHeader(http.StatusUnauthorized)
		return
	}
	tag, isTag := strings.CutPrefix(r.URL.Path, "/v2/lab/app/manifests/")
	if isTag && !strings.HasPrefix(tag, "sha256:") {
		d, ok := w.tags[tag]
		if r.Method == http.MethodHead {
			w.current.asked = append(w.current.asked, answer{digest: d, time: w.now})
		}
		if !ok {
			rw.WriteHeader(http.StatusNotFound)
			return
		}
		r.URL.Path = "/v2/lab/app/manifests/" + d
	}
	w.pool.registry.ServeHTTP(rw, r)
}

func (w *world) tell(format string, args ...any) {
	w.events = append(w.events, fmt.Sprintf(format, args...))
}

// begin adds a process to the world. It stops before its first step.
func (w *world) begin(what string, do func(p *process)) {
	p := &process{id: len(w.processes) + 1, what: what, turn: make(chan bool)}
	node := w.chance.IntN(nodes)
	p.owner = presence.Owner{Machine: fmt.Sprintf("%012x", node), PID: p.id, Start: 1}
	if node == 0 { // on the machine of the observer, whose dead are known
		p.owner.Machine = presence.Machine()
	}
	w.processes = append(w.processes, p)
	go func() {
		defer func() {
			p.ended = true
			w.baton <- p
		}()
		p.stop(w)
		do(p)
	}()
	<-w.baton
}

// stop hands the turn back until it is p's again.
func (p *process) stop(w *world) {
	w.baton <- p
	if !<-p.turn {
		runtime.Goexit()
	}
}

// step lets p go on until it stops again or ends.
func (w *world) step(p *process) {
	w.mu.Lock()
	w.current = p
	w.mu.Unlock()
	p.turn <- true
	<-w.baton
}

// storeOf is the store as p sees it.
func (w *world) storeOf(p *process, user string) *store.Store {
	return w.base.In(store.World{
		Now: func() time.Time { return w.now },
		Gone: func(o presence.Owner) bool {
			return o.Here() && o.PID <= len(w.processes) && w.processes[o.PID-1].gone()
		},
		Step: func(string) { p.stop(w) },
		Sleep: func(d time.Duration) <-chan time.Time {
			p.wake = w.now.Add(d)
			p.stop(w)
			done := make(chan time.Time, 1)
			done <- w.now
			return done
		},
	}, p.owner, user)
}

func (p *process) gone() bool { return p.ended || p.lost }

// play runs the world to its end.
func (w *world) play() {
	for range 6 + w.chance.IntN(8) {
		w.happen()
		for range w.chance.IntN(5) {
			w.goOn()
		}
	}
	for w.goOn() {
	}
	// The lost ones are let go only now: what they had open and written stayed as a
	// node leaves it that loses its power.
	for _, p := range w.processes {
		if p.lost && !p.ended {
			p.turn <- false
			<-w.baton
		}
	}
	w.server.Close()
	must(w.t, os.RemoveAll(w.base.Root()))
}

// goOn lets a process that can go on take a step; if all sleep, time passes. It is
// false when none is left.
func (w *world) goOn() bool {
	var able, asleep []*process
	for _, p := range w.processes {
		switch {
		case p.gone():
		case p.wake.After(w.now):
			asleep = append(asleep, p)
		default:
			able = append(able, p)
		}
	}
	if len(able) == 0 && len(asleep) == 0 {
		return false
	}
	// A sleeper wakes when its time has come, which comes at once for one of them
	// now and then: clocks and schedulers promise nothing.
	if len(able) == 0 || len(asleep) > 0 && w.chance.IntN(20) == 0 {
		next := slices.MinFunc(asleep, func(a, b *process) int { return a.wake.Compare(b.wake) })
		w.now = next.wake
		able = []*process{next}
	}
	w.step(able[w.chance.IntN(len(able))])
	return true
}

// happen makes one thing happen.
func (w *world) happen() {
	user := "user" + strconv.Itoa(w.chance.IntN(users))
	switch w.chance.IntN(12) {
	case 0, 1:
		d := w.pool.digests[w.chance.IntN(poolSize)]
		w.tell("the tag is pushed again: %s", d[:15])
		w.tags["1"] = d
	case 2:
		w.tell("the tag is deleted")
		delete(w.tags, "1")
	case 3:
		w.may[user] = !w.may[user]
		w.tell("%s may have it: %v", user, w.may[user])
	case 4:
		w.down = !w.down
		w.tell("the registry is down: %v", w.down)
	case 5:
		policy := store.Policy{MaxBytes: 1, UndeleteFor: time.Duration(w.chance.IntN(2)) * time.Hour}
		w.begin("collect", func(p *process) { w.collect(p, user, policy) })
	case 6:
		w.lose()
	case 7:
		jump := time.Duration(w.chance.IntN(int(2*grace/time.Minute))) * time.Minute
		w.tell("%v pass", jump)
		w.now = w.now.Add(jump)
	default:
		job := []string{"", "7.pbs", "8.pbs"}[w.chance.IntN(3)]
		w.begin("run", func(p *process) { w.run(p, user, job) })
	}
}

// lose takes a process away in the middle of its work.
func (w *world) lose() {
	var busy []*process
	for _, p := range w.processes {
		if !p.gone() {
			busy = append(busy, p)
		}
	}
	if len(busy) == 0 {
		return
	}
	p := busy[w.chance.IntN(len(busy))]
	p.lost = true
	w.Lost++
	w.tell("process %d (%s) is lost", p.id, p.what)
}

func (w *world) collect(p *process, user string, policy store.Policy) {
	st := w.storeOf(p, user)
	report, err := store.Collect(context.Background(), []*store.Store{st}, policy)
	if err != nil {
		w.t.Errorf("collection of %s failed: %v", user, err)
	}
	for _, v := range report.Verdicts {
		if v.Remove {
			w.Collected++
		}
	}
	w.tell("process %d: collection for %s: %d images, %d purged", p.id, user, len(report.Verdicts), len(report.Purged))
}

// run is a job: it finds out what the tag is, gets the image, and reads it for a
// while.
func (w *world) run(p *process, user, job string) {
	st := w.storeOf(p, user)
	client := image.NewClient(image.Options{AuthFile: w.auth[user], Job: job, OfflineGrace: grace, RetryDelay: time.Millisecond})
	ref, err := image.ParseReference(w.host + "/" + tagName)
	if err != nil {
		w.t.Error(err)
		return
	}
	resolved, err := client.Resolve(context.Background(), st, ref)
	if err != nil {
		w.refused(p, user, err)
		return
	}
	w.judge(p, user, job, resolved)
	for range 8 {
		object, _, err := client.Obtain(context.Background(), st, resolved, nil)
		if err != nil {
			// Converting needs the registry, which may have gone away meanwhile, or
			// taken the right back.
			w.Unreachable++
			w.tell("process %d: %s could not get it: %v", p.id, user, err)
			return
		}
		file, err := st.OpenFile(object)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			w.t.Errorf("process %d: opening: %v", p.id, err)
			return
		}
		lease, err := st.Lease(object, file, job)
		if errors.Is(err, store.ErrNotFound) {
			_ = file.Close()
			continue
		}
		if err != nil {
			w.t.Errorf("process %d: leasing: %v", p.id, err)
			return
		}
		w.read(p, object, file, lease)
		return
	}
	w.t.Errorf("process %d: the image was taken away eight times", p.id)
}

// judge says whether what was resolved is right.
func (w *world) judge(p *process, user, job string, r image.Resolved) {
	key, jobKey := user, user+" "+job
	got := r.Digest.String()
	switch r.How {
	case image.FromRegistry:
		last := answer{}
		if len(p.asked) > 0 {
			last = p.asked[len(p.asked)-1]
		}
		if got != last.digest {
			w.t.Errorf("process %d of %s: it took %s, the registry said %q", p.id, user, got, last.digest)
		}
		w.answers[key] = last
	case image.FromOffline:
		w.Offline++
		known := w.answers[key]
		if got != known.digest || w.now.Sub(known.time) > grace+time.Minute {
			w.t.Errorf("process %d of %s: offline it took %s, the last answer was %q, %v ago", p.id, user, got, known.digest, w.now.Sub(known.time))
		}
	case image.FromJob:
		w.Shared++
		if job == "" || w.jobs[jobKey] == "" {
			w.t.Errorf("process %d of %s: it took what job %q had settled, which was nothing", p.id, user, job)
		}
	default:
		w.t.Errorf("process %d: the digest is from %q", p.id, r.How)
	}
	if job != "" {
		if settled, ok := w.jobs[jobKey]; ok && settled != got {
			w.t.Errorf("process %d of %s: job %s has %s and %s", p.id, user, job, settled, got)
		}
		w.jobs[jobKey] = got
	}
	w.Ran++
	w.tell("process %d: %s runs %s in job %q, by %s", p.id, user, got[:15], job, r.How)
}

// refused says whether a refusal was right: the registry has said no, or could not
// be asked and there was no answer that counts.
func (w *world) refused(p *process, user string, err error) {
	w.tell("process %d: %s is refused: %v", p.id, user, err)
	if len(p.asked) > 0 && p.asked[len(p.asked)-1].digest == "" {
		w.Refused++
		delete(w.answers, user)
		return
	}
	if len(p.asked) == 0 {
		w.Unreachable++ // or another rank was refused just now
		return
	}
	w.t.Errorf("process %d of %s: refused although the registry said %q: %v", p.id, user, p.asked[len(p.asked)-1].digest, err)
}

// read reads the image for some steps, as a job does that runs in it.
func (w *world) read(p *process, o store.Object, file, lease *os.File) {
	want := w.pool.contents[o.Digest.String()]
	for range 3 {
		b, err := io.ReadAll(io.NewSectionReader(file, 0, 1<<20))
		if err != nil || sha256.Sum256(b) != want {
			w.t.Errorf("process %d: the image reads wrong while it runs: %v, equal %v", p.id, err, bytes.Equal(b, nil))
		}
		if lease != nil {
			_ = os.Chtimes(lease.Name(), w.now, w.now)
		}
		p.wake = w.now.Add(time.Second)
		p.stop(w)
	}
	_ = file.Close()
	if lease != nil {
		_ = presence.Sign{Owner: p.owner, Ended: true}.Write(lease)
		_ = lease.Close()
	}
}
