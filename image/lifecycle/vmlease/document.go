package vmlease

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"strings"
	"time"
)

// Document is a JSON list of objects, in a file or behind an address.
type Document struct {
	File string
	URL  string // in place of File
	web  *web   // how URL is asked

	Items  string            // where in the document the list is, as names with dots between
	Fields map[string]string // where in an object each field is, in the same way
	Zone   *time.Location    // of times that name none
}

var _ Source = Document{}

// Leases implements Source.
func (d Document) Leases(ctx context.Context) iter.Seq2[Lease, error] {
	return func(yield func(Lease, error) bool) {
		from := d.File
		content, err := d.fetch(ctx)
		if d.File == "" {
			from = d.URL
		}
		if err == nil {
			for l, err := range d.parse(content) {
				if err != nil {
					yield(Lease{}, fmt.Errorf("%s: %w", from, err))
					return
				}
				if !yield(l, nil) {
					return
				}
			}
			return
		}
		yield(Lease{}, err)
	}
}

func (d Document) fetch(ctx context.Context) ([]byte, error) {
	if d.File == "" {
		return d.web.ask(ctx, http.MethodGet, d.URL, nil)
	}
	f, err := os.Open(d.File)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(&bounded{in: f, left: mostList})
}

// parse reads all objects; the first error is the last.
func (d Document) parse(content []byte) iter.Seq2[Lease, error] {
	return func(yield func(Lease, error) bool) {
		var whole any
		decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(content, []byte("\uFEFF"))))
		decoder.UseNumber()
		err := decoder.Decode(&whole)
		if err == nil {
			if _, more := decoder.Token(); !errors.Is(more, io.EOF) {
				err = errors.New("there is something behind the document")
			}
		}
		items, ok := at(whole, d.Items).([]any)
		if err == nil && !ok {
			err = fmt.Errorf("there is no list at %q; lease.items says where it is", d.Items)
		}
		if err != nil {
			yield(Lease{}, err)
			return
		}
		names := names(d.Fields)
		for i, item := range items {
			l, err := lease(func(field string) string { return text(at(item, names[field])) }, d.Zone)
			if err != nil {
				err = fmt.Errorf("item %d: %w", i+1, err)
			}
			if !yield(l, err) || err != nil {
				return
			}
		}
	}
}

// at is what a path of names leads to; nil where it leads nowhere.
func at(value any, path string) any {
	if path == "" {
		return value
	}
	for name := range strings.SplitSeq(path, ".") {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[name]
	}
	return value
}

// text is a value as a column of a table would have it.
func text(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}
