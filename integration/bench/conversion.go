package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// converter is one way from an image to a squashfs file.
type converter struct {
	name   string
	task   task
	output string // a glob of the file it makes
	result string // all that is wanted of what it leaves behind; the rest is temporary
	// What jrun aims at, as multiples of its CPU and wall time.
	cpuTarget, wallTarget float64
}

// What jrun pull aims at.
const (
	peakTargetMB = 268 // 256 MiB
	diskTargetMB = 0
)

func (b *bench) converters(s *subject) []converter {
	const mksquashfs = "-comp zstd -Xcompression-level 3 -b 128K -quiet -no-progress -noappend"
	env := map[string]string{"IMAGE": s.image, "W": b.path("way"), "TMPDIR": b.path("scratch")}
	out := b.path("way", "out.sqfs")
	fromTar := func(script string) task {
		t := b.shell(`mkdir "$W"; `+script, env)
		t.stdin = s.flatTar
		return t
	}
	jrun := b.jrunTask("way", "pull", "--quiet", s.image)
	jrun.env["TMPDIR"] = b.path("scratch")
	return []converter{
		{
			name:   "**jrun pull**: registry → squashfs",
			task:   jrun,
			output: b.path("way", "user", "*", "objects", "*.sqfs"),
			result: b.path("way"), // a store with an image in it
		},
		{
			name: "skopeo copy + umoci unpack + mksquashfs: registry → squashfs",
			task: b.shell(`mkdir "$W"
skopeo --insecure-policy copy --quiet --src-tls-verify=false "docker://$IMAGE" "oci:$W/oci:1"
umoci --log=error unpack --rootless --image "$W/oci:1" "$W/bundle"
mksquashfs "$W/bundle/rootfs" "$W/out.sqfs" `+mksquashfs, env),
			output: out, result: out,
			cpuTarget: 0.33, wallTarget: 0.28,
		},
		{
			name:   "mksquashfs -tar: a flat tar on disk → squashfs (no download, no layers, no inflating)",
			task:   fromTar(`mksquashfs - "$W/out.sqfs" -tar ` + mksquashfs),
			output: out, result: out,
		},
		{
			name:   "tar2sqfs: the same",
			task:   fromTar(`tar2sqfs -q -c zstd -X level=3 -b 128K "$W/out.sqfs"`),
			output: out, result: out,
		},
	}
}

func benchConversion(ctx context.Context, b *bench, s *subject) error {
	ways := b.converters(s)
	results := make([]series, len(ways))
	for range b.rounds {
		for i, way := range ways {
			sample, size, err := b.convert(ctx, way)
			if err != nil {
				return err
			}
			results[i].name, results[i].outBytes = way.name, size
			results[i].samples = append(results[i].samples, sample)
		}
	}
	printConversion(s, ways, results)
	return nil
}

// convert goes one way once and returns what it cost and the size of the file.
func (b *bench) convert(ctx context.Context, way converter) (sample, int64, error) {
	scratch := b.path("scratch")
	if err := b.user.Mkdir(scratch); err != nil {
		return sample{}, 0, err
	}
	disk, err := watchDisk(b.dir)
	if err != nil {
		return sample{}, 0, err
	}
	result, err := measure(ctx, way.task)
	peakBytes := disk.stop()
	if err != nil {
		return sample{}, 0, err
	}
	made, err := filepath.Glob(way.output)
	if err != nil || len(made) != 1 {
		return sample{}, 0, fmt.Errorf("%s made the files %q", way.name, made)
	}
	info, err := os.Stat(made[0])
	if err != nil {
		return sample{}, 0, err
	}
	resultBytes, err := bytesOf(way.result)
	if err != nil {
		return sample{}, 0, err
	}
	result.TemporaryBytes = max(0, peakBytes-resultBytes)
	if err := removeTree(b.path("way")); err != nil {
		return sample{}, 0, err
	}
	return result, info.Size(), removeTree(scratch)
}

func printConversion(s *subject, ways []converter, results []series) {
	ours := results[0]
	var rows [][]string
	for i, r := range results {
		peakMB, diskMB := fmt.Sprintf("%.0f", r.median(peak)), fmt.Sprintf("%.0f", r.median(temporary))
		if i == 0 {
			peakMB, diskMB = judgeAmount(r.median(peak), peakTargetMB), judgeAmount(r.median(temporary), diskTargetMB)
		}
		rows = append(rows, []string{
			r.name,
			fmt.Sprintf("%.1f", r.median(cpu)), judge(ours.median(cpu), r.median(cpu), ways[i].cpuTarget),
			fmt.Sprintf("%.1f", r.median(wall)), judge(ours.median(wall), r.median(wall), ways[i].wallTarget),
			peakMB, diskMB, fmt.Sprintf("%.0f", float64(r.outBytes)/1e6),
		})
	}
	header := "way|CPU s|jrun / it|wall s|jrun / it|peak of one process, MB|temporary disk, MB|file, MB"
	printTable("Conversion of "+s.title+", zstd 3, 128 KiB blocks", strings.Split(header, "|"), rows)
	fmt.Println("\nThe registry's own CPU time is in none of the numbers. Temporary disk is the most that was ever used beyond the result: the file, and for jrun what its store keeps beside it.")
}
