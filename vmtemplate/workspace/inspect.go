package workspace

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Details are what an image of the store says of itself.
type Details struct {
	Kept
	Digest       digest.Digest // of the manifest, as it was pulled or made
	Architecture string
	OS           string
	Author       string
	Config       json.RawMessage // everything that it says about running programs
	Layers       []digest.Digest // the lowest first
	History      []Event         // the oldest first
}

// Event is one instruction of those that made an image.
type Event struct {
	Created time.Time
	By      string
	Comment string
	Bytes   int64 // of its layer; 0 if it made none
}

// Inspect describes an image of the store.
func (st *Store) Inspect(name string) (Details, error) {
	base, err := st.local(name)
	if err != nil {
		return Details{}, missingImage(name, err)
	}
	img, err := st.store.Image(base.id)
	if err != nil {
		return Details{}, fmt.Errorf("reading image %s: %w", name, err)
	}
	raw, err := st.configOf(img)
	if err != nil {
		return Details{}, err
	}
	var c struct {
		Architecture string            `json:"architecture"`
		OS           string            `json:"os"`
		Author       string            `json:"author"`
		Created      *time.Time        `json:"created"`
		Config       json.RawMessage   `json:"config"`
		RootFS       ocispec.RootFS    `json:"rootfs"`
		History      []ocispec.History `json:"history"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return Details{}, fmt.Errorf("reading the configuration of image %s: %w", name, err)
	}
	d := Details{
		Kept:   Kept{ID: img.ID, Names: img.Names, Created: img.Created},
		Digest: img.Digest, Architecture: c.Architecture, OS: c.OS, Author: c.Author, Config: c.Config, Layers: c.RootFS.DiffIDs,
	}
	if c.Created != nil {
		d.Created = *c.Created
	}
	sizes, err := st.layerSizes(img.TopLayer)
	if err != nil {
		return Details{}, err
	}
	for _, n := range sizes {
		d.Bytes += n
	}
	d.History = events(c.History, sizes)
	return d, nil
}

// layerSizes are the sizes of the layers up to top, the lowest first.
func (st *Store) layerSizes(top string) ([]int64, error) {
	byID, err := st.layersByID()
	if err != nil {
		return nil, err
	}
	var sizes []int64
	for id := top; id != ""; id = byID[id].Parent {
		sizes = append([]int64{max(byID[id].UncompressedSize, 0)}, sizes...)
	}
	return sizes, nil
}

// events gives each instruction that made a layer the next one's size.
func events(history []ocispec.History, sizes []int64) []Event {
	all := make([]Event, 0, len(history))
	for _, h := range history {
		e := Event{By: h.CreatedBy, Comment: h.Comment}
		if h.Created != nil {
			e.Created = *h.Created
		}
		if !h.EmptyLayer && len(sizes) > 0 {
			e.Bytes, sizes = sizes[0], sizes[1:]
		}
		all = append(all, e)
	}
	return all
}
