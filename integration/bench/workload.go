package main

import "strings"

// workload is something done inside a mounted image: on a fresh mount and, if
// it differs, again.
type workload struct {
	name string
	// script is for the image's own bash. FILE stands for its biggest file.
	script string
	// python runs with the image's own Python in place of the script and prints
	// the time of what counts, in seconds.
	python string
	again  bool
	// What jrun aims at, in the order of mounters behind jrun itself.
	fresh, warm []float64
}

const imports = `python3 -B -c "import numpy, scipy.linalg, scipy.sparse, scipy.stats, pandas"`

const randomReads = `import os, random, time
fd = os.open("FILE", os.O_RDONLY)
blocks = os.fstat(fd).st_size // 4096
random.seed(1)
offsets = [random.randrange(blocks) * 4096 for _ in range(100000)]
began = time.perf_counter()
for offset in offsets: os.pread(fd, 4096, offset)
print("%.3f" % (time.perf_counter() - began))`

var workloads = []workload{
	{
		name: "find + stat of /usr", again: true,
		script: `find /usr -printf '%s %m %T@\n' >/dev/null`,
		fresh:  []float64{0.15, 0.6}, warm: []float64{0.2, 0.9},
	},
	{
		name: "grep -r in /usr/lib/python3", again: true,
		script: `grep -rc 'no such words here' /usr/lib/python3 >/dev/null || true`,
		fresh:  []float64{0.4, 0.9}, warm: []float64{0.25, 1.0},
	},
	{
		name:   "Python: import numpy, scipy, pandas",
		script: imports, again: true,
		fresh: []float64{0.8, 1.0},
	},
}

// onBigFile are the workloads that have a file of their own.
var onBigFile = []workload{
	{name: "100,000 random 4K reads", python: randomReads, fresh: []float64{0.1, 1.2}},
	{name: "sequential read", script: `dd if="FILE" of=/dev/null bs=1M status=none`, fresh: []float64{noTarget, 0.7}},
}

// timed is what to run inside: it prints one or two times, in seconds.
func (w workload) timed(bigFile string) string {
	if w.python != "" {
		return "python3 -B -c '" + strings.ReplaceAll(w.python, "FILE", bigFile) + "'"
	}
	once := "{ time { " + strings.ReplaceAll(w.script, "FILE", bigFile) + "; }; } 2>&1"
	if w.again {
		once += "; " + once
	}
	return "TIMEFORMAT=%R; " + once
}

// targetAgainst is one of a workload's targets, against the mounter of that
// index.
func targetAgainst(targets []float64, mounter int) float64 {
	if mounter < 1 || mounter > len(targets) {
		return noTarget
	}
	return targets[mounter-1]
}
