package starter

import (
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// requirement is one of a requirements file.
type requirement struct {
	name string // normalised (PEP 503); empty for a URL that names none
	url  string // of a direct reference
}

// vcs reports whether git, or another such program, must fetch it, and which.
func (r requirement) vcs() string {
	scheme, _, ok := strings.Cut(r.url, "+")
	if ok && slices.Contains([]string{"git", "hg", "svn", "bzr"}, scheme) {
		return scheme
	}
	return ""
}

// requirements is what pip reads of a file and of those that it includes.
type requirements struct {
	list  []requirement
	files map[string][]byte // what is copied, by the names relative to the first
	left  []message.Text    // lines that were left out
}

// mostIncludes bounds how many files are read.
const mostIncludes = 50

// readRequirements reads a requirements file as pip does (pip's documentation,
// "Requirements File Format"): continued lines, comments, options, includes.
func readRequirements(dir fs.FS, name string, text []byte) (*requirements, error) {
	r := &requirements{files: map[string][]byte{}}
	return r, r.read(dir, name, text)
}

func (r *requirements) read(dir fs.FS, name string, text []byte) error {
	if len(r.files) >= mostIncludes {
		return message.Fail(message.Of("starter.pip.many-includes", name), nil, message.Of("starter.line.next", name))
	}
	r.files[name] = nil // a file that includes itself is read once
	lines := strings.SplitAfter(string(text), "\n")
	for i := 0; i < len(lines); i++ {
		first := i
		logical := strings.TrimRight(lines[i], "\r\n")
		for strings.HasSuffix(logical, `\`) && i+1 < len(lines) && !strings.HasPrefix(strings.TrimSpace(logical), "#") {
			i++
			logical = strings.TrimSuffix(logical, `\`) + strings.TrimRight(lines[i], "\r\n")
		}
		keep, err := r.line(dir, name, first+1, logical)
		if err != nil {
			return err
		}
		if !keep {
			for j := first; j <= i; j++ {
				lines[j] = "# " + lines[j]
			}
		}
	}
	r.files[name] = []byte(strings.Join(lines, ""))
	return nil
}

var (
	comment = form(`(^|\s)#.*$`)
	// pythonName is PEP 508's identifier, with extras.
	pythonName = form(`^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\[[A-Za-z0-9._,\s-]*\])?\s*(.*)$`)
	// specifiers are PEP 440's, as far as their form.
	specifiers = form(`^\(?\s*(?:(?:===|~=|==|!=|<=|>=|<|>)\s*[^\s,;()]+\s*(?:,\s*|$))+\)?$`)
	hashes     = form(`\s--(?:hash|config-settings?|global-option)[= ].*$`)
)

// valued are options that are followed by a value.
var valued = []string{
	"-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--no-binary", "--only-binary", "--trusted-host", "--use-feature", "--progress-bar",
}

// alone are options without one.
var alone = []string{"--no-index", "--prefer-binary", "--require-hashes", "--pre"}

// line reads a logical line. keep is false if pip must not see it.
func (r *requirements) line(dir fs.FS, name string, number int, text string) (keep bool, err error) {
	text = strings.TrimSpace(comment().ReplaceAllString(text, ""))
	if text == "" {
		return true, nil
	}
	if hasPassword(text) {
		return false, wrong(name, number, message.Of("starter.pip.password"))
	}
	if !strings.HasPrefix(text, "-") {
		return r.requirement(name, number, text)
	}
	option, value := cutOption(text)
	switch {
	case option == "-r" || option == "--requirement" || option == "-c" || option == "--constraint":
		return true, r.include(dir, name, number, value)
	case option == "-e" || option == "--editable":
		return r.requirement(name, number, value)
	case slices.Contains(valued, option):
		if value == "" {
			return false, wrong(name, number, message.Of("starter.pip.no-value", option))
		}
		if (option == "-f" || option == "--find-links") && isLocal(value) {
			r.left = append(r.left, message.Of("starter.pip.local", name, number, value))
			return false, nil
		}
		return true, nil
	case slices.Contains(alone, option) && value == "":
		return true, nil
	}
	return false, wrong(name, number, message.Of("starter.pip.option", option))
}

// cutOption parts -rFILE, -r FILE, --requirement=FILE and --requirement FILE.
func cutOption(text string) (option, value string) {
	if i := strings.IndexAny(text, "= \t"); i >= 0 {
		return text[:i], strings.Trim(strings.TrimSpace(text[i+1:]), `"'`)
	}
	if !strings.HasPrefix(text, "--") && len(text) > 2 {
		return text[:2], text[2:]
	}
	return text, ""
}

func (r *requirements) include(dir fs.FS, name string, number int, file string) error {
	if strings.Contains(file, "://") {
		return nil // pip fetches it
	}
	at := path.Join(path.Dir(name), file)
	if file == "" || !fs.ValidPath(at) || path.IsAbs(file) {
		return wrong(name, number, message.Of("starter.pip.include", file))
	}
	if _, seen := r.files[at]; seen {
		return nil
	}
	text, err := readFile(dir, at)
	if err != nil {
		return wrongFile(name, number, err)
	}
	return r.read(dir, at, text)
}

// wrongFile is an error about a file that a line names.
func wrongFile(name string, number int, why error) error {
	return message.Fail(message.Of("starter.line", name, number), why, message.Of("starter.line.next", name))
}

func (r *requirements) requirement(name string, number int, text string) (keep bool, err error) {
	text = strings.TrimSpace(hashes().ReplaceAllString(text, ""))
	if isLocal(text) {
		r.left = append(r.left, message.Of("starter.pip.local", name, number, text))
		return false, nil
	}
	if scheme, _, ok := strings.Cut(text, "://"); ok && regexp.MustCompile(`^[a-z+]+$`).MatchString(scheme) {
		r.list = append(r.list, requirement{name: eggName(text), url: text})
		return true, nil
	}
	m := pythonName().FindStringSubmatch(text)
	if m == nil {
		return false, wrong(name, number, message.Of("starter.pip.requirement", text))
	}
	found := requirement{name: normalise(m[1])}
	rest := m[3]
	if address, ok := strings.CutPrefix(rest, "@"); ok {
		found.url, _, _ = strings.Cut(strings.TrimSpace(address), " ;")
		if isLocal(found.url) {
			r.left = append(r.left, message.Of("starter.pip.local", name, number, text))
			return false, nil
		}
		rest = ""
	}
	rest, marker, marked := strings.Cut(rest, ";")
	if rest = strings.TrimSpace(rest); rest != "" && !specifiers().MatchString(rest) || marked && strings.TrimSpace(marker) == "" {
		return false, wrong(name, number, message.Of("starter.pip.requirement", text))
	}
	r.list = append(r.list, found)
	return true, nil
}

// isLocal reports whether pip would look for a file or a directory of this machine.
func isLocal(text string) bool {
	text, _, _ = strings.Cut(text, ";")
	text = strings.TrimSpace(text)
	return text == "." || strings.HasPrefix(text, "./") || strings.HasPrefix(text, "../") || strings.HasPrefix(text, "/") || strings.HasPrefix(text, "~") ||
		strings.HasPrefix(text, ".[") || strings.HasPrefix(text, "file:") ||
		!strings.Contains(text, "://") && (strings.HasSuffix(text, ".whl") || strings.HasSuffix(text, ".tar.gz") || strings.HasSuffix(text, ".zip"))
}

// hasPassword reports whether a URL of the line has a login in it that is no variable.
func hasPassword(text string) bool {
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(" \t=@,", r) && r != '@' }) {
		i := strings.Index(word, "://")
		if i < 0 {
			continue
		}
		u, err := url.Parse("x" + word[i:])
		if err != nil || u.User == nil {
			continue
		}
		secret, has := u.User.Password()
		if !has && !strings.Contains(word[:i], "ssh") {
			secret = u.User.Username() // a token
		}
		if secret != "" && secret != "git" && !strings.Contains(secret, "$") {
			return true
		}
	}
	return false
}

// eggName is the name that a URL gives after #egg=.
func eggName(text string) string {
	_, fragment, _ := strings.Cut(text, "#")
	for part := range strings.SplitSeq(fragment, "&") {
		if egg, ok := strings.CutPrefix(part, "egg="); ok {
			egg, _, _ = strings.Cut(egg, "[")
			return normalise(egg)
		}
	}
	return ""
}

var separators = form(`[-_.]+`)

// normalise writes a package's name in the one way that PEP 503 gives.
func normalise(name string) string { return strings.ToLower(separators().ReplaceAllString(name, "-")) }
