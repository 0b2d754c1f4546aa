package desired

import (
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// at says on which line of text a key is, if that can be found.
func at(text string, key toml.Key, err error) error {
	if line := lineOf(text, key); line > 0 {
		return fmt.Errorf("line %d: %w", line, err)
	}
	return err
}

// lineOf finds a key, or the longest beginning of it that is somewhere: keys of inline
// tables are on the line of the table. 0 for none. It reads what people write, and not
// all of TOML: the parser keeps no positions, and a line that is not found is not said.
func lineOf(text string, key toml.Key) int {
	best, found := 0, 0
	var table toml.Key
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		var here toml.Key
		if strings.HasPrefix(line, "[") {
			table = splitKey(strings.Trim(strings.SplitN(line, "#", 2)[0], "[] \t"))
			here = table
		} else if name, _, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			here = append(append(toml.Key{}, table...), splitKey(name)...)
		}
		if n := len(here); n > best && n <= len(key) && here.String() == key[:n].String() {
			best, found = n, number
		}
	}
	return found
}

// splitKey reads a dotted key whose parts may be quoted.
func splitKey(text string) toml.Key {
	var key toml.Key
	var part strings.Builder
	quote := rune(0)
	for _, r := range strings.TrimSpace(text) {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote = r
		case quote == 0 && r == '.':
			key = append(key, strings.TrimSpace(part.String()))
			part.Reset()
		default:
			part.WriteRune(r)
		}
	}
	return append(key, strings.TrimSpace(part.String()))
}
