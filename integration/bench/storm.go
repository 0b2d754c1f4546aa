package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strings"
)

// What jrun aims at, in multiples of squashfuse_ll: the wall time of the storm, and
// the CPU time beyond that of ranks whose files cost nothing.
const (
	stormTarget      = 0.5
	stormShareTarget = 0.5
)

// stormer is one way to give ranks their files. They start and import at once, from
// a mount that is made for them.
type stormer struct {
	name   string
	mount  string // script that mounts FILE at MOUNT; "" if nothing is mounted, or by root
	byRoot bool   // with the kernel's own squashfs
	rank   string // script of one rank
	// What jrun aims at against it.
	wallTarget, shareTarget float64
}

// stormers lists jrun first and the floor last.
func stormers() []stormer {
	const bwrap = `bwrap --ro-bind "$%s" / --dev /dev --proc /proc --bind /tmp /tmp --chdir / --clearenv --setenv PATH /usr/bin:/bin ` + imports
	inMount, inTree := fmt.Sprintf(bwrap, "MOUNT"), fmt.Sprintf(bwrap, "TREE")
	list := []stormer{{name: "**jrun run**, ranks of a batch job", rank: `"$JRUN" run --quiet --clean-env -w / "$FILE" -- ` + imports}}
	for _, m := range mounters() {
		list = append(list, stormer{name: m.name + " + bwrap", mount: m.mount, byRoot: m.mount == "", rank: inMount})
	}
	const squashfuse = 2 // behind the two of jrun
	list[squashfuse].wallTarget, list[squashfuse].shareTarget = stormTarget, stormShareTarget
	return append(list, stormer{name: "unpacked in memory + bwrap (floor)", rank: inTree})
}

// benchStorm starts the ranks of a node at once, all of which import the same packages.
func benchStorm(ctx context.Context, b *bench, s *subject) error {
	if _, err := measure(ctx, b.jrunTask("storm", "pull", "--quiet", s.image)); err != nil {
		return err
	}
	defer func() { _ = removeTree(b.path("storm")) }() // at the end all is removed in any case
	file, err := onlyObject(b.path("storm"))
	if err != nil {
		return err
	}
	tree := b.path("storm-root")
	if err := b.unpack(ctx, file, tree); err != nil {
		return err
	}
	defer func() { _ = removeTree(tree) }()

	list := stormers()
	results := make([]series, len(list))
	for range b.rounds {
		for i, way := range list {
			if _, err := os.ReadFile(file); err != nil { // into the page cache
				return err
			}
			result, err := b.storm(ctx, way, map[string]string{"FILE": file, "TREE": tree})
			if err != nil {
				return fmt.Errorf("%s: %w", way.name, err)
			}
			results[i].samples = append(results[i].samples, result)
		}
	}
	printStorm(s, list, results)
	return nil
}

// storm starts all ranks of one way and waits for them.
func (b *bench) storm(ctx context.Context, way stormer, env map[string]string) (result sample, err error) {
	mount := b.path("mount")
	if err := b.user.Mkdir(mount); err != nil {
		return sample{}, err
	}
	defer func() { err = errors.Join(err, os.Remove(mount)) }()
	script := fmt.Sprintf(`i=0
while [ $i -lt %d ]; do i=$((i+1)); { %s; } & pids="$pids $!"; done
for pid in $pids; do wait $pid; done`, ranks, way.rank)
	switch {
	case way.mount != "":
		script = way.mount + "\n" + script + unmount
	case way.byRoot:
		if err := mountBy(ctx, "-t", "squashfs", "-o", "loop,ro", env["FILE"], mount); err != nil {
			return sample{}, err
		}
		defer func() { err = errors.Join(err, unmountDir(mount)) }()
	}
	all := map[string]string{
		"MOUNT": mount, "JRUN": b.jrun, "JRUN_STORE": b.path("storm"), "PBS_JOBID": batchJob, "pids": "",
	}
	maps.Copy(all, env)
	result, err = measure(ctx, b.shell(script, all))
	if err != nil && way.mount != "" {
		exec.Command("fusermount3", "-uz", mount).Run() // the script did not come so far
	}
	return result, err
}

func printStorm(s *subject, list []stormer, results []series) {
	floor := results[len(results)-1].median(cpu)
	share := func(i int) float64 { return results[i].median(cpu) - floor }
	var rows [][]string
	for i, way := range list {
		row := []string{
			way.name,
			fmt.Sprintf("%.2f", results[i].median(wall)), judge(results[0].median(wall), results[i].median(wall), way.wallTarget),
			fmt.Sprintf("%.2f", results[i].median(cpu)), ratio(results[0].median(cpu), results[i].median(cpu)),
			"–", "–",
		}
		if i < len(list)-1 {
			row[5], row[6] = fmt.Sprintf("%.2f", share(i)), judge(share(0), share(i), way.shareTarget)
		}
		rows = append(rows, row)
	}
	header := "way|wall s|jrun / it|CPU s|jrun / it|CPU s beyond the floor|jrun / it"
	title := fmt.Sprintf("%d Python processes that import numpy, scipy and pandas at once: %s", ranks, s.title)
	printTable(title, strings.Split(header, "|"), rows)
	fmt.Println("\nEach starts as a rank does, in a sandbox of its own or, with jrun, its job's; mounts are fresh, the squashfs file in the page cache. What is beyond the floor is files and sandboxes; the floor is Python.")
}
