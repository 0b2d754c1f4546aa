package message

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/BurntSushi/toml"
	"golang.org/x/text/language"
	"golang.org/x/text/message/catalog"
)

//go:embed catalogue/*.toml
var files embed.FS

// entry is one text in all languages.
type entry struct{ En, Ja string }

var (
	entries = mustLoad(files)
	texts   = build(entries)
	english = newPrinter(language.English)
)

// mustLoad reads the catalogue, which is part of the program: TestCatalogue has read
// it before anybody else does.
func mustLoad(files fs.FS) map[string]entry {
	all, err := load(files)
	if err != nil {
		panic(err)
	}
	return all
}

// load reads all files. A name that two of them have, or that is not its file's, is an
// error.
func load(files fs.FS) (map[string]entry, error) {
	names, err := fs.Glob(files, "catalogue/*.toml")
	if err != nil {
		return nil, err
	}
	all := map[string]entry{}
	for _, name := range names {
		var tables map[string]any
		if _, err := toml.DecodeFS(files, name, &tables); err != nil {
			return nil, fmt.Errorf("reading the messages in %s: %w", name, err)
		}
		if err := flatten(all, "", tables); err != nil {
			return nil, fmt.Errorf("reading the messages in %s: %w", name, err)
		}
	}
	return all, nil
}

// flatten adds the texts of a table and the tables in it: [a.b] is called a.b.
func flatten(all map[string]entry, prefix string, table map[string]any) error {
	var e entry
	own := false
	for key, value := range table {
		name := strings.TrimPrefix(prefix+"."+key, ".")
		switch v := value.(type) {
		case map[string]any:
			if err := flatten(all, name, v); err != nil {
				return err
			}
		case string:
			switch own = true; key {
			case "en":
				e.En = strings.TrimRight(v, "\n")
			case "ja":
				e.Ja = strings.TrimRight(v, "\n")
			default:
				return fmt.Errorf("%s: %q is not a language", prefix, key)
			}
		default:
			return fmt.Errorf("%s is not a text", name)
		}
	}
	if !own {
		return nil
	}
	if _, twice := all[prefix]; twice {
		return fmt.Errorf("%s is there twice", prefix)
	}
	all[prefix] = e
	return nil
}

func build(entries map[string]entry) catalog.Catalog {
	b := catalog.NewBuilder(catalog.Fallback(language.English))
	for name, e := range entries {
		// Errors are of malformed messages; there is no markup in ours.
		_ = b.SetString(language.English, name, e.En)
		_ = b.SetString(language.Japanese, name, e.Ja)
	}
	return b
}
