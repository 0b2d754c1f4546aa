package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// What jrun aims at when a hundredth of an image has changed.
const (
	againCPUTarget   = 0.06
	againBytesTarget = 0.02
	againDiskTarget  = 1.1
)

// place is where a store is.
type place struct {
	name string
	dir  string // belongs to the user
}

// benchAgain pulls an image, then one that differs from it in the last layer.
func benchAgain(ctx context.Context, b *bench, s *subject) (err error) {
	places := []place{{"memory", b.path("again")}}
	if err := b.user.Mkdir(places[0].dir); err != nil {
		return err
	}
	defer os.Remove(places[0].dir)
	if isRoot() {
		dir, unmount, err := b.reflinkStorage(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, unmount()) }()
		places = append(places, place{"XFS that shares blocks", dir})
	}
	meter, err := startMeter(b.registry.Host)
	if err != nil {
		return err
	}
	defer meter.stop()

	full, again := make([]pulls, len(places)), make([]pulls, len(places))
	for range b.rounds {
		for i, p := range places {
			if err := b.pull(ctx, meter, p, s.before, &full[i]); err != nil {
				return err
			}
			if err := b.pull(ctx, meter, p, s.after, &again[i]); err != nil {
				return err
			}
			if err := removeTree(p.dir + "/store"); err != nil {
				return err
			}
		}
	}
	printAgain(s, places, full, again)
	return nil
}

// pulls are the measurements of one kind of pull.
type pulls struct {
	series
	fetchedMB, diskMB []float64
}

// pull pulls an image through the meter into a place and notes what it took.
func (b *bench) pull(ctx context.Context, m *meter, p place, reference string, results *pulls) error {
	before, err := settledBytes(p.dir)
	if err != nil {
		return err
	}
	t := b.jrunTask("", "pull", "--quiet", m.host+"/"+reference)
	t.env["JRUN_STORE"] = p.dir + "/store"
	m.reset()
	result, err := measure(ctx, t)
	if err != nil {
		return err
	}
	fetched := m.reset()
	after, err := settledBytes(p.dir)
	if err != nil {
		return err
	}
	results.samples = append(results.samples, result)
	results.fetchedMB = append(results.fetchedMB, float64(fetched)/1e6)
	results.diskMB = append(results.diskMB, float64(after-before)/1e6)
	return nil
}

// settledBytes is how much of the file system that dir is on is used, when
// everything has been written.
func settledBytes(dir string) (int64, error) {
	file, err := os.Open(dir)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	if err := unix.Syncfs(int(file.Fd())); err != nil {
		return 0, fmt.Errorf("writing what is pending of %s: %w", dir, err)
	}
	return usedBytes(dir)
}

func printAgain(s *subject, places []place, full, again []pulls) {
	var rows [][]string
	for i, p := range places {
		diskTarget := float64(noTarget)
		if i > 0 {
			diskTarget = againDiskTarget
		}
		one := median(full[i].diskMB)
		both := one + median(again[i].diskMB)
		rows = append(rows, []string{
			"first version, whole", p.name,
			fmt.Sprintf("%.2f", full[i].median(cpu)), "", fmt.Sprintf("%.2f", full[i].median(wall)), "",
			fmt.Sprintf("%.1f", median(full[i].fetchedMB)), "", fmt.Sprintf("%.0f", one), "",
		}, []string{
			"**second version**", p.name,
			fmt.Sprintf("%.2f", again[i].median(cpu)), judge(again[i].median(cpu), full[i].median(cpu), againCPUTarget),
			fmt.Sprintf("%.2f", again[i].median(wall)), ratio(again[i].median(wall), full[i].median(wall)),
			fmt.Sprintf("%.1f", median(again[i].fetchedMB)), judge(median(again[i].fetchedMB), median(full[i].fetchedMB), againBytesTarget),
			fmt.Sprintf("%.0f", both), judge(both, one, diskTarget),
		})
	}
	header := "pull|store in|CPU s|/ first|wall s|/ first|fetched, MB|/ first|disk of the store, MB|both / one"
	printTable("Another version of an image, of which 1 % has changed: "+s.title, strings.Split(header, "|"), rows)
	fmt.Println("\nThe versions share all layers but the last. Fetched are the bytes that the registry sent in answers' bodies.")
	if !isRoot() {
		fmt.Println("Storage that shares blocks needs root to be made and was left out.")
	}
}
