package bundle

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
)

const provenanceDir = dataDir + "/provenance"

// mostCommand bounds a command in bundle.json, in words; the record's file has all.
const mostCommand = 200

// records writes what was run, and notes with each image how often.
func (m *maker) records() error {
	known := map[digest.Digest][]*Image{} // also the manifests in an index
	for i := range m.b.Images {
		image := &m.b.Images[i]
		image.Used = 0
		for _, n := range m.graphs[key{image.Repository, image.Digest}].manifests {
			known[n.descriptor.Digest] = append(known[n.descriptor.Digest], image)
		}
	}
	m.b.Records = []Record{}
	gone := map[digest.Digest]Gone{}
	written := map[string]bool{}
	for _, r := range m.r.Records {
		name := fmt.Sprintf("%s/%s-%s-%s.json", provenanceDir, r.Started.UTC().Format("20060102T150405Z"), jobName(r.Job), r.Key()[:12])
		if written[name] {
			continue
		}
		written[name] = true
		text, err := r.Encode()
		if err == nil {
			err = m.write(name, text)
		}
		if err != nil {
			return err
		}
		words := r.Command.Words()
		record := Record{File: strings.TrimPrefix(name, dataDir+"/"), Job: short(r.Job), Started: when(r.Started), Digest: r.Image.Digest, Command: []string{}}
		for _, word := range words[:min(len(words), mostCommand)] {
			record.Command = append(record.Command, short(word))
		}
		images := append(append([]*Image{}, known[r.Image.Digest]...), known[r.Image.Resolved]...)
		if len(images) > 0 {
			record.Image = images[0].Digest
		}
		m.b.Records = append(m.b.Records, record)
		counted := map[*Image]bool{}
		for _, image := range images {
			if !counted[image] {
				counted[image] = true
				image.Used++
				if started := when(r.Started); started.After(image.LastUsed) {
					image.LastUsed = started
				}
			}
		}
		if d := cmp.Or(r.Image.Resolved, r.Image.Digest); len(images) == 0 && d != "" && m.isOurs(r.Image.Reference) {
			g := gone[d]
			gone[d] = Gone{Digest: d, Name: short(r.Image.Reference), Used: g.Used + 1}
		}
	}
	slices.SortFunc(m.b.Records, func(a, b Record) int { return cmp.Compare(a.File, b.File) })
	m.b.Gone = slices.SortedFunc(maps.Values(gone), func(a, b Gone) int { return cmp.Compare(a.Digest, b.Digest) })
	if m.b.Gone == nil {
		m.b.Gone = []Gone{}
	}
	return nil
}

// isOurs reports whether a reference of a record is in one of the repositories.
func (m *maker) isOurs(reference string) bool {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(reference, "docker://"), m.b.Registry+"/")
	rest, _, _ = strings.Cut(rest, "@")
	if i := strings.LastIndex(rest, ":"); i >= 0 {
		rest = rest[:i]
	}
	return ok && slices.Contains(m.b.Repositories, path.Clean(rest))
}

// jobName is a job's id as a part of a file's name.
func jobName(job string) string {
	safe := strings.Map(func(r rune) rune {
		if r < 128 && (r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune("._-", r)) {
			return r
		}
		return '_'
	}, job)
	return safe[:min(len(safe), 60)]
}
