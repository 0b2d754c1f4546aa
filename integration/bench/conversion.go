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
}

func (b *bench) converters() []converter {
	const mksquashfs = "-comp zstd -Xcompression-level 3 -b 128K -quiet -no-progress -noappend"
	env := map[string]string{"IMAGE": b.image, "W": filepath.Join(b.dir, "way"), "FLAT": b.flatTar}
	out := filepath.Join(b.dir, "way", "out.sqfs")
	return []converter{
		{
			name:   "**jrun pull**: registry → squashfs",
			task:   b.jrunTask("way", "pull", "--quiet", b.image),
			output: filepath.Join(b.dir, "way", "user", "*", "objects", "*.sqfs"),
		},
		{
			name: "skopeo copy + umoci unpack + mksquashfs: registry → squashfs",
			task: b.shell(`mkdir "$W"
skopeo --insecure-policy copy --quiet --src-tls-verify=false "docker://$IMAGE" "oci:$W/oci:1"
umoci --log=error unpack --rootless --image "$W/oci:1" "$W/bundle"
mksquashfs "$W/bundle/rootfs" "$W/out.sqfs" `+mksquashfs, env),
			output: out,
		},
		{
			name: "mksquashfs -tar: a flat tar on disk → squashfs (no download, no layers, no inflating)",
			task: b.shell(`mkdir "$W"
mksquashfs - "$W/out.sqfs" -tar `+mksquashfs+` <"$FLAT"`, env),
			output: out,
		},
		{
			name: "tar2sqfs: the same",
			task: b.shell(`mkdir "$W"
tar2sqfs -q -c zstd -X level=3 -b 128K "$W/out.sqfs" <"$FLAT"`, env),
			output: out,
		},
	}
}

func benchConversion(ctx context.Context, b *bench) error {
	ways := b.converters()
	results := make([]series, len(ways))
	scrap := filepath.Join(b.dir, "way")
	for range b.rounds {
		for i, way := range ways {
			s, err := measure(ctx, way.task)
			if err != nil {
				return err
			}
			results[i].name = way.name
			results[i].samples = append(results[i].samples, s)
			made, err := filepath.Glob(way.output)
			if err != nil || len(made) != 1 {
				return fmt.Errorf("%s made the files %q", way.name, made)
			}
			info, err := os.Stat(made[0])
			if err != nil {
				return err
			}
			results[i].outBytes = info.Size()
			if err := removeTree(scrap); err != nil {
				return err
			}
		}
	}
	printConversion(results)
	return nil
}

// removeTree removes a tree in which directories may be unwritable.
func removeTree(dir string) error {
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			err = os.Chmod(path, 0o700)
		}
		return err
	})
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

func printConversion(results []series) {
	ours := results[0]
	var rows [][]string
	for _, r := range results {
		rows = append(rows, []string{
			r.name,
			fmt.Sprintf("%.1f", r.median(cpu)), ratio(ours.median(cpu), r.median(cpu)),
			fmt.Sprintf("%.1f", r.median(wall)), ratio(ours.median(wall), r.median(wall)),
			fmt.Sprintf("%.0f", r.median(peak)), fmt.Sprintf("%.0f", float64(r.outBytes)/1e6),
		})
	}
	title := "Conversion of Debian with numpy, scipy and pandas, zstd 3, 128 KiB blocks"
	printTable(title, strings.Split("way|CPU s|jrun / it|wall s|jrun / it|peak of one process, MB|file, MB", "|"), rows)
	fmt.Println("\nThe registry's own CPU time is in none of the numbers.")
}
