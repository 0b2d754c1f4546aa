package workspace

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"go.podman.io/storage"
)

// Images lists the images of the store. Those without a name are what Dockerfiles are
// built from a second time: one for each of their lines.
func (st *Store) Images() ([]Kept, error) {
	images, err := st.store.Images()
	if err != nil {
		return nil, fmt.Errorf("listing images: %w", err)
	}
	layers, err := st.layersByID()
	if err != nil {
		return nil, err
	}
	all := make([]Kept, 0, len(images))
	for _, img := range images {
		k := Kept{ID: img.ID, Names: img.Names, Created: img.Created}
		for _, id := range chain(img.TopLayer, layers) {
			k.Bytes += max(layers[id].UncompressedSize, 0)
		}
		all = append(all, k)
	}
	return all, nil
}

func (st *Store) layersByID() (map[string]storage.Layer, error) {
	layers, err := st.store.Layers()
	if err != nil {
		return nil, fmt.Errorf("listing layers: %w", err)
	}
	byID := make(map[string]storage.Layer, len(layers))
	for _, l := range layers {
		byID[l.ID] = l
	}
	return byID, nil
}

// Tag gives an image of the store one more name.
func (st *Store) Tag(name, other string) error {
	base, err := st.local(name)
	if err != nil {
		return missingImage(name, err)
	}
	full, err := st.fullName(other)
	if err != nil {
		return err
	}
	if err := st.store.AddNames(base.id, []string{full}); err != nil {
		return fmt.Errorf("naming image %s: %w", name, err)
	}
	return nil
}

// Untag takes a name from an image of the store, and removes one that has no other,
// with the images of single lines of its Dockerfile that no other image stands on.
// Bases of workspaces stay.
func (st *Store) Untag(name string) error {
	base, err := st.local(name)
	if err != nil {
		return missingImage(name, err)
	}
	img, err := st.store.Image(base.id)
	if err != nil {
		return fmt.Errorf("reading image %s: %w", name, err)
	}
	if len(img.Names) > 1 {
		if !slices.Contains(img.Names, base.Name) { // given by its id
			return message.Fail(message.Of("workspace.several-names", name, strings.Join(img.Names, ", ")), nil, message.Of("workspace.several-names.next"))
		}
		return st.store.RemoveNames(img.ID, []string{base.Name})
	}
	layers, err := st.layersByID()
	if err != nil {
		return err
	}
	if err := st.deleteImage(name, img.ID); err != nil {
		return err
	}
	below := chain(img.TopLayer, layers)
	return st.prune(func(layer string, stoodOn bool) bool { return slices.Contains(below, layer) && !stoodOn })
}

// chain are the layers from top to the lowest.
func chain(top string, layers map[string]storage.Layer) []string {
	var all []string
	for id := top; id != ""; id = layers[id].Parent {
		all = append(all, id)
	}
	return all
}

func (st *Store) deleteImage(name, id string) error {
	_, err := st.store.DeleteImage(id, true)
	switch {
	case errors.Is(err, storage.ErrImageUsedByContainer):
		return message.Fail(message.Of("workspace.image-used", name), nil, message.Of("workspace.image-used.next"))
	case err != nil:
		return message.Fail(message.Of("workspace.image-remove", name), err)
	}
	return nil
}

// Prune removes all images without a name but bases of workspaces.
func (st *Store) Prune() error {
	return st.prune(func(string, bool) bool { return true })
}

// prune removes images without a name, if no workspace was made from them. wanted tells
// by their uppermost layer, and by whether an image with a name or a workspace stands on
// that.
func (st *Store) prune(wanted func(layer string, stoodOn bool) bool) error {
	images, err := st.store.Images()
	if err != nil {
		return fmt.Errorf("listing images: %w", err)
	}
	containers, err := st.store.Containers()
	if err != nil {
		return fmt.Errorf("listing workspaces: %w", err)
	}
	layers, err := st.layersByID()
	if err != nil {
		return err
	}
	stoodOn, bases := map[string]bool{}, map[string]bool{}
	standOn := func(layer string) {
		for _, id := range chain(layer, layers) {
			stoodOn[id] = true
		}
	}
	for _, img := range images {
		if len(img.Names) > 0 {
			standOn(img.TopLayer)
		}
	}
	for _, c := range containers {
		standOn(c.LayerID)
		bases[c.ImageID] = true
	}
	for _, img := range images {
		if len(img.Names) > 0 || bases[img.ID] || !wanted(img.TopLayer, stoodOn[img.TopLayer]) {
			continue
		}
		if err := st.deleteImage(shortID(img.ID), img.ID); err != nil {
			return err
		}
	}
	return nil
}

// shortID is an id as it is shown.
func shortID(id string) string { return id[:min(len(id), 12)] }
