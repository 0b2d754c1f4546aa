package recipe

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"mvdan.cc/sh/v3/syntax"
)

// output collects the instructions of a Dockerfile.
type output struct {
	lines  []string
	dir    string // WORKDIR as it is now
	bash   bool
	update bool // the last instruction is apt-get update alone
	apt    bool
}

func (o *output) add(instruction string) {
	o.lines = append(o.lines, instruction)
	o.update = false
}

// comment adds lines that do nothing. Whatever the text is, it stays a comment.
func (o *output) comment(text string) {
	for l := range strings.SplitSeq(text, "\n") {
		o.add("# " + printable.Text(l))
	}
}

// workdir goes into a directory, which is made if it is not there.
func (o *output) workdir(dir string) {
	if dir != o.dir {
		o.add("WORKDIR " + inDockerfile(dir))
		o.dir = dir
	}
}

// inDockerfile writes a path where a Dockerfile would look for variables.
func inDockerfile(s string) string { return strings.NewReplacer(`\`, `\\`, `$`, `\$`).Replace(s) }

func (o *output) env(v variable) {
	o.add("ENV " + v.name + `="` + strings.ReplaceAll(v.value, `"`, `\"`) + `"`)
}

// copy brings in a file of the recipe. Its mode is that of the file in the context.
func (o *output) copy(name string) {
	from := "files" + name
	if strings.ContainsAny(from, " \t\"'\\$*?[]#") {
		list, err := json.Marshal([]string{escapeGlob(inDockerfile(from)), inDockerfile(name)})
		if err == nil {
			o.add("COPY " + string(list))
		}
		return
	}
	o.add("COPY " + from + " " + name)
}

// escapeGlob: the source of COPY is a pattern (Go's filepath.Match).
func escapeGlob(s string) string {
	return strings.NewReplacer("[", "[[]", "*", "[*]", "?", "[?]").Replace(s)
}

// run adds a RUN with texts that are run one after the other, as long as all succeed.
// secrets are mounted as files, and made variables again.
func (o *output) run(secrets []string, dir string, texts []string, bash, simple bool) {
	o.workdir(dir)
	o.bash = o.bash || bash
	mounts := ""
	for i := len(secrets) - 1; i >= 0; i-- {
		texts = append([]string{fmt.Sprintf(`export %s="$(cat /run/secrets/%[1]s)"`, secrets[i])}, texts...)
		mounts = "--mount=type=secret,id=" + secrets[i] + " " + mounts
	}
	for _, t := range texts {
		o.apt = o.apt || usesApt(t)
	}
	if !simple && (len(texts) > 1 || !onOneLine(texts[0])) && !chains(texts) {
		o.add("RUN " + mounts + script(texts))
		return
	}
	if o.update && len(texts) == 1 && mounts == "" && usesApt(texts[0]) {
		last := &o.lines[len(o.lines)-1]
		*last += " \\\n && " + texts[0]
		o.update = isAptUpdate(texts[0])
		return
	}
	o.add("RUN " + mounts + strings.Join(texts, " \\\n && "))
	o.update = len(texts) == 1 && mounts == "" && isAptUpdate(texts[0])
}

// onOneLine reports whether a text can stand behind RUN as it is. Docker takes << for a
// here-document of its own, and [ for a list of arguments.
func onOneLine(text string) bool {
	file := parse(text)
	return file != nil && !strings.ContainsAny(text, "\n\r") && !strings.Contains(text, "<<") && !strings.HasSuffix(text, `\`) &&
		!strings.HasPrefix(text, "[") && !strings.HasPrefix(text, "--")
}

// chains reports whether texts mean the same when they are joined by &&.
func chains(texts []string) bool {
	for _, t := range texts {
		if !onOneLine(t) || !plainStatement(t) {
			return false
		}
	}
	return true
}

// plainStatement: one command, pipeline or list with &&, whose failure is that of all.
func plainStatement(text string) bool {
	file := parse(text)
	if file == nil || len(file.Stmts) != 1 || len(file.Last) > 0 {
		return false
	}
	stmt := file.Stmts[0]
	if len(stmt.Comments) > 0 || stmt.Semicolon.IsValid() || stmt.Background {
		return false
	}
	for cmd, ok := stmt.Cmd.(*syntax.BinaryCmd); ok; cmd, ok = cmd.X.Cmd.(*syntax.BinaryCmd) {
		if cmd.Op == syntax.OrStmt {
			return false
		}
	}
	return true
}

// script is a here-document with texts one after the other, as long as each succeeds. A
// text as a whole succeeds or fails: in an interactive shell, what fails in the middle of
// it does not end it, as set -e would.
func script(texts []string) string {
	end := delimiter(texts)
	var out strings.Builder
	out.WriteString("<<'" + end + "'\n")
	if len(texts) > 1 {
		out.WriteString("set -e\n")
	}
	for i, t := range texts {
		switch {
		case i == len(texts)-1 && len(texts) == 1, simpleCommand(t):
			out.WriteString(t + "\n")
		case onOneLine(t) && plainStatement(t):
			out.WriteString("{ " + t + "; } || exit\n")
		default:
			out.WriteString("{\n" + t + "\n} || exit\n")
		}
	}
	return out.String() + end
}

// simpleCommand: set -e sees it fail.
func simpleCommand(text string) bool {
	file := parse(text)
	if file == nil || len(file.Stmts) != 1 || file.Stmts[0].Background || file.Stmts[0].Negated {
		return false
	}
	switch c := file.Stmts[0].Cmd.(type) {
	case *syntax.CallExpr, *syntax.DeclClause, *syntax.FuncDecl, *syntax.ArithmCmd:
		return true
	case *syntax.BinaryCmd:
		return c.Op == syntax.Pipe || c.Op == syntax.PipeAll
	}
	return false
}

// delimiter ends the here-document of a RUN: a line that is none of the texts'.
func delimiter(texts []string) string {
	all := "\n" + strings.Join(texts, "\n") + "\n"
	for n := 0; ; n++ {
		d := "END"
		if n > 0 {
			d = fmt.Sprintf("END%d", n)
		}
		if !strings.Contains(all, "\n"+d+"\n") && !strings.Contains(all, "\t"+d+"\n") {
			return d
		}
	}
}

func usesApt(text string) bool {
	return calls(text, func(w []string) bool {
		return w[0] == "apt-get" || w[0] == "apt" || w[0] == "aptitude" || w[0] == "dpkg" || w[0] == "dpkg-reconfigure"
	})
}

func isAptUpdate(text string) bool {
	file := parse(text)
	if file == nil || len(file.Stmts) != 1 {
		return false
	}
	call, ok := file.Stmts[0].Cmd.(*syntax.CallExpr)
	if !ok {
		return false
	}
	w := literals(call)
	return len(w) > 1 && w[0] == "apt-get" && w[len(w)-1] == "update"
}

// calls reports whether a text calls a program that is asked for.
func calls(text string, is func(words []string) bool) bool {
	file := parse(text)
	if file == nil {
		return false
	}
	found := false
	syntax.Walk(file, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok {
			if w := literals(call); len(w) > 0 && is(w) {
				found = true
			}
		}
		return !found
	})
	return found
}

// dockerfile puts everything together.
func (b *builder) dockerfile() string {
	o := output{dir: b.out.dir}
	o.comment(b.say(message.Of("recipe.head", b.Name, message.Date(b.Created), b.JBuild)))
	o.comment(b.say(message.Of("recipe.how", b.Name)))
	o.add("")
	o.add("FROM " + from(b.Base.Pin))
	if b.out.bash {
		o.add(`SHELL ["/bin/bash", "-c"]`)
	}
	if b.out.apt {
		o.add("ARG DEBIAN_FRONTEND=noninteractive")
	}
	o.lines = append(o.lines, "")
	o.lines = append(o.lines, b.out.lines...)
	o.workdir(b.home)
	return strings.TrimRight(strings.Join(o.lines, "\n"), "\n") + "\n"
}

// from pins a reference.
func from(p Pin) string {
	name, _, _ := strings.Cut(p.Reference, "@")
	if p.Digest == "" {
		return name
	}
	if !strings.Contains(path.Base(name), ":") && name == "" {
		return p.Digest
	}
	return name + "@" + p.Digest
}
