package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// secondBytesTarget is what may go up, in multiples of the image, when a hundredth of
// it has changed.
const secondBytesTarget = 0.02

// largeLayerBytes is what a session installs that installs much.
const largeLayerBytes = 40 << 20

// pushes are the measurements of one kind of upload.
type pushes struct {
	series
	sentMB, imageMB []float64
}

// firstImage is what happens to an image in one round.
type firstImage struct {
	first     pushes // a small package
	small     pushes // then a hundredth of the image
	large     pushes // then a large layer
	ofTheSame pushes // of which then a hundredth changes
}

// measureFirst times the way from a base to an image in the registry, and uploads of
// what was changed after that.
func (s *builders) measureFirst(ctx context.Context) error {
	results := make([]firstImage, len(s.tools))
	for round := range s.rounds {
		for i, tool := range s.tools {
			progress("  first image, round %d: %s", round+1, tool.name)
			if err := s.oneImage(ctx, tool, round, &results[i]); err != nil {
				return err
			}
		}
	}
	var rows, later [][]string
	for i, tool := range s.tools {
		r, ours := results[i], results[0]
		rows = append(rows, []string{
			tool.name, fmt.Sprintf("%.2f", r.first.median(wall)), ratio(ours.first.median(wall), r.first.median(wall)),
			fmt.Sprintf("%.2f", r.first.median(cpu)), ratio(ours.first.median(cpu), r.first.median(cpu)),
			fmt.Sprintf("%.2f", median(r.first.sentMB)),
		})
		for _, change := range []struct {
			what string
			of   func(firstImage) pushes
			goal float64
		}{
			{"files of 1 % of the image are new", func(f firstImage) pushes { return f.small }, secondBytesTarget},
			{"files of 40 MB are new", func(f firstImage) pushes { return f.large }, noTarget},
			{"1 % of these files is changed", func(f firstImage) pushes { return f.ofTheSame }, secondBytesTarget},
		} {
			p, our := change.of(r), change.of(ours)
			goal := change.goal
			if i > 0 {
				goal = noTarget
			}
			later = append(later, []string{
				change.what, tool.name, fmt.Sprintf("%.2f", p.median(wall)), ratio(our.median(wall), p.median(wall)),
				fmt.Sprintf("%.2f", p.median(cpu)), fmt.Sprintf("%.2f", median(p.sentMB)), judge(median(p.sentMB), median(p.imageMB), goal),
			})
		}
	}
	printTable("A first image: Debian, one small package installed, pushed to a registry on the same machine",
		strings.Split("with|wall s|jbuild / it|CPU s|jbuild / it|sent, MB", "|"), rows)
	fmt.Println("\nThe base is there before. CPU time is that of all that is started, package manager included, without the registry's.")
	printTable("The same image pushed again",
		strings.Split("what happened in it|with|wall s|jbuild / it|CPU s|sent, MB|/ image", "|"), later)
	fmt.Println("\nNew files hold random bytes. Sent are the bytes of requests' bodies; the image is what its layers have in the registry.")
	return nil
}

// oneImage is one round of one builder.
func (s *builders) oneImage(ctx context.Context, tool builder, round int, r *firstImage) error {
	// Where jbuild runs commands is /, and in podman's container, the working directory.
	const folder = "mkdir -p ./opt/data && cd ./opt/data && "
	if err := s.push(ctx, tool, tool.first, round, &r.first); err != nil {
		return err
	}
	imageBytes := int(1e6 * r.first.imageMB[len(r.first.imageMB)-1])
	changes := []struct {
		command string
		results *pushes
	}{
		{"head -c " + strconv.Itoa(imageBytes/100) + " /dev/urandom >a", &r.small},
		{"for i in $(seq 100); do head -c " + strconv.Itoa(largeLayerBytes/100) + " /dev/urandom >b$i; done", &r.large},
		{"head -c " + strconv.Itoa(largeLayerBytes/100) + " /dev/urandom >b50", &r.ofTheSame},
	}
	for _, change := range changes {
		t := s.task(tool, tool.inside, round)
		t.env["COMMAND"] = folder + change.command
		if _, err := measure(ctx, t); err != nil {
			return err
		}
		if err := s.push(ctx, tool, tool.second, round, change.results); err != nil {
			return err
		}
	}
	_, err := measure(ctx, s.task(tool, tool.remove, round))
	return err
}

// push measures a script that ends with an upload.
func (s *builders) push(ctx context.Context, tool builder, script string, round int, results *pushes) error {
	t := s.task(tool, script, round)
	s.meter.reset()
	result, err := measure(ctx, t)
	if err != nil {
		return err
	}
	results.samples = append(results.samples, result)
	results.sentMB = append(results.sentMB, float64(s.meter.sent.Load())/1e6)
	size, err := sizeInRegistry(ctx, t.env["REF"])
	results.imageMB = append(results.imageMB, float64(size)/1e6)
	return err
}

// sizeInRegistry is how many bytes the layers of an image are, compressed.
func sizeInRegistry(ctx context.Context, reference string) (int64, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return 0, err
	}
	image, err := remote.Image(ref, remote.WithContext(ctx), remote.WithAuth(authn.Anonymous))
	if err != nil {
		return 0, fmt.Errorf("asking for %s: %w", reference, err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		return 0, fmt.Errorf("reading the manifest of %s: %w", reference, err)
	}
	var size int64
	for _, layer := range manifest.Layers {
		size += layer.Size
	}
	return size, nil
}
