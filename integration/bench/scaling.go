package main

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
)

// benchScaling converts an image with one CPU and with two.
func benchScaling(ctx context.Context, b *bench, s *subject) error {
	counts := []int{1, 2}
	if runtime.NumCPU() >= 4 {
		counts = append(counts, 4)
	}
	results := make([]series, len(counts))
	for range b.rounds {
		for i, n := range counts {
			way := b.converters(s)[0]
			way.task.args = append([]string{"taskset", "-c", fmt.Sprintf("0-%d", n-1)}, way.task.args...)
			way.task.env["GOMAXPROCS"] = strconv.Itoa(n)
			result, _, err := b.convert(ctx, way)
			if err != nil {
				return err
			}
			results[i].samples = append(results[i].samples, result)
		}
	}
	var rows [][]string
	for i, n := range counts {
		rows = append(rows, []string{
			strconv.Itoa(n),
			fmt.Sprintf("%.1f", results[i].median(wall)), ratio(results[i].median(wall), results[0].median(wall)),
			fmt.Sprintf("%.1f", results[i].median(cpu)), fmt.Sprintf("%.0f", results[i].median(peak)),
		})
	}
	header := "CPUs (taskset and GOMAXPROCS)|wall s|wall / one CPU's|CPU s|peak of one process, MB"
	printTable("jrun pull by CPUs: "+s.title, strings.Split(header, "|"), rows)
	fmt.Println("\nThe registry runs on the same machine and is not held to these CPUs.")
	return nil
}
