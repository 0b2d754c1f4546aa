// Package bases lists images to begin with: what the shared projects of a registry
// offer, and what a user has made.
//
//	c := bases.New(bases.Options{Registry: r, Shared: site.BaseProjects, Own: "u001"})
//	for repository, err := range c.Repositories(ctx) { … }      // comes page by page
//	for repository, err := range c.Search(ctx, "cuda torch") { … }
//	tags, err := c.Tags(ctx, "shared/pytorch")                  // the newest first
//
// # Two kinds of registries
//
// A Harbor is asked through its API: descriptions, sizes, dates and the results of
// scans come with the lists. Any other registry knows names only (/v2/_catalog and
// tags/list of the distribution specification); dates and sizes are in each image's
// manifest and configuration, which Details fetches for the few tags that are shown.
//
// # Slow lines
//
// Lists are iterators that ask for a page when the one before is used up, so the
// first hundred are there after one request, and whoever looks at ten never asks for
// the rest. A project that was listed to its end is remembered for as long as the
// Catalogue lives: a search after it asks nothing.
//
// # Strangers' text
//
// Descriptions are written by anybody. They become one line of bounded length, without
// tags of HTML and without what controls a terminal. Names that no registry may have
// are left out.
package bases
