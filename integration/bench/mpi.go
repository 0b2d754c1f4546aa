package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/jrun-hpc/jrun/integration/images"
)

// mpiTarget is how fast messages inside are to be, in multiples of those outside.
const mpiTarget = 0.97

// roundTrips is how many messages of a size are timed in one start of the program.
// How fast a start is depends on where its memory came to lie, so that many short
// ones say more than a few long ones.
const roundTrips = "2000"

// mpiFamily is an MPI of the host, by Debian's names. Its image has the same packages
// of the same distribution, and so the same version.
type mpiFamily struct {
	name, title string
	launcher    []string // which binds ranks to cores: one that moves would be all that is measured
	compiler    string
}

var mpiFamilies = []mpiFamily{
	{"openmpi", "Open MPI", []string{"mpirun.openmpi", "-np", "2", "--bind-to", "core"}, "mpicc.openmpi"},
	{"mpich", "MPICH", []string{"mpirun.mpich", "-np", "2", "-bind-to", "core"}, "mpicc.mpich"},
}

// mpiWay is where the program and its MPI are.
type mpiWay struct {
	name    string
	command []string
	messages
}

// benchMPI times messages between two ranks that the host's launcher starts on this
// machine.
func benchMPI(ctx context.Context, b *bench, _ *subject) error {
	var each, overall [][]string
	for _, f := range mpiFamilies {
		progress("  %s", f.title)
		ways, err := b.timeMessages(ctx, f)
		if err != nil {
			return fmt.Errorf("%s: %w", f.title, err)
		}
		each = append(each, eachSize(f, ways)...)
		overall = append(overall, allSizes(f, ways)...)
	}
	header := "MPI|bytes|latency µs: outside|hybrid|swapped|MB/s: outside|hybrid|swapped"
	printTable("Messages of MPI between two ranks on a node", strings.Split(header, "|"), each)
	fmt.Println("\nHybrid: the host's launcher and the image's MPI. Swapped: the host's MPI in the place of the image's. All are the same version.")
	header = "MPI|program|speed of a message / outside|bandwidth / outside"
	printTable("The same, geometric means of all sizes", strings.Split(header, "|"), overall)
	return nil
}

// timeMessages goes all ways of a family; outside is the first.
func (b *bench) timeMessages(ctx context.Context, f mpiFamily) ([]mpiWay, error) {
	program := b.path("latency." + f.name)
	if out, err := exec.CommandContext(ctx, f.compiler, "-O2", "integration/mpi/latency.c", "-o", program).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("compiling latency.c: %w: %s", err, out)
	}
	image, err := b.pullMPI(ctx, f)
	if err != nil {
		return nil, err
	}
	inside := func(mode string) []string {
		return []string{b.jrun, "run", "--quiet", "--mpi=" + mode, image, "--", program}
	}
	ways := []mpiWay{
		{name: "outside", command: []string{program}},
		{name: "hybrid", command: inside("pmi")},
		{name: "swapped", command: inside(f.name)},
	}
	for i := range ways {
		ways[i].messages = messages{latency: {}, bandwidth: {}}
	}
	for range b.rounds * repetitions {
		for _, way := range ways {
			t := b.jrunTask("mpi")
			t.args = slices.Concat(f.launcher, way.command, []string{roundTrips})
			result, err := measure(ctx, t)
			if err == nil {
				err = way.read(result.Output)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", way.name, err)
			}
		}
	}
	return ways, nil
}

// pullMPI makes a family's image and converts it.
func (b *bench) pullMPI(ctx context.Context, f mpiFamily) (reference string, err error) {
	img, err := images.MPI(ctx, images.Docker, f.name)
	if err != nil {
		return "", err
	}
	reference = b.registry.Host + "/bench/" + f.name + ":1"
	if err := images.Push(ctx, reference, img, authn.Anonymous); err != nil {
		return "", err
	}
	_, err = measure(ctx, b.jrunTask("mpi", "pull", "--quiet", reference))
	return reference, err
}

func eachSize(f mpiFamily, ways []mpiWay) (rows [][]string) {
	outside := ways[0]
	for _, size := range outside.sizes() {
		row := []string{f.title, strconv.Itoa(size)}
		for _, column := range []struct{ what, format string }{{latency, "%.2f"}, {bandwidth, "%.0f"}} {
			for _, way := range ways {
				row = append(row, fmt.Sprintf(column.format, median(way.messages[column.what][size])))
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func allSizes(f mpiFamily, ways []mpiWay) (rows [][]string) {
	outside := ways[0]
	for _, way := range ways[1:] {
		rows = append(rows, []string{
			f.title, way.name,
			judgeShare(way.overall(latency, outside.messages), mpiTarget),
			judgeShare(way.overall(bandwidth, outside.messages), mpiTarget),
		})
	}
	return rows
}
