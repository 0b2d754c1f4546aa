package bundle

import (
	"context"
	"fmt"
	"os"
)

// List is what Make would put into a bundle, as the registry's lists have it. Nothing
// stays on the disk.
func List(ctx context.Context, r Request) (images []Image, err error) {
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("listing images: %w", err)
	}
	dir, err := os.MkdirTemp("", "jadm-list-") // for indexes, which have to be read
	if err != nil {
		return nil, fmt.Errorf("listing images: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is in the temporary directory
	m := &maker{r: r, disk: &disk{dir: dir}, pinned: map[key]bool{}}
	s, err := m.snapshot(ctx)
	return s.Bundle.Images, err
}
