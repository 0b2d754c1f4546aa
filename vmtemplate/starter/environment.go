package starter

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"go.yaml.in/yaml/v3"
)

// environment is what is read of environment.yml (conda's documentation, "Creating an
// environment file manually").
type environment struct {
	channels  []string
	packages  []spec
	pip       *requirements // of the section pip; nil without one
	variables []string      // NAME=VALUE
	unknown   []string      // keys that conda ignores
	prefix    bool          // it names a directory, which is another one here
	files     map[string][]byte
}

// spec is one package of conda.
type spec struct {
	name  string
	build string // of an exact build, as 'conda env export' writes them
}

// condaSpec is a match specification as far as its form: channel, name, version, build.
var condaSpec = form(`^(?:[A-Za-z0-9_./:-]+::)?([A-Za-z0-9_][A-Za-z0-9_.-]*)\s*(\[[^\]]*\])?\s*((?:[=<>!~].*)?|[0-9*][^=]*)$`)

var variableName = form(`^[A-Za-z_][A-Za-z0-9_]*$`)

func readEnvironment(dir fs.FS, name string, text []byte) (*environment, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, yamlError(name, err)
	}
	if len(document.Content) == 0 || document.Content[0].Kind != yaml.MappingNode {
		return nil, wrong(name, 1, message.Of("starter.conda.no-mapping"))
	}
	e := &environment{files: map[string][]byte{name: text}}
	root := document.Content[0]
	for i := 0; i+1 < len(root.Content); i += 2 {
		if err := e.key(dir, name, root.Content[i], root.Content[i+1]); err != nil {
			return nil, err
		}
	}
	if len(e.packages) == 0 {
		return nil, message.Fail(message.Of("starter.empty", name), nil, message.Of("starter.unknown.next"))
	}
	return e, nil
}

func (e *environment) key(dir fs.FS, name string, key, value *yaml.Node) error {
	var err error
	switch key.Value {
	case "name":
	case "prefix":
		e.prefix = true
	case "channels":
		err = eachText(name, value, func(n *yaml.Node) error {
			if strings.HasPrefix(n.Value, "-") || strings.ContainsAny(n.Value, " \n") {
				return wrong(name, n.Line, message.Of("starter.conda.spec", n.Value))
			}
			if hasPassword(n.Value) || strings.Contains(n.Value, "/t/") {
				return wrong(name, n.Line, message.Of("starter.pip.password"))
			}
			e.channels = append(e.channels, n.Value)
			return nil
		})
	case "dependencies":
		err = e.dependencies(dir, name, value)
	case "variables":
		err = e.setVariables(name, value)
	default:
		e.unknown = append(e.unknown, key.Value)
	}
	return err
}

func (e *environment) dependencies(dir fs.FS, name string, list *yaml.Node) error {
	if list.Kind != yaml.SequenceNode {
		return wrong(name, list.Line, message.Of("starter.conda.no-list"))
	}
	for _, n := range list.Content {
		switch {
		case n.Kind == yaml.ScalarNode:
			m := condaSpec().FindStringSubmatch(strings.TrimSpace(n.Value))
			if m == nil {
				return wrong(name, n.Line, message.Of("starter.conda.spec", n.Value))
			}
			found := spec{name: strings.ToLower(m[1])}
			// NAME=VERSION=BUILD is what an export writes.
			if parts := strings.Split(n.Value, "="); len(parts) == 3 && parts[1] != "" && parts[2] != "" && !strings.Contains(parts[2], "*") {
				found.build = parts[2]
			}
			e.packages = append(e.packages, found)
		case n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[0].Value == "pip":
			if err := e.pipSection(dir, name, n.Content[1]); err != nil {
				return err
			}
		default:
			return wrong(name, n.Line, message.Of("starter.conda.dependency"))
		}
	}
	return nil
}

// pipSection reads lines of a requirements file.
func (e *environment) pipSection(dir fs.FS, name string, list *yaml.Node) error {
	e.pip = &requirements{files: map[string][]byte{}}
	err := eachText(name, list, func(n *yaml.Node) error {
		if strings.Contains(n.Value, "\n") {
			return wrong(name, n.Line, message.Of("starter.pip.requirement", n.Value))
		}
		keep, err := e.pip.line(dir, name, n.Line, n.Value)
		if err == nil && !keep {
			// conda gives the section to pip as it is.
			return wrong(name, n.Line, message.Of("starter.conda.local", n.Value))
		}
		return err
	})
	if err == nil {
		maps.Copy(e.files, e.pip.files)
	}
	return err
}

func (e *environment) setVariables(name string, list *yaml.Node) error {
	if list.Kind != yaml.MappingNode {
		return wrong(name, list.Line, message.Of("starter.conda.no-mapping"))
	}
	for i := 0; i+1 < len(list.Content); i += 2 {
		key, value := list.Content[i], list.Content[i+1]
		if value.Kind != yaml.ScalarNode || !variableName().MatchString(key.Value) || strings.ContainsAny(value.Value, "\n\x00") {
			return wrong(name, key.Line, message.Of("starter.conda.variable", key.Value))
		}
		e.variables = append(e.variables, key.Value+"="+value.Value)
	}
	return nil
}

// eachText calls do for the texts of a list.
func eachText(name string, list *yaml.Node, do func(*yaml.Node) error) error {
	if list.Kind != yaml.SequenceNode {
		return wrong(name, list.Line, message.Of("starter.conda.no-list"))
	}
	for _, n := range list.Content {
		if n.Kind != yaml.ScalarNode {
			return wrong(name, n.Line, message.Of("starter.conda.no-list"))
		}
		if err := do(n); err != nil {
			return err
		}
	}
	return nil
}

var yamlLine = form(`^yaml: line (\d+): (.*)$`)

// yamlError is the library's error with the line where a person looks for it: the
// library says it in its text only.
func yamlError(name string, err error) error {
	if m := yamlLine().FindStringSubmatch(err.Error()); m != nil {
		if line, convErr := strconv.Atoi(m[1]); convErr == nil {
			return message.Fail(message.Of("starter.line", name, line), errors.New(m[2]), message.Of("starter.line.next", name))
		}
	}
	return message.Fail(message.Of("starter.unreadable", name), err, message.Of("starter.line.next", name))
}

// elsewhere are packages of conda for other systems than Linux, which exports from there
// bring.
var elsewhere = []string{"pywin32", "pywinpty", "vs2015_runtime", "vc", "ucrt", "vc14_runtime", "wincertstore", "win_inet_pton", "libcxx", "appnope", "pyobjc-core", "pyobjc-framework-cocoa", "m2w64-gcc-libs", "msys2-conda-epoch"}

// foreign are the packages of a file that Linux does not have.
func (e *environment) foreign() []string {
	var names []string
	for _, s := range e.packages {
		if slices.Contains(elsewhere, s.name) || strings.HasPrefix(s.name, "m2w64-") {
			names = append(names, s.name)
		}
	}
	return names
}

// exact reports whether the file names builds, which are for one system and vanish from
// channels.
func (e *environment) exact() bool {
	return slices.ContainsFunc(e.packages, func(s spec) bool { return s.build != "" })
}

func (e *environment) has(name string) bool {
	return slices.ContainsFunc(e.packages, func(s spec) bool { return s.name == name })
}
