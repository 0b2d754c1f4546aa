package campaign

import "testing"

func TestEnvironment(t *testing.T) {
	t.Setenv("JRUN_SOAK", "")
	t.Setenv("JRUN_SEED", "")
	if _, given := Given(t); given || Times(t) != 1 || Slice(2, 3) != 2 {
		t.Errorf("without anything: %v, %d times, a slice of %d", given, Times(t), Slice(2, 3))
	}
	t.Setenv("JRUN_SOAK", "7")
	t.Setenv("JRUN_SEED", "18446744073709551615")
	if seed, given := Given(t); !given || seed != 1<<64-1 || Seed(t) != seed || Times(t) != 7 || Slice(2, 3) != 3 {
		t.Errorf("with both: %d, %v, %d times, a slice of %d", seed, given, Times(t), Slice(2, 3))
	}
	if a, b := Random(t).Uint64(), Random(t).Uint64(); a != b {
		t.Errorf("the same seed gives %d and %d", a, b)
	}
}
