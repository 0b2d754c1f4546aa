package starter

import (
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// pyProjectFile is what is read of pyproject.toml (Python Packaging User Guide,
// "pyproject.toml specification").
type pyProjectFile struct {
	Project *struct {
		Name           string   `toml:"name"`
		RequiresPython string   `toml:"requires-python"`
		Dependencies   []string `toml:"dependencies"`
		Dynamic        []string `toml:"dynamic"`
	} `toml:"project"`
	Tool struct {
		Poetry *struct {
			Dependencies map[string]any `toml:"dependencies"`
		} `toml:"poetry"`
	} `toml:"tool"`
}

// pyProject installs a project's dependencies, and not the project: its sources stay
// where they are edited.
func (p *planner) pyProject(text []byte) error {
	var file pyProjectFile
	if err := decodeTOML(p.Name, text, &file); err != nil {
		return err
	}
	if file.Project == nil {
		hint := message.Of("starter.pyproject.no-project.next")
		if file.Tool.Poetry != nil {
			hint = message.Plain("poetry export -f requirements.txt -o requirements.txt && jbuild new --from requirements.txt")
		}
		return message.Fail(message.Of("starter.pyproject.no-project", p.Name), nil, hint)
	}
	for _, field := range file.Project.Dynamic {
		if field == "dependencies" {
			return message.Fail(message.Of("starter.pyproject.dynamic", p.Name), nil, message.Of("starter.pyproject.no-project.next"))
		}
	}
	var fits func(string) bool
	what := ""
	if requires := file.Project.RequiresPython; requires != "" {
		var err error
		if fits, err = pythonFits(requires); err != nil {
			return message.Fail(message.Of("starter.pyproject.python", p.Name, requires), err, message.Of("starter.unreadable.next"))
		}
		what = "Python " + requires
	}
	if len(file.Project.Dependencies) == 0 {
		return message.Fail(message.Of("starter.empty", p.Name), nil, message.Of("starter.unknown.next"))
	}
	r := &requirements{files: map[string][]byte{}}
	for _, d := range file.Project.Dependencies {
		if strings.ContainsAny(d, "\n\r") || strings.HasPrefix(strings.TrimSpace(d), "-") {
			return message.Fail(message.Of("starter.pyproject.dependency", p.Name, d), nil, message.Of("starter.line.next", p.Name))
		}
		if keep, err := r.line(p.Dir, p.Name, 0, d); err != nil {
			return message.Fail(message.Of("starter.pyproject.dependency", p.Name, d), nil, message.Of("starter.line.next", p.Name))
		} else if !keep {
			continue
		}
		r.files["requirements.txt"] = fmt.Appendf(r.files["requirements.txt"], "%s\n", strings.TrimSpace(d))
	}
	p.file("pyproject.toml", text)
	p.note(message.Of("starter.pyproject.only-dependencies"))
	p.Name = "requirements.txt"
	return p.pythonPlan(r, fits, what)
}

// decodeTOML reads a file; errors name the line.
func decodeTOML(name string, text []byte, into any) error {
	_, err := toml.Decode(string(text), into)
	var parse toml.ParseError
	if errors.As(err, &parse) {
		return message.Fail(message.Of("starter.line", name, parse.Position.Line), errors.New(parse.Message), message.Of("starter.line.next", name))
	}
	if err != nil {
		return message.Fail(message.Of("starter.unreadable", name), err, message.Of("starter.line.next", name))
	}
	return nil
}
