package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// What integration/mpi/latency.c measures, by the names that it prints.
const (
	latency   = "latency_us"
	bandwidth = "bandwidth_MBps"
)

// messages are what the program printed, once for each of its starts: by what it
// measured, then by the messages' size in bytes.
type messages map[string]map[int][]float64

// read adds lines such as "latency_us 8 0.42".
func (m messages) read(output string) error {
	for line := range strings.Lines(output) {
		fields := strings.Fields(line)
		if len(fields) != 3 || m[fields[0]] == nil {
			return fmt.Errorf("the program printed %q, want what, size and value", line)
		}
		size, err := strconv.Atoi(fields[1])
		if err != nil {
			return fmt.Errorf("reading the size of %q: %w", line, err)
		}
		value, err := strconv.ParseFloat(fields[2], 64)
		if err != nil || value <= 0 {
			return fmt.Errorf("reading the value of %q: %w", line, err)
		}
		m[fields[0]][size] = append(m[fields[0]][size], value)
	}
	return nil
}

func (m messages) sizes() []int { return slices.Sorted(maps.Keys(m[latency])) }

// speed is how fast messages of a size are, in multiples of another series.
func (m messages) speed(what string, size int, outside messages) float64 {
	share := median(m[what][size]) / median(outside[what][size])
	if what == latency {
		return 1 / share
	}
	return share
}

// overall is the geometric mean of the speeds of all sizes.
func (m messages) overall(what string, outside messages) float64 {
	sum := 0.0
	for _, size := range m.sizes() {
		sum += math.Log(m.speed(what, size, outside))
	}
	return math.Exp(sum / float64(len(m.sizes())))
}
