package bundle

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// errSumLine is for what is no line of a list of sums.
var errSumLine = errors.New("a line is not a SHA-256 sum, two spaces and a path")

// parseSums reads a list of sums, as a bag has it and sha256sum writes it: the sum in
// hexadecimal, white space, a path, in which CR, LF and % are escaped as in a URL
// (RFC 8493, section 2.1.3). The same path twice is an error, and so is one that leads
// out of the bag.
func parseSums(text []byte) (map[string]string, error) {
	sums := map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		sum, name, ok := strings.Cut(line, " ")
		if _, err := hex.DecodeString(sum); !ok || err != nil || len(sum) != 64 {
			return nil, fmt.Errorf("%w: %q", errSumLine, short(line))
		}
		name = strings.TrimPrefix(strings.TrimLeft(name, " \t"), "*") // binary, as sha256sum -b writes it
		name = sumEscapes.Replace(name)
		if !localName(name) {
			return nil, fmt.Errorf("%q is no path in a bag", short(name))
		}
		if _, twice := sums[name]; twice {
			return nil, fmt.Errorf("%q is there twice", short(name))
		}
		sums[name] = strings.ToLower(sum)
	}
	return sums, nil
}

var sumEscapes = strings.NewReplacer("%0A", "\n", "%0a", "\n", "%0D", "\r", "%0d", "\r", "%25", "%")
