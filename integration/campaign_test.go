//go:build e2e

package integration

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/jrun-hpc/jrun/integration/images"
)

// campaignImages are four images that convert in a moment and share their lower
// layers.
var campaignImages = []string{"campaign/a:1", "campaign/b:1", "campaign/c:1", "campaign/d:1"}

// pushCampaignImages fills the lab's registry once.
var pushCampaignImages = sync.OnceValue(func() error {
	for i, name := range campaignImages {
		img, err := campaignImage(i)
		if err != nil {
			return err
		}
		if err := images.Push(context.Background(), ref(name), img, authn.Anonymous); err != nil {
			return err
		}
	}
	return nil
})

// campaignImage has three layers of 50 files of up to 300 kB; the last depends
// on the variant.
func campaignImage(variant int) (v1.Image, error) {
	var layers [][]images.Entry
	for layer := range 3 {
		name := fmt.Sprintf("layer-%d", layer)
		if layer == 2 {
			name += fmt.Sprintf("-of-%d", variant)
		}
		hash := fnv.New64a()
		hash.Write([]byte(name))
		chance := rand.New(rand.NewPCG(hash.Sum64(), 0))
		entries := []images.Entry{images.Dir(name, 0o755)}
		for file := range 50 {
			entries = append(entries, images.File(fmt.Sprintf("%s/%d", name, file), 0o644, someText(chance, chance.IntN(300_000))))
		}
		layers = append(layers, entries)
	}
	return images.FromEntries(images.OCI, v1.Config{}, layers...)
}

// someText compresses to about a third.
func someText(chance *rand.Rand, sizeBytes int) string {
	var text strings.Builder
	for text.Len() < sizeBytes {
		fmt.Fprintf(&text, "%d some words that come again and again\n", chance.Uint64())
	}
	return text.String()
}

// truth is what right objects are: their file names and sums.
type truth map[string]string

// referenceOf converts images in peace. It takes how long the first one took.
func referenceOf(t *testing.T, names ...string) (truth, time.Duration) {
	t.Helper()
	if err := pushCampaignImages(); err != nil {
		t.Fatal(err)
	}
	s := freshSession(t)
	var took time.Duration
	for _, name := range names {
		start := time.Now()
		s.ok("pull", "-q", ref(name))
		took = max(took, time.Since(start))
	}
	return sumsOf(s), took
}

// sumsOf reads all objects of a store.
func sumsOf(s *session) truth {
	s.t.Helper()
	sums := truth{}
	for _, path := range objects(s) {
		text, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			continue // removed since it was listed
		}
		if err != nil {
			s.t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		sums[filepath.Base(path)] = hex.EncodeToString(sum[:])
	}
	return sums
}

// requireSound checks that a store shows only whole and right objects.
func (want truth) requireSound(s *session) {
	s.t.Helper()
	for name, sum := range sumsOf(s) {
		if sum != want[name] {
			s.t.Errorf("%s is visible and not what it should be", name)
		}
	}
}

// requireWhole checks that a store has all objects, and nothing that does not
// belong to one.
func (want truth) requireWhole(s *session) {
	s.t.Helper()
	want.requireSound(s)
	if got := len(objects(s)); got != len(want) {
		s.t.Errorf("the store has %d objects, want %d", got, len(want))
	}
	want.requireNothingElse(s)
}

// requireNothingElse checks that every file of a store belongs to an object.
func (want truth) requireNothingElse(s *session) {
	s.t.Helper()
	if left := unfinished(s.store); len(left) > 0 {
		s.t.Errorf("unfinished files: %q", left)
	}
	present := sumsOf(s)
	for _, path := range objectFiles(s) {
		stem, _, _ := strings.Cut(filepath.Base(path), ".")
		if _, ok := present[stem+".sqfs"]; !ok {
			s.t.Errorf("%s belongs to no object", path)
		}
	}
}

// objectFiles lists the objects and what is beside them.
func objectFiles(s *session) []string {
	s.t.Helper()
	found, err := filepath.Glob(filepath.Join(s.store, "user", itoa(s.user.UID), "objects", "*"))
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

// requireRightOrFault checks how a pull under faults ended: with the right
// object, or with an error for people and, unless whole objects, nothing.
func (want truth) requireRightOrFault(r *result, s *session) {
	s.t.Helper()
	if r.code == 0 && r.signal == 0 {
		want.requireWhole(s)
		return
	}
	r.wantFault(125)
	want.requireSound(s)
	want.requireNothingElse(s)
}
