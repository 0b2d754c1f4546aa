package harbor

import (
	"context"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strconv"
)

// pageSize is the most that Harbor gives at once; 101 is 422.
const pageSize = 100

// pages yields all items of a list, one request for each hundred. After an
// error it ends.
func pages[T any](ctx context.Context, c *Client, path string, query url.Values, header http.Header) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		query := maps.Clone(query)
		if query == nil {
			query = url.Values{}
		}
		query.Set("page_size", strconv.Itoa(pageSize))
		for page, seen := 1, 0; ; page++ {
			query.Set("page", strconv.Itoa(page))
			var items []T
			got, err := c.do(ctx, call{method: http.MethodGet, path: path, query: query, header: header}, &items)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			seen += len(items)
			if last(got.header, len(items), seen) {
				return
			}
		}
	}
}

// last reports whether nothing follows. The count that Harbor states may be
// too large (of members it once was 6, with an empty list), so a short page is
// the end as well.
func last(header http.Header, items, seen int) bool {
	total, err := strconv.Atoi(header.Get("X-Total-Count"))
	return items < pageSize || err == nil && seen >= total
}

// All collects what a list yields, up to its first error.
func All[T any](list iter.Seq2[T, error]) ([]T, error) {
	var all []T
	for item, err := range list {
		if err != nil {
			return all, err
		}
		all = append(all, item)
	}
	return all, nil
}
