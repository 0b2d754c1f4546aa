package jobscript

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/site"
)

// Kind is what a program needs of the batch system.
type Kind string

// The kinds.
const (
	Serial Kind = "serial" // one process, any number of threads
	GPU    Kind = "gpu"    // one process with a GPU
	MPI    Kind = "mpi"    // processes on several nodes, started by mpirun
)

// Job is what a script is to do. Everything but the image may be left out; the site's
// values are then used, and modest ones where the site has none.
type Job struct {
	Image    string   // as jrun takes it
	Name     string   // what qstat shows; made of the image's name if empty
	Kind     Kind     // Serial if empty
	Command  []string // the words of the program's command line; one that works everywhere if empty
	Queue    string
	Walltime string // hours:minutes:seconds
	Mail     string // who is told when the job ends
	Select   string // what stands behind -l select=, as it is; Shape is used if it is empty
	Shape    Shape
}

// Shape is the hardware that a job asks for. Where a number is 0 the site's select is
// used, or the kind's example.
type Shape struct {
	Chunks    int // pieces of the job, each on one node
	CPUs      int // of each chunk
	Ranks     int // MPI processes of each chunk
	GPUs      int // of each chunk
	MemoryGiB int // of each chunk
}

// selection is what stands behind -l select=, and the number of MPI processes.
func (j Job) selection(at site.Job) (text string, ranks int) {
	shape := j.Shape
	if j.Select != "" {
		return j.Select, ranksOf(j.Select)
	}
	if shape == (Shape{}) && j.Kind != MPI {
		text = cmp.Or(at.Select, "1:ncpus=1")
		if j.Kind == GPU && !strings.Contains(text, "ngpus=") {
			text += ":ngpus=1"
		}
		return text, 1
	}
	if j.Kind == MPI && shape == (Shape{}) {
		shape = Shape{Chunks: 2, CPUs: 4}
	}
	shape.Chunks, shape.CPUs = max(shape.Chunks, 1), max(shape.CPUs, 1)
	text = fmt.Sprintf("%d:ncpus=%d", shape.Chunks, shape.CPUs)
	ranks = 1
	if j.Kind == MPI {
		shape.Ranks = cmp.Or(shape.Ranks, shape.CPUs)
		ranks = shape.Chunks * shape.Ranks
		text += fmt.Sprintf(":mpiprocs=%d", shape.Ranks)
	}
	if j.Kind == GPU {
		shape.GPUs = max(shape.GPUs, 1)
	}
	if shape.GPUs > 0 {
		text += fmt.Sprintf(":ngpus=%d", shape.GPUs)
	}
	if shape.MemoryGiB > 0 {
		text += fmt.Sprintf(":mem=%dgb", shape.MemoryGiB)
	}
	return text, ranks
}

// ranksOf counts the MPI processes of a selection: mpiprocs of each chunk, or 1
// (pbs_resources(7B)).
func ranksOf(selection string) int {
	all := 0
	for piece := range strings.SplitSeq(selection, "+") {
		resources := strings.Split(piece, ":")
		chunks, err := strconv.Atoi(resources[0])
		if err != nil {
			return 1 // it is refused when it is checked
		}
		each := 1
		for _, r := range resources[1:] {
			if n, ok := strings.CutPrefix(r, "mpiprocs="); ok {
				if each, err = strconv.Atoi(n); err != nil {
					return 1
				}
			}
		}
		all += chunks * each
	}
	return max(all, 1)
}

// scattered reports whether the chunks of a selection belong on different nodes.
func scattered(selection string) bool {
	return strings.Contains(selection, "+") || !strings.HasPrefix(selection, "1:") && selection != "1"
}

// nameOf makes a job's name of an image's: registry.example.ac.jp/lab/cfd:1 is cfd.
func nameOf(image string) string {
	name := image[strings.LastIndexByte(image, '/')+1:]
	name, _, _ = strings.Cut(name, "@")
	name, _, _ = strings.Cut(name, ":")
	return name[:min(len(name), 15)] // qstat shows no more
}

// FileName is what a job's script may be called.
func FileName(j Job) string { return cmp.Or(j.Name, nameOf(j.Image)) + ".sh" }
