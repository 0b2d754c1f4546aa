package starter

import (
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// debianPackage is a package's name (Debian Policy, 5.6.1) with an architecture and a
// version or a release, as apt-get(8) takes them.
var debianPackage = form(`^[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?(=[A-Za-z0-9.+:~-]+|/[a-z-]+)?$`)

// parseApt reads a list of packages: one or more a line, '#' begins a comment, as
// repo2docker's apt.txt.
func parseApt(name string, text []byte) ([]string, error) {
	var packages []string
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line, _, _ = strings.Cut(line, "#")
		for word := range strings.FieldsSeq(line) {
			if !debianPackage().MatchString(word) {
				return nil, wrong(name, number, message.Of("starter.apt.name", word))
			}
			if !slices.Contains(packages, word) {
				packages = append(packages, word)
			}
		}
	}
	if len(packages) == 0 {
		return nil, message.Fail(message.Of("starter.empty", name), nil, message.Of("starter.unknown.next"))
	}
	return packages, nil
}

func (p *planner) apt(text []byte) error {
	packages, err := parseApt(p.Name, text)
	if err != nil {
		return err
	}
	if _, err := p.choose(debian, nil, ""); err != nil {
		return err
	}
	p.file("apt.txt", text)
	p.install(message.Of("starter.step.packages"), packages...)
	return nil
}
