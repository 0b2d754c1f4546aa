package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

func benchFiles(ctx context.Context, b *bench, s *subject) error {
	if _, err := measure(ctx, b.jrunTask("files", "pull", "--quiet", s.image)); err != nil {
		return err
	}
	defer func() { _ = removeTree(b.path("files")) }() // at the end all is removed in any case
	file, err := onlyObject(b.path("files"))
	if err != nil {
		return err
	}
	var bigIn, bigFile string
	if s.name == "sci" { // whose files are all small
		bigIn, bigFile = b.path("with-tar.sqfs"), "/flat.tar"
		if err := b.addTar(ctx, s, file, bigIn); err != nil {
			return err
		}
		defer os.Remove(bigIn)
	} else {
		bigIn = file
		if bigFile, err = biggestFile(ctx, file); err != nil {
			return err
		}
	}
	header := "what|through|fresh s|jrun / it|again s|jrun / it|CPU s of all|peak of the server, MB"
	printHeader("Files of the mounted image, the squashfs file in the page cache: "+s.title, strings.Split(header, "|"))
	for _, work := range workloads {
		rows, err := b.compareMounts(ctx, work, file, "")
		if err != nil {
			return err
		}
		printRows(rows)
	}
	for _, work := range onBigFile {
		work.name += " of " + bigFile
		rows, err := b.compareMounts(ctx, work, bigIn, bigFile)
		if err != nil {
			return err
		}
		printRows(rows)
	}
	fmt.Println("\nCPU time includes the FUSE server and making the sandbox, but not the kernel's own threads.")
	if !isRoot() {
		fmt.Println("The kernel's own mount needs root and was left out.")
	}
	return nil
}

// compareMounts measures a workload through all mounts and returns the rows of
// the table.
func (b *bench) compareMounts(ctx context.Context, work workload, file, bigFile string) ([][]string, error) {
	progress("  %s", work.name)
	if _, err := os.ReadFile(file); err != nil { // into the page cache
		return nil, err
	}
	list := mounters()
	times := make([]mountTimes, len(list))
	for range b.rounds {
		for i, m := range list {
			if err := b.timeMount(ctx, m, work.timed(bigFile), file, &times[i]); err != nil {
				return nil, fmt.Errorf("%s with %s: %w", work.name, m.name, err)
			}
		}
	}
	ours := times[0]
	var rows [][]string
	for i, m := range list {
		row := []string{
			work.name, m.name, fmt.Sprintf("%.2f", median(times[i].fresh)),
			judge(median(ours.fresh), median(times[i].fresh), targetAgainst(work.fresh, i)), "–", "–",
			fmt.Sprintf("%.2f", median(times[i].cpu)), "–",
		}
		if work.again {
			row[4] = fmt.Sprintf("%.2f", median(times[i].warm))
			row[5] = judge(median(ours.warm), median(times[i].warm), targetAgainst(work.warm, i))
		}
		if m.mount != "" {
			row[7] = fmt.Sprintf("%.0f", median(times[i].serverMB))
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// addTar makes a copy of an image's file that has the image's flat tar in it,
// too: a big file of real content.
func (b *bench) addTar(ctx context.Context, s *subject, file, to string) error {
	t := b.shell(`cat "$FILE" >"$TO"
mkdir "$TO.d"
cat >"$TO.d/flat.tar"
mksquashfs "$TO.d/flat.tar" "$TO" -quiet -no-progress -no-recovery
rm -r "$TO.d"`, map[string]string{"FILE": file, "TO": to})
	t.stdin = s.flatTar
	_, err := measure(ctx, t)
	return err
}

// biggestFile returns the name, from the root, of an image's biggest file.
func biggestFile(ctx context.Context, file string) (string, error) {
	s, err := measure(ctx, task{dir: "/", args: []string{"unsquashfs", "-lln", "-d", "", file}})
	if err != nil {
		return "", err
	}
	biggest, most := "", int64(0)
	for line := range strings.Lines(s.Output) {
		// -rw-r--r-- 0/0 1234 2024-02-29 12:00 /usr/lib/name
		fields := strings.Fields(line)
		if len(fields) != 6 || fields[0][0] != '-' {
			continue
		}
		size, err := strconv.ParseInt(fields[2], 10, 64)
		if err == nil && size > most {
			biggest, most = fields[5], size
		}
	}
	if biggest == "" {
		return "", errors.New("unsquashfs lists no file")
	}
	return biggest, nil
}
