package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// series is what was measured of one contestant, a sample for each round.
type series struct {
	name     string
	samples  []sample
	outBytes int64 // size of what it made; 0 if it made nothing
}

// median of a property of the samples.
func (s series) median(of func(sample) float64) float64 {
	var values []float64
	for _, each := range s.samples {
		values = append(values, of(each))
	}
	return median(values)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	values = slices.Sorted(slices.Values(values))
	middle := len(values) / 2
	if len(values)%2 == 0 {
		return (values[middle-1] + values[middle]) / 2
	}
	return values[middle]
}

func wall(s sample) float64 { return s.WallSeconds }
func cpu(s sample) float64  { return s.CPUSeconds }
func peak(s sample) float64 { return float64(s.PeakBytes) / 1e6 }

func temporary(s sample) float64 { return float64(s.TemporaryBytes) / 1e6 }

// printTable prints rows of cells in Markdown.
func printTable(title string, header []string, rows [][]string) {
	printHeader(title, header)
	printRows(rows)
}

// printHeader begins a table whose rows follow as they are measured.
func printHeader(title string, header []string) {
	fmt.Printf("\n## %s\n\n| %s |\n|%s\n", title, strings.Join(header, " | "), strings.Repeat("---|", len(header)))
}

func printRows(rows [][]string) {
	for _, row := range rows {
		fmt.Printf("| %s |\n", strings.Join(row, " | "))
	}
}

// ratio writes a value in multiples of another.
func ratio(value, reference float64) string {
	if reference == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", value/reference)
}

// progress says on standard error what is measured next.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: %s %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

func printMachine(rounds int) {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	fmt.Printf("Machine: %d × %s, Linux %s. Medians of %d interleaved rounds.\n",
		runtime.NumCPU(), model, strings.TrimSpace(string(kernel)), rounds)
}
