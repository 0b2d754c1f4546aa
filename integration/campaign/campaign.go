// Package campaign is chance and length of tests that try many things: campaigns.
//
// JRUN_SEED repeats what a campaign has decided, which it prints; which process the
// kernel runs when it does not repeat. JRUN_SOAK makes campaigns long, as many times as
// it says where they can be multiplied (docs/soak.md). One that is neither a number nor
// empty ends the test: nobody should wait two hours for the short slice.
package campaign

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// Soaking reports whether campaigns run in full, instead of the short slice that belongs
// to every run of the tests.
func Soaking() bool { return os.Getenv("JRUN_SOAK") != "" }

// Slice is how much of a campaign to do: short, or long when it runs in full.
func Slice[T int | time.Duration](short, long T) T {
	if Soaking() {
		return long
	}
	return short
}

// Times is by how much a campaign is to be longer than usual; 1 if it is not.
func Times(t testing.TB) int {
	t.Helper()
	if !Soaking() {
		return 1
	}
	return max(1, int(number(t, "JRUN_SOAK")))
}

// Given is the seed of the campaign that is to be repeated, if one is.
func Given(t testing.TB) (seed uint64, given bool) {
	t.Helper()
	if os.Getenv("JRUN_SEED") == "" {
		return 0, false
	}
	return number(t, "JRUN_SEED"), true
}

// Seed is a new one, or Given; it is printed.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed, given := Given(t)
	if !given {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with: JRUN_SEED=%d", seed)
	return seed
}

// Random is a test's source of chance, of Seed.
func Random(t testing.TB) *rand.Rand {
	t.Helper()
	return rand.New(rand.NewPCG(Seed(t), uint64(len(t.Name()))))
}

func number(t testing.TB, name string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(os.Getenv(name), 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
