package dockerfile

import (
	"bytes"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/platforms"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/openshift/imagebuilder"
	"github.com/openshift/imagebuilder/dockerfile/parser"
)

// instructions are those that a Dockerfile may have.
var instructions = []string{
	"ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD", "RUN", "SHELL",
	"STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
}

// parsed is what must be known of a Dockerfile before it is built.
type parsed struct {
	stages []stage // up to the target
}

// stage is what begins with a FROM.
type stage struct {
	name   string // its number if it has no other
	base   string // image, earlier stage, or scratch
	line   int    // of its FROM
	needs  []need // images or stages from which it copies
	steps  []step // what follows the FROM
	needed bool   // the target is made of it
}

// need is a name of an image or a stage that an instruction copies from or mounts.
type need struct {
	name string
	line int
}

// step is an instruction.
type step struct {
	line int
	text string
}

// source is a Dockerfile with all that its meaning depends on.
type source struct {
	file   string // as people know it
	text   []byte
	args   map[string]string
	target string
}

// parse reads a Dockerfile.
func (s source) parse() (parsed, error) {
	node, err := imagebuilder.ParseDockerfile(bytes.NewReader(s.text))
	if err != nil {
		return parsed{}, message.Fail(message.Of("dockerfile.syntax", s.file), err, message.Of("dockerfile.syntax.next"))
	}
	if err := s.checkInstructions(node); err != nil {
		return parsed{}, err
	}
	stages, err := imagebuilder.NewStages(node, s.builder())
	if err != nil {
		return parsed{}, message.Fail(message.Of("dockerfile.syntax", s.file), err, message.Of("dockerfile.syntax.next"))
	}
	stages, ok := stages.ThroughTarget(s.target)
	if !ok {
		return parsed{}, message.Fail(message.Of("dockerfile.no-target", s.file, s.target), nil, message.Of("dockerfile.no-target.next", stageNames(s, node)))
	}
	var p parsed
	for _, st := range stages {
		read, err := s.stage(st)
		if err != nil {
			return parsed{}, err
		}
		p.stages = append(p.stages, read)
	}
	p.markNeeded(len(p.stages) - 1)
	return p, nil
}

// builder knows the same arguments as buildah's.
func (s source) builder() *imagebuilder.Builder {
	b := imagebuilder.NewBuilder(s.args)
	maps.Copy(b.BuiltinArgDefaults, map[string]string{"TARGETOS": "linux", "TARGETARCH": runtime.GOARCH, "TARGETPLATFORM": "linux/" + runtime.GOARCH})
	return b
}

// checkInstructions finds misspelt instructions, which would otherwise end a build when
// it comes to them, and what comes before the first FROM.
func (s source) checkInstructions(node *parser.Node) error {
	begun := false
	for _, child := range node.Children {
		word := strings.ToUpper(child.Value)
		if !slices.Contains(instructions, word) {
			return message.Fail(message.Of("dockerfile.unknown", child.StartLine, s.file, word), nil, message.Of("dockerfile.unknown.next", strings.Join(instructions, " ")))
		}
		begun = begun || word == "FROM"
		if !begun && word != "ARG" {
			return message.Fail(message.Of("dockerfile.no-from", child.StartLine, s.file, word), nil, message.Of("dockerfile.no-from.next"))
		}
	}
	if !begun {
		return message.Fail(message.Of("dockerfile.no-from-at-all", s.file), nil, message.Of("dockerfile.no-from.next"))
	}
	return nil
}

// stageNames lists the names that --target may have.
func stageNames(s source, node *parser.Node) string {
	again, err := imagebuilder.ParseDockerfile(bytes.NewReader(s.text)) // NewStages takes nodes apart
	if err == nil {
		node = again
	}
	stages, _ := imagebuilder.NewStages(node, s.builder())
	names := make([]string, len(stages))
	for i, st := range stages {
		names[i] = st.Name
	}
	return strings.Join(names, " ")
}

func (s source) stage(from imagebuilder.Stage) (stage, error) {
	read := stage{name: from.Name, line: from.Node.Children[0].StartLine}
	// From takes its instruction out of the node.
	var err error
	if read.base, err = from.Builder.From(from.Node); err != nil {
		return stage{}, message.Fail(message.Of("dockerfile.bad-line", read.line, s.file), err, message.Of("dockerfile.syntax.next"))
	}
	if err := checkPlatform(from.Builder.Platform); err != nil {
		return stage{}, message.Fail(message.Of("dockerfile.bad-line", read.line, s.file), err, message.Of("dockerfile.platform.next"))
	}
	args := argumentsOf(from.Builder)
	for _, child := range from.Node.Children {
		read.steps = append(read.steps, step{line: child.StartLine, text: child.Original})
		args = args.after(child)
		for _, name := range namesIn(child) {
			resolved, err := imagebuilder.ProcessWord(name, args)
			if err != nil {
				return stage{}, message.Fail(message.Of("dockerfile.bad-line", child.StartLine, s.file), err, message.Of("dockerfile.syntax.next"))
			}
			read.needs = append(read.needs, need{name: resolved, line: child.StartLine})
		}
	}
	return read, nil
}

// namesIn are the names of images and stages that an instruction takes files from.
func namesIn(node *parser.Node) []string {
	var names []string
	for _, flag := range node.Flags {
		if name, ok := strings.CutPrefix(flag, "--from="); ok {
			names = append(names, name)
		}
		mount, ok := strings.CutPrefix(flag, "--mount=")
		if !ok {
			continue
		}
		for field := range strings.SplitSeq(mount, ",") {
			if name, ok := strings.CutPrefix(field, "from="); ok {
				names = append(names, name)
			}
		}
	}
	return names
}

// find is the place of the stage that a name means to the stage at before, or -1.
func (p parsed) find(name string, before int) int {
	for i := before - 1; i >= 0; i-- {
		if p.stages[i].name == name || strconv.Itoa(i) == name {
			return i
		}
	}
	return -1
}

// markNeeded marks a stage and those that it is made of.
func (p parsed) markNeeded(at int) {
	if p.stages[at].needed {
		return
	}
	p.stages[at].needed = true
	for _, n := range append([]need{{name: p.stages[at].base}}, p.stages[at].needs...) {
		if other := p.find(n.name, at); other >= 0 {
			p.markNeeded(other)
		}
	}
}

// scratch is the base of images that have none.
const scratch = "scratch"

// images are the names of images that the needed stages want, each once.
func (p parsed) images() []need {
	var all []need
	add := func(n need, stage int) {
		known := slices.ContainsFunc(all, func(other need) bool { return other.name == n.name })
		if n.name != "" && n.name != scratch && !known && p.find(n.name, stage) < 0 {
			all = append(all, n)
		}
	}
	for i, st := range p.stages {
		if !st.needed {
			continue
		}
		add(need{name: st.base, line: st.line}, i)
		for _, n := range st.needs {
			add(n, i)
		}
	}
	return all
}

// checkPlatform refuses platforms whose programs this machine does not execute. An empty
// one is this machine's.
func checkPlatform(name string) error {
	if name == "" {
		return nil
	}
	p, err := platforms.Parse(name)
	if err != nil {
		return message.Fail(message.Of("dockerfile.platform-name", name), err, message.Of("dockerfile.syntax.next"))
	}
	if own := platforms.DefaultSpec(); p.OS != own.OS || p.Architecture != own.Architecture {
		return message.Fail(message.Of("dockerfile.platform", name, own.OS+"/"+own.Architecture), nil, message.Of("dockerfile.platform.next"))
	}
	return nil
}

// at is the instruction of a stage that buildah calls number n of "of", counted from 1 and
// with the FROM. Instructions that the base has for those who build on it (ONBUILD) come
// first and are in no line of this file, and added is what --label adds at the end.
func (s stage) at(n, of, added int) (line int, text string, ok bool) {
	if n <= 1 {
		return s.line, fmt.Sprintf("FROM %s", s.base), true
	}
	inherited := max(of-1-len(s.steps)-added, 0)
	i := n - 2 - inherited
	if i < 0 || i >= len(s.steps) {
		return 0, "", false
	}
	return s.steps[i].line, s.steps[i].text, true
}
