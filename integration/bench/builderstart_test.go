package main

import "testing"

func TestInitialised(t *testing.T) {
	for name, c := range map[string]struct {
		trace string
		want  float64
	}{
		"nothing":      {"", 0},
		"one process":  {"init a @0.5 ms, 0.25 ms clock, 0 bytes, 0 allocs\ninit b @1.5 ms, 2 ms clock, 8 bytes, 1 allocs\n", 2.25},
		"its child":    {"init a @1.5 ms, 0.25 ms clock, 0 bytes, 0 allocs\ninit a @1.0 ms, 7 ms clock, 8 bytes, 1 allocs\n", 0.25},
		"other output": {"a warning\ninit a @x ms, 9 ms clock, 0 bytes, 0 allocs\ninit b @1 ms, 3 ms clock, 0 bytes, 0 allocs\n", 3},
	} {
		if got := initialised(c.trace); got != c.want {
			t.Errorf("%s: %v, not %v", name, got, c.want)
		}
	}
}
