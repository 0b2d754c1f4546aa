package secret

import (
	"bytes"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/change"
)

// Finding is a place in a file that looks like a secret. It does not hold the secret.
type Finding struct {
	Path string `json:"path"`
	Line int    `json:"line"` // from 1; 0 means the file as a whole
	Kind Kind   `json:"kind"`
	Of   string `json:"of,omitempty"` // whose token it is, such as GitHub
}

const (
	mostRead     = 4 << 20 // of one file: nobody writes a key behind so much of anything else
	mostFindings = 20      // of one file
)

// InFile looks for secrets in a file that goes into an image, by its path inside. What
// cannot be read has no findings.
func InFile(name string, r io.Reader) []Finding {
	name = path.Clean("/" + name)
	if change.Filter(name) != "" {
		return nil // it does not go in
	}
	foreign := isForeign(name)
	if foreign && isExample(name) || inTests(name) {
		return nil
	}
	if !foreign && keyFiles[path.Ext(name)] {
		return []Finding{{Path: name, Kind: KeyFile}}
	}
	data, err := io.ReadAll(io.LimitReader(r, mostRead))
	if err != nil || bytes.IndexByte(data[:min(len(data), 8000)], 0) >= 0 {
		return nil
	}
	f := fileFinder{name: name, text: string(data)}
	f.tokens()
	f.privateKeys()
	if !foreign {
		f.logins()
		f.values()
	}
	slices.SortStableFunc(f.found, func(a, b Finding) int { return a.Line - b.Line })
	return f.found[:min(len(f.found), mostFindings)]
}

// keyFiles are files that are keys, by their extensions.
var keyFiles = map[string]bool{".p12": true, ".pfx": true, ".jks": true, ".keystore": true, ".kdbx": true, ".keytab": true, ".ppk": true, ".agekey": true}

// isForeign: a distribution or a package manager has brought it, most likely. What is
// in there is everybody's.
func isForeign(name string) bool {
	if strings.HasPrefix(name, "/usr/") && !strings.HasPrefix(name, "/usr/local/") {
		return true
	}
	for _, dir := range foreignRoots {
		if strings.HasPrefix(name, dir) {
			return true
		}
	}
	for _, dir := range foreignDirs {
		if strings.Contains(name, dir) {
			return true
		}
	}
	return false
}

var (
	foreignRoots = []string{"/lib/", "/lib64/", "/bin/", "/sbin/", "/var/lib/dpkg/", "/var/lib/rpm/", "/etc/ssl/certs/", "/etc/pki/", "/etc/ca-certificates/", "/snap/", "/usr/local/go/"}
	foreignDirs  = []string{
		"/site-packages/", "/dist-packages/", "/node_modules/", "/site-library/", "/conda/lib/", "/conda/share/", "/conda/pkgs/", "/conda/include/", "/miniconda3/", "/miniforge3/",
		"/anaconda3/", "/mambaforge/", "/R/library/", "/go/pkg/mod/", "/.cargo/registry/", "/.julia/packages/", "/.julia/artifacts/", "/.julia/compiled/", "/.rustup/", "/lib/python2", "/lib/python3", "/.git/objects/",
	}
)

// isExample: tests and documentation hold keys that are no secrets.
func isExample(name string) bool {
	for dir := range strings.SplitSeq(strings.ToLower(name), "/") {
		if examples[dir] || strings.HasPrefix(dir, "test") || strings.HasPrefix(dir, "example") || strings.HasPrefix(dir, "sample") || strings.Contains(dir, "_test") {
			return true
		}
	}
	return false
}

// inTests: wherever it comes from, what is in such a directory is for tests.
func inTests(name string) bool {
	return strings.Contains(name, "/testdata/") || strings.Contains(name, "/tests/") || strings.Contains(name, "/test/")
}

var examples = set("doc docs demo demos fixtures spec man info locale include cassettes mocks mock recordings selftest self-test conformance contrib tutorial tutorials snakeoil dummyserver")

func set(words string) map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(words) {
		all[w] = true
	}
	return all
}

type fileFinder struct {
	name  string
	text  string
	found []Finding
}

// add notes a place, once for each line.
func (f *fileFinder) add(at int, kind Kind, of string) {
	if len(f.found) > 10*mostFindings {
		return
	}
	line := 1 + strings.Count(f.text[:at], "\n")
	for _, other := range f.found {
		if other.Line == line {
			return
		}
	}
	f.found = append(f.found, Finding{f.name, line, kind, of})
}

func (f *fileFinder) tokens() {
	for _, s := range shapes {
		if !strings.Contains(f.text, s.anchor) {
			continue
		}
		for _, m := range s.match().FindAllStringSubmatchIndex(f.text, mostFindings) {
			// Programs that people install hold keys of their makers for Google, and manuals
			// hold JWTs.
			if public := s.anchor == "AIza" || s.anchor == "eyJ"; public && isForeign(f.name) {
				continue
			}
			if !invented(f.text[m[2]:m[3]]) {
				f.add(m[2], Token, s.issuer)
			}
		}
	}
	if strings.Contains(f.text, "robot$") {
		for _, m := range robot().FindAllStringSubmatchIndex(f.text, mostFindings) {
			f.add(m[2], Token, "Harbor")
		}
	}
}

// invented tokens stand in manuals: EXAMPLE, xxxx, 1234567890, or hardly any variety.
func invented(token string) bool {
	lower := strings.ToLower(token)
	for _, part := range []string{"example", "xxxx", "0000000", "1234567", "abcdefg", "aaaaa", "your", "....", "dummy", "fake", "placeholder", "redacted"} {
		if strings.Contains(lower, part) {
			return true
		}
	}
	return entropy(token) < 3
}

// privateKeys looks for the beginning of a PEM block with something in it. The key that
// Debian's ssl-cert makes for whoever needs some certificate is no secret of anybody.
func (f *fileFinder) privateKeys() {
	if !strings.Contains(f.text, "PRIVATE KEY") || strings.Contains(path.Base(f.name), "snakeoil") {
		return
	}
	for _, m := range privateKey().FindAllStringSubmatchIndex(f.text, mostFindings) {
		if entropy(f.text[m[4]:m[5]]) > 3.5 {
			f.add(m[0], PrivateKey, "")
		}
	}
}
