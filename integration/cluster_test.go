//go:build e2e

package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/jrun-hpc/jrun/integration/campaign"
	"github.com/jrun-hpc/jrun/integration/images"
)

// likeNFS is how the shared directory of most tests behaves.
var likeNFS = []string{"-attr-delay", "1s", "-stale-handles", "-local-locks"}

// pullOn pulls on a node and says how it went.
func pullOn(s *session, image string) (stderr string, err error) {
	var text strings.Builder
	cmd := s.command(context.Background(), "pull", image)
	cmd.Stderr = &text
	err = cmd.Run()
	return text.String(), err
}

// TestNodesConvertOnce: pulls on two nodes make one conversion, and the one that
// waits says for whom.
func TestNodesConvertOnce(t *testing.T) {
	want, _ := referenceOf(t, campaignImages...)
	s := freshSession(t)
	c := newCluster(t, s, 2, likeNFS...)
	var fetched atomic.Int32
	var group sync.WaitGroup
	for _, n := range c.nodes {
		group.Go(func() {
			for _, image := range campaignImages {
				stderr, err := pullOn(c.on(s, n), ref(image))
				if err != nil {
					t.Errorf("node %d: %v: %s", n.number, err, stderr)
				}
				if strings.Contains(stderr, "jrun: fetched") {
					fetched.Add(1)
				}
			}
		})
	}
	group.Wait()
	if n := fetched.Load(); n != int32(len(campaignImages)) {
		t.Errorf("%d conversions were made of %d images", n, len(campaignImages))
	}
	want.requireSound(c.backing(s))
	c.requireClean(s)
}

// TestNodesTakeOver: the node that converts vanishes; the one that waits takes
// over within ten seconds.
func TestNodesTakeOver(t *testing.T) {
	want, took := referenceOf(t, campaignImages[0])
	s := freshSession(t)
	c := newCluster(t, s, 2, likeNFS...)
	first, second := c.on(s, c.nodes[0]), c.on(s, c.nodes[1])
	second.ok("images") // nothing yet
	slow := newMeddler(t)
	image := slow.host + "/" + campaignImages[0]
	release := slow.holdLayers()
	going := first.command(t.Context(), "pull", image)
	if err := going.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first node has a claim", func() bool {
		found, _ := filepath.Glob(filepath.Join(c.backing(s).store, "user", "*", "leases", "make-*.claim"))
		return len(found) == 1
	})
	waiting := make(chan string, 1)
	go func() {
		stderr, err := pullOn(second, image)
		if err != nil {
			t.Errorf("the second node: %v: %s", err, stderr)
		}
		waiting <- stderr
	}()
	select {
	case stderr := <-waiting:
		t.Fatalf("the second node did not wait: %s", stderr)
	case <-time.After(5 * time.Second):
	}
	c.crash(c.nodes[0])
	_ = going.Wait()
	release()
	lost := time.Now()
	stderr := <-waiting
	if after := time.Since(lost); after > 10*time.Second+10*took {
		t.Errorf("the image was there %v after the first node had gone; alone it takes %v", after, took)
	}
	if !strings.Contains(stderr, "waiting for another jrun") || !strings.Contains(stderr, "jrun: fetched") {
		t.Errorf("the second node said: %s", stderr)
	}
	want.requireSound(c.backing(s))
	second.ok("gc")
	// The temporary files of the first node are left to age for two minutes.
	old := time.Now().Add(-time.Hour)
	for _, path := range unfinished(c.backing(s).store) {
		os.Chtimes(path, old, old)
	}
	time.Sleep(time.Second + 100*time.Millisecond) // until old attributes are no longer believed
	second.ok("gc")
	c.requireClean(s)
}

// TestNodesRunWhileCollected: a job runs on one node while another collects its
// image, with nothing kept back. The job reads on.
func TestNodesRunWhileCollected(t *testing.T) {
	s := freshSession(t)
	c := newCluster(t, s, 2, likeNFS...)
	first, second := c.on(s, c.nodes[0]), c.on(s, c.nodes[1])
	first.ok("pull", "-q", ref(minimal))
	job := first.command(t.Context(), "run", "-q", ref(minimal), "--", "sh", "-c", "echo running; read x; ls -lR /usr >/dev/null && cat /usr/bin/* | wc -c")
	in, err := job.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out, stderr strings.Builder
	job.Stdout, job.Stderr = &out, &stderr
	if err := job.Start(); err != nil {
		t.Fatal(err)
	}
	objects := func() int {
		found, _ := filepath.Glob(filepath.Join(c.backing(s).store, "user", "*", "objects", "*.sqfs"))
		return len(found)
	}
	eventually(t, "the job has a lease", func() bool {
		found, _ := filepath.Glob(filepath.Join(c.backing(s).store, "user", "*", "leases", "*.use"))
		return len(found) == 1
	})
	time.Sleep(1200 * time.Millisecond) // until the second node must see it
	report := second.ok("gc", "--max-size", "1", "--undelete-for", "0")
	if objects() != 1 {
		t.Errorf("the image of a running job was collected: %s", report)
	}
	fmt.Fprintln(in)
	if err := job.Wait(); err != nil {
		t.Errorf("the job: %v: %s%s", err, out.String(), stderr.String())
	}
	time.Sleep(1200 * time.Millisecond)
	report = second.ok("gc", "--max-size", "1", "--undelete-for", "0")
	if objects() != 0 {
		t.Errorf("the image that nobody uses stays: %s", report)
	}
	c.requireClean(s)
	// And a job comes back to an image that was collected elsewhere.
	first.ok("run", "-q", ref(minimal), "--", "true")
}

// TestNodesAgree: ranks of a job on two nodes get one digest, whatever happens to
// the tag meanwhile; the next job gets the new one.
func TestNodesAgree(t *testing.T) {
	s := freshSession(t)
	c := newCluster(t, s, 2, likeNFS...)
	const moving = "campaign/moving:1"
	tag, err := name.NewTag(ref(moving), name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var pushes sync.WaitGroup
	push := func(variant int) {
		img, err := campaignImage(variant)
		if err == nil {
			err = images.Push(context.Background(), ref(moving), img, authn.Anonymous)
		}
		if err != nil {
			t.Error(err)
		}
	}
	push(0)
	pushes.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
				push(i % 4)
			}
		}
	})
	for job := range campaign.Slice(3, 30) {
		digests := make(chan string, 16)
		var ranks sync.WaitGroup
		for rank := range cap(digests) {
			there := c.on(s, c.nodes[rank%2])
			there.env["PBS_JOBID"] = fmt.Sprint(job, ".pbs")
			ranks.Go(func() {
				out, err := there.command(context.Background(), "resolve", ref(moving)).Output()
				if err != nil {
					t.Errorf("rank %d: %v", rank, err)
				}
				digests <- strings.TrimSpace(string(out))
			})
		}
		ranks.Wait()
		first := <-digests
		for range cap(digests) - 1 {
			if d := <-digests; d != first {
				t.Errorf("job %d has %s and %s", job, first, d)
			}
		}
	}
	close(stop)
	pushes.Wait()
	head, err := remote.Head(tag)
	if err != nil {
		t.Fatal(err)
	}
	last := c.on(s, c.nodes[0])
	last.env["PBS_JOBID"] = "last.pbs"
	if got := last.ok("resolve", ref(moving)); got != head.Digest.String() {
		t.Errorf("the next job gets %s, the tag is %s", got, head.Digest)
	}
}

// TestChaosOnNodes: pulls, runs and collections on two nodes of a file system that
// loses replies and has no locks, with kills at random.
func TestChaosOnNodes(t *testing.T) {
	chance := campaign.Random(t)
	want, took := referenceOf(t, campaignImages...)
	s := freshSession(t)
	c := newCluster(t, s, 2, "-attr-delay", "500ms", "-stale-handles", "-no-locks", "-lost-replies", "0.02", "-seed", fmt.Sprint(chance.Uint64()))
	end := time.Now().Add(campaign.Slice(8*time.Second, 5*time.Minute))
	var group sync.WaitGroup
	var pulled, killed, collected atomic.Int64
	for i := range 12 {
		chance := rand.New(rand.NewPCG(chance.Uint64(), 0))
		there := c.on(s, c.nodes[i%2])
		group.Go(func() {
			for time.Now().Before(end) && !t.Failed() {
				image := ref(campaignImages[chance.IntN(len(campaignImages))])
				if chance.IntN(6) == 0 {
					there.command(context.Background(), "gc", "-q", "--max-size", "1", "--undelete-for", []string{"0", "1h"}[chance.IntN(2)]).Run()
					collected.Add(1)
				}
				moment := time.Duration(0)
				if chance.IntN(4) == 0 {
					moment = 1 + time.Duration(chance.Float64()*2*float64(took))
				}
				signal, err := pullAndKill(there, image, moment)
				switch {
				case signal == syscall.SIGKILL && moment > 0:
					killed.Add(1)
				case err != nil:
					t.Error(err)
				default:
					pulled.Add(1)
				}
			}
		})
	}
	group.Wait()
	t.Logf("%d pulls succeeded, %d were killed, %d collections", pulled.Load(), killed.Load(), collected.Load())
	want.requireSound(c.backing(s))
	one, two := c.on(s, c.nodes[0]), c.on(s, c.nodes[1])
	for _, image := range campaignImages {
		one.ok("pull", "-q", ref(image))
	}
	want.requireSound(c.backing(s))
	if got := len(objects(c.backing(s))); got != len(want) {
		t.Errorf("the store has %d objects, want %d", got, len(want))
	}
	one.ok("gc")
	two.ok("gc")
	c.requireClean(s)
}
