package fusefs

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// threadsPerQueue lets a request of a CPU be worked on while another one
	// of the same CPU waits for the storage, or for its block.
	threadsPerQueue = 2
	// maxRingThreads bounds what a mount costs on large machines, where threads
	// serve several queues.
	maxRingThreads = 32
)

// layoutRings says which queues each thread serves, with one entry for each.
// Requests of a CPU come through the queue of its number, and the kernel uses
// no queue before all have an entry; so those of CPUs that this process may not
// use, from which others may still ask, have one too: of the last thread, which
// serves them all.
func layoutRings(queues int, usable func(cpu int) bool) [][]int {
	var used, unused []int
	for q := range queues {
		if usable(q) {
			used = append(used, q)
		} else {
			unused = append(unused, q)
		}
	}
	perQueue := threadsPerQueue
	if len(used)*perQueue > maxRingThreads {
		perQueue = 1
	}
	var threads [][]int
	for i := range len(used) * perQueue {
		q := used[i%len(used)]
		if i < maxRingThreads {
			threads = append(threads, []int{q})
		} else {
			t := i % maxRingThreads
			threads[t] = append(threads[t], q)
		}
	}
	if len(unused) > 0 {
		threads = append(threads, unused)
	}
	return threads
}

// possibleCPUs is how many CPUs the kernel could have, of which it takes the
// number of queues. It reports false when their numbers have gaps: then there
// would be CPUs whose queue does not exist.
func possibleCPUs() (int, bool) {
	list, err := os.ReadFile("/sys/devices/system/cpu/possible")
	if err != nil {
		return 0, false
	}
	return parsePossibleCPUs(string(list))
}

// parsePossibleCPUs reads "0" or "0-63".
func parsePossibleCPUs(list string) (int, bool) {
	list = strings.TrimSpace(list)
	if list == "0" {
		return 1, true
	}
	text, ok := strings.CutPrefix(list, "0-")
	last, err := strconv.ParseUint(text, 10, 16) // the queue's number in a command has 16 bits
	return int(last) + 1, ok && err == nil
}

// usableCPUs reports which CPUs this process may use; all when that is not known.
func usableCPUs() func(cpu int) bool {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return func(int) bool { return true }
	}
	return set.IsSet
}
