package mirror

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/integration/campaign"
	"github.com/opencontainers/go-digest"
)

// Environment of a process that mirrors until there is nothing to do, or dies before.
const (
	childURL   = "MIRROR_TEST_URL"
	childStore = "MIRROR_TEST_STORE"
	childState = "MIRROR_TEST_STATE"
	childDies  = "MIRROR_TEST_DIES_AT" // the number of a step, from 1
)

func TestMain(m *testing.M) {
	if os.Getenv(childURL) != "" {
		os.Exit(child())
	}
	os.Exit(m.Run())
}

func child() int {
	base, err := url.Parse(os.Getenv(childURL))
	if err != nil {
		return 2
	}
	at, _ := strconv.ParseInt(os.Getenv(childDies), 10, 64)
	var steps atomic.Int64
	dir := os.Getenv(childState)
	o := Options{
		Harbor:   harbor.New(harbor.Options{Base: base, User: fakeharbor.AdminUser, Password: fakeharbor.AdminPassword}),
		Registry: base.Host, Store: os.Getenv(childStore), Login: image.Login{User: fakeharbor.AdminUser, Password: fakeharbor.AdminPassword},
		State: state.Open(dir), Audit: audit.Open(filepath.Join(dir, "audit.jsonl"), "test"), Jobs: 2, UndeleteFor: time.Hour, Version: "test",
		step: func(string) {
			if steps.Add(1) == at {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
		},
	}
	o.Now = func() time.Time { return time.Now().Add(2 * nameless) } // so that what has no name is none too new
	onAMD64(&o)
	m, err := New(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	go func() {
		for !m.Idle() {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	_ = m.Run(ctx)
	if !m.Idle() {
		return 3
	}
	return 0
}

// TestKilledAtEachStep kills the mirror at its first step, then at its second, …, and
// after some time at random, while the registry changes; whatever it has left, the
// next one makes the store the same as the registry.
func TestKilledAtEachStep(t *testing.T) {
	seed, soak := campaign.Seed(t), campaign.Times(t)
	random := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t)
	shadow := map[string]map[string]digest.Digest{} // of each repository its tags
	for _, p := range []string{"p", "q"} {
		w.fake.AddProject(fakeharbor.Project{Name: p, Public: p == "q"})
	}
	killed := 0
	for world := range 12 * soak {
		w.change(random, shadow, world)
		for dies := int64(1); ; dies++ {
			command := exec.CommandContext(t.Context(), os.Args[0])
			command.Env = append(os.Environ(), childURL+"="+w.fake.URL, childStore+"="+w.root, childState+"="+w.state.Path())
			if world%3 == 2 { // at any moment
				check(t, command.Start())
				time.Sleep(rand.N(150 * time.Millisecond))
				_ = command.Process.Signal(syscall.SIGKILL)
				_ = command.Wait()
				if dies < 4 {
					continue
				}
				command = exec.CommandContext(t.Context(), os.Args[0])
				command.Env = append(os.Environ(), childURL+"="+w.fake.URL, childStore+"="+w.root, childState+"="+w.state.Path())
			} else {
				command.Env = append(command.Env, childDies+"="+strconv.FormatInt(dies, 10))
			}
			out, err := command.CombinedOutput()
			if err == nil {
				break
			}
			if status, ok := command.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
				t.Fatalf("world %d, step %d: %v\n%s", world, dies, err, out)
			}
			killed++
			if random.IntN(3) == 0 {
				w.change(random, shadow, world*1000+int(dies))
			}
		}
		w.wantSame(fmt.Sprintf("seed %d, world %d", seed, world), shadow)
	}
	t.Logf("killed %d times at a step", killed)
	if killed < 20*soak {
		t.Errorf("it was killed at %d steps only", killed)
	}
}

// change pushes, moves, and deletes something.
func (w *world) change(random *rand.Rand, shadow map[string]map[string]digest.Digest, n int) {
	for i := range 1 + random.IntN(3) {
		repo := []string{"p/app", "p/team/app", "q/app"}[random.IntN(3)]
		tags := shadow[repo]
		if tags == nil {
			tags = map[string]digest.Digest{}
			shadow[repo] = tags
		}
		tag := []string{"1", "2", "latest"}[random.IntN(3)]
		if d, ok := tags[tag]; ok && random.IntN(3) == 0 {
			w.fake.DeleteArtifact(repo, tag)
			for other, also := range tags {
				if also == d {
					delete(tags, other)
				}
			}
			continue
		}
		content := strconv.Itoa(n*10 + i)
		if random.IntN(4) == 0 {
			content = "the same everywhere"
		}
		tags[tag] = w.fake.Push(repo, tag, testImage(w, content))
	}
}

// wantSame compares the store with what was pushed and not deleted.
func (w *world) wantSame(when string, shadow map[string]map[string]digest.Digest) {
	w.Helper()
	admin := w.options().Harbor
	names, objects, untagged := map[string]map[string]digest.Digest{}, map[string]map[digest.Digest]bool{}, map[string]map[digest.Digest]bool{}
	for repo, tags := range shadow {
		t, _ := ParseTarget(repo)
		if names[t.Project] == nil {
			names[t.Project], objects[t.Project], untagged[t.Project] = map[string]digest.Digest{}, map[digest.Digest]bool{}, map[digest.Digest]bool{}
		}
		for tag, d := range tags {
			names[t.Project][repo+":"+tag] = d
			objects[t.Project][d] = true
		}
		for a, err := range admin.Artifacts(w.Context(), t.Project, t.Repository) {
			check(w, err)
			if len(a.Tags) == 0 {
				untagged[t.Project][a.Digest] = true // may be there, if it was converted before it lost its tag
			}
		}
	}
	for project, want := range objects {
		got := w.digests(project)
		for d := range untagged[project] {
			if !want[d] {
				delete(got, d)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			w.Fatalf("%s: objects of %s (-want +got):\n%s%s", when, project, diff, w.log)
		}
		tagged := map[string]digest.Digest{}
		for name, d := range w.names(project) {
			if _, ok := names[project][name]; ok || !isDigestName(name) {
				tagged[name] = d
			}
		}
		if diff := cmp.Diff(names[project], tagged); diff != "" {
			w.Fatalf("%s: names of %s (-want +got):\n%s%s", when, project, diff, w.log)
		}
	}
}

func isDigestName(name string) bool {
	i := len(name) - len("@sha256:") - 64
	return i > 0 && name[i] == '@'
}
