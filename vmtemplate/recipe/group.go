package recipe

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// group is commands of one shell that need what others have done to it: variables,
// functions, an activated environment. They become one RUN.
type group struct {
	secrets   []string
	dir       string // where it began
	now       string // where the last command ran
	texts     []string
	bash      bool
	works     bool // something in it is more than state
	activated int  // environments that are active
	only      bool // nothing but activations is its state
	leads     []string
}

// inGroup adds a command to the group, which begins with it if there is none.
func (b *builder) inGroup(c Command, text string, file *syntax.File, works bool) {
	if b.group == nil {
		b.group = &group{dir: b.Record.dirOf(c), now: b.Record.dirOf(c), only: true}
	}
	g := b.group
	for _, lead := range b.lead(c) {
		if !slices.Contains(g.leads, lead) {
			g.leads = append(g.leads, lead)
			g.add(lead)
		}
	}
	b.define(file)
	for _, name := range b.needed(file) {
		if !slices.Contains(g.secrets, name) {
			g.secrets = append(g.secrets, name)
		}
	}
	if dir := b.Record.dirOf(c); dir != g.now {
		g.add("cd " + word(dir))
		g.now = dir
	}
	if c.Failed() {
		text = "{ " + text + "; } || true"
	}
	g.add(text)
	if c.After != "" && moves(file) {
		g.now = c.After
	}
	g.bash = g.bash || b.bash(c, text)
	g.works = g.works || works
	switch activation(file) {
	case activates:
		g.activated++
	case deactivates:
		if g.activated--; g.activated <= 0 && g.only {
			b.endGroup()
		}
	case neither:
		if !works {
			g.only = false
		}
	}
}

func (g *group) add(text string) { g.texts = append(g.texts, text) }

// endGroup writes the group, if there is anything in it but preparations.
func (b *builder) endGroup() {
	g := b.group
	b.group = nil
	if g != nil && g.works {
		b.out.run(g.secrets, g.dir, g.texts, g.bash, false)
	}
}

// define remembers functions that the session itself defines.
func (b *builder) define(file *syntax.File) {
	if file == nil {
		return
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		if f, ok := n.(*syntax.FuncDecl); ok && f.Name != nil {
			b.functions[f.Name.Value] = true
		}
		return true
	})
}

// lead are commands that define what a command uses and the interactive shell had from
// its start-up files: no shell of a Dockerfile reads them.
func (b *builder) lead(c Command) []string {
	var all []string
	for name, file := range c.Function {
		switch {
		case b.functions[name] || strings.HasPrefix(name, "__jbuild"):
		case name == "conda" || name == "mamba" || name == "micromamba":
			if at := b.conda(); at != "" {
				all = append(all, ". "+word(at))
			} else {
				all = append(all, `eval "$(`+name+` shell.bash hook)"`)
			}
		case path.IsAbs(file) && !strings.HasPrefix(file, Dir):
			all = append(all, ". "+word(file))
		}
	}
	slices.Sort(all)
	return all
}

// conda finds the file that defines conda's function for shells.
func (b *builder) conda() string {
	const file = "etc/profile.d/conda.sh"
	for _, c := range b.Changes {
		if strings.HasSuffix(c.Path, "/"+file) && !strings.Contains(c.Path, "/pkgs/") {
			return c.Path
		}
	}
	for _, prefix := range []string{"/opt/conda", "/opt/miniconda3", "/opt/miniforge3", "/opt/anaconda3", "/root/miniconda3", "/root/miniforge3", "/root/anaconda3", "/usr"} {
		if _, _, ok := b.read(path.Join(prefix, file), 1<<20); ok {
			return path.Join(prefix, file)
		}
	}
	return ""
}

// moves: the text itself changes the directory of the shell.
func moves(file *syntax.File) bool {
	if file == nil {
		return true
	}
	found := false
	syntax.Walk(file, func(n syntax.Node) bool {
		switch v := n.(type) {
		case *syntax.Subshell, *syntax.CmdSubst, *syntax.ProcSubst:
			return false
		case *syntax.CallExpr:
			if w := literals(v); len(w) > 0 && (w[0] == "cd" || w[0] == "pushd" || w[0] == "popd") {
				found = true
			}
		}
		return !found
	})
	return found
}

const (
	neither = iota
	activates
	deactivates
)

// activation says whether a text enters or leaves an environment of Python or conda.
func activation(file *syntax.File) int {
	if file == nil || len(file.Stmts) != 1 {
		return neither
	}
	call, ok := file.Stmts[0].Cmd.(*syntax.CallExpr)
	if !ok {
		return neither
	}
	w := literals(call)
	switch {
	case len(w) == 0:
	case w[0] == "deactivate":
		return deactivates
	case len(w) > 1 && (w[0] == "conda" || w[0] == "mamba" || w[0] == "micromamba"):
		if w[1] == "activate" {
			return activates
		}
		if w[1] == "deactivate" {
			return deactivates
		}
	case len(w) > 1 && (w[0] == "." || w[0] == "source") && strings.HasSuffix(w[1], "/bin/activate"):
		return activates
	}
	return neither
}

// word writes s as one word of a shell, with quotes only where they are needed.
func word(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-@%:,") == "" {
		return s
	}
	return quote(s)
}
