package main

import (
	"errors"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
)

// Lines of the example that beginWith changes.
const (
	exampleHarbor = `"https://harbor.example.ac.jp"`
	exampleStore  = `"/lustre/jrun"`
)

// beginWith is the example with what is known of the site: the address of Harbor, and
// the sections of the store, which are comments without one.
func beginWith(example []byte, o initOptions) ([]byte, error) {
	text := string(example)
	if o.harbor != "" {
		at, err := url.Parse(o.harbor)
		if err == nil && (at.Host == "" || at.User != nil || at.Scheme != "https" && at.Scheme != "http") {
			err = errors.New("it is not like https://harbor.example.ac.jp")
		}
		if err != nil {
			return nil, fault.Newf(err, "jadm init --harbor https://harbor.example.ac.jp", "cannot understand the address of Harbor")
		}
		text = strings.Replace(text, exampleHarbor, strconv.Quote(strings.TrimSuffix(o.harbor, "/")), 1)
	}
	if o.store == "" {
		return []byte(text), nil
	}
	if !filepath.IsAbs(o.store) {
		return nil, fault.Newf(errors.New("all nodes must know it by the same name"), "jadm init --store /lustre/jrun", "the store %q is no absolute path", o.store)
	}
	lines := strings.Split(text, "\n")
	open := false
	for i, line := range lines {
		switch line {
		case "# [store]", "# [serve]":
			open = true
		case "":
			open = false
		}
		if open {
			lines[i] = strings.TrimPrefix(line, "# ")
		}
	}
	text = strings.Join(lines, "\n")
	return []byte(strings.Replace(text, exampleStore, strconv.Quote(filepath.Clean(o.store)), 1)), nil
}
