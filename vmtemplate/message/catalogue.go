package message

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/BurntSushi/toml"
	"golang.org/x/text/language"
)

//go:embed catalogue/*.toml
var files embed.FS

// entry is one text in all languages.
type entry struct{ En, Ja string }

// in is the text in a language.
func (e entry) in(tag language.Tag) string {
	if tag == language.Japanese {
		return e.Ja
	}
	return e.En
}

var (
	texts   = &catalogue{files: files, read: map[string]map[string]entry{}}
	english = newPrinter(language.English)
)

// catalogue reads its files when a text of theirs is asked for: all of them take longer
// than most commands.
type catalogue struct {
	files fs.FS

	lock sync.Mutex
	read map[string]map[string]entry // by file; empty for one that is not there
}

// shared are files with texts of several packages, or of commands.
var shared = []string{"root", "commands"}

// find returns the text called name. The first part of a name is that of its file, if
// it is in none of those that are shared.
func (c *catalogue) find(name string) (entry, bool) {
	first, _, _ := strings.Cut(name, ".")
	for _, file := range append([]string{first}, shared...) {
		if e, ok := c.file(file)[name]; ok {
			return e, true
		}
	}
	return entry{}, false
}

// file is what a file has. The files are a part of the program, and TestCatalogue has
// read them before anybody else does.
func (c *catalogue) file(name string) map[string]entry {
	c.lock.Lock()
	defer c.lock.Unlock()
	if all, known := c.read[name]; known {
		return all
	}
	all := map[string]entry{}
	if err := loadFile(all, c.files, "catalogue/"+name+".toml"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		panic(err)
	}
	c.read[name] = all
	return all
}

// load reads all files. A name that two of them have is an error.
func load(files fs.FS) (map[string]entry, error) {
	names, err := fs.Glob(files, "catalogue/*.toml")
	if err != nil {
		return nil, err
	}
	all := map[string]entry{}
	for _, name := range names {
		if err := loadFile(all, files, name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// loadFile adds the texts of a file to all.
func loadFile(all map[string]entry, files fs.FS, name string) error {
	var tables map[string]any
	if _, err := toml.DecodeFS(files, name, &tables); err != nil {
		return fmt.Errorf("reading the messages in %s: %w", name, err)
	}
	if err := flatten(all, "", tables); err != nil {
		return fmt.Errorf("reading the messages in %s: %w", name, err)
	}
	return nil
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
