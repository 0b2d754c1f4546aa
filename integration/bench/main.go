package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// options is what the command line says.
type options struct {
	rounds int
	only   []string // parts to measure; empty for all
	images []string // subjects to measure with
	dir    string   // parent of the work files
}

// part is a table, or some that belong together.
type part struct {
	name    string
	measure func(context.Context, *bench, *subject) error
	once    bool // whatever the image; the subject is nil
}

var parts = []part{
	{"conversion", benchConversion, false},
	{"scaling", benchScaling, false},
	{"again", benchAgain, false},
	{"files", benchFiles, false},
	{"cold", benchCold, false},
	{"storm", benchStorm, false},
	{"start", benchStart, true},
	{"mpi", benchMPI, true},
	{"pbs", benchPBS, true},
	{"builder", benchBuilder, true},
	{"site", benchSite, true},
}

// needSubjects says whether a chosen part measures with an image.
func (o options) needSubjects() bool {
	return slices.ContainsFunc(parts, func(p part) bool { return !p.once && (len(o.only) == 0 || slices.Contains(o.only, p.name)) })
}

func main() {
	if copies, err := strconv.Atoi(os.Getenv(copiesVariable)); err == nil {
		exitWith(measureHere(copies, os.Args[1:]))
	}
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "how often each thing is measured")
	short := flag.Bool("short", false, "one round only, to see that everything works")
	only := flag.String("only", "", "measure only some of conversion,scaling,again,files,cold,storm,start,mpi,pbs,builder,site (default all)")
	images := flag.String("images", "sci", "the images to measure with, of sci,big; making the big one takes four minutes and 15 GB of disk, once, and measuring it 12 GB of memory")
	flag.StringVar(&o.dir, "dir", memory, "where work files go; memory by default, so that no disk is measured")
	flag.Parse()
	if *short {
		o.rounds = 1
	}
	o.images = strings.Split(*images, ",")
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	exitWith(err)
}

func exitWith(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(ctx context.Context, o options) (err error) {
	for _, name := range o.only {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("there is no part %q", name)
		}
	}
	b, err := newBench(ctx, o)
	if b != nil {
		defer func() { err = errors.Join(err, b.close()) }()
	}
	if err != nil {
		return err
	}
	printMachine(o.rounds)
	for i := range b.subjects {
		if err := b.measureParts(ctx, o, &b.subjects[i]); err != nil {
			return err
		}
	}
	return b.measureParts(ctx, o, nil)
}

// measureParts measures the chosen parts of a subject, or those that have none.
func (b *bench) measureParts(ctx context.Context, o options, s *subject) error {
	for _, part := range parts {
		if part.once != (s == nil) || len(o.only) > 0 && !slices.Contains(o.only, part.name) {
			continue
		}
		if s != nil {
			progress("%s of %s", part.name, s.name)
		} else {
			progress("%s", part.name)
		}
		if err := part.measure(ctx, b, s); err != nil {
			return fmt.Errorf("measuring %s: %w", part.name, err)
		}
	}
	return nil
}
