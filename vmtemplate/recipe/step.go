package recipe

import (
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/change"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"mvdan.cc/sh/v3/syntax"
)

// secret leaves a command out that tells something, and remembers the variables that
// it set: commands that use one get it when the image is made again, if it is given
// then.
func (b *builder) secret(i int, file *syntax.File) {
	var names []string
	if file != nil {
		syntax.Walk(file, func(n syntax.Node) bool {
			if a, ok := n.(*syntax.Assign); ok && a.Name != nil {
				names = append(names, a.Name.Value)
			}
			return true
		})
	}
	for _, name := range names {
		b.secrets[name] = true
	}
	b.leave(Left{Reason: Secret}, b.changed[i])
	if touched := len(b.changed[i]); touched > 0 {
		b.out.comment(b.say(message.Of("recipe.secretChanged", touched)))
	} else {
		b.out.comment(b.say(message.Of("recipe.secret")))
	}
}

// needed are variables of left out commands that a text uses.
func (b *builder) needed(file *syntax.File) []string {
	var all []string
	if file == nil {
		return nil
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		if p, ok := n.(*syntax.ParamExp); ok && p.Param != nil && b.secrets[p.Param.Value] && !slices.Contains(all, p.Param.Value) {
			all = append(all, p.Param.Value)
		}
		return true
	})
	return all
}

// interactive takes over the files that were written in an editor, or in another
// program that is talked to.
func (b *builder) interactive(i int, c Command, file *syntax.File) {
	words, isEditor := b.words(file)
	home := "/root"
	if c.Shell >= 0 && b.Record.Shells[c.Shell].Home != "" {
		home = b.Record.Shells[c.Shell].Home
	}
	named := map[string]bool{}
	for _, w := range words {
		if w != "" && !strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "+") {
			named[absolute(w, c.Dir, home)] = true
		}
	}
	var touched []change.Change
	for _, ch := range b.Changes {
		if named[ch.Path] && !ch.At.Before(c.Start.Add(-slack)) && ch.Left == "" && change.Filter(ch.Path) == "" {
			touched = append(touched, ch)
		}
	}
	for _, ch := range b.changed[i] {
		if !named[ch.Path] {
			touched = append(touched, ch)
		}
	}
	touched = slices.DeleteFunc(touched, func(ch change.Change) bool { return ch.Dir || ch.Kind == change.Deleted })
	if b.inLanguage(words[0], c, touched) {
		return
	}
	var missing []change.Change
	for _, ch := range touched {
		if len(touched) > mostTouched && !named[ch.Path] || !b.take(ch, mostEdited, true) {
			missing = append(missing, ch)
		}
	}
	if len(missing) > 0 || !isEditor && len(touched) > 0 {
		b.leave(Left{Reason: Interactive, Command: words[0]}, missing)
		b.out.comment(b.say(message.Of("recipe.interactive", words[0], len(missing))))
	}
}

// words are those of the first call of a text that is interactive, and whether it is an
// editor. The files that it writes to by redirection count as its words.
func (b *builder) words(file *syntax.File) (words []string, isEditor bool) {
	words = []string{""}
	found := false
	syntax.Walk(file, func(n syntax.Node) bool {
		switch v := n.(type) {
		case *syntax.CallExpr:
			if w := literals(v); !found && len(w) > 0 && (editors[w[0]] || classOfCall(w) == interactive || w[0] == "cat") {
				words, found = append(w, words[1:]...), true
				isEditor = editors[w[0]] || w[0] == "cat"
			}
		case *syntax.Redirect:
			if v.Word != nil {
				words = append(words, literal(v.Word))
			}
		}
		return true
	})
	return words, isEditor
}

// dirOf is where a command ran.
func (r Record) dirOf(c Command) string {
	if c.Dir == "" {
		return "/"
	}
	return c.Dir
}

// export makes ENV of variables that were exported, as long as nothing else in the
// shell has a part in their values.
func (b *builder) export(c Command, file *syntax.File) {
	variables, _ := exports(file)
	if b.group != nil {
		b.inGroup(c, strings.TrimSpace(c.Text), file, false)
		return
	}
	for _, v := range variables {
		for _, ref := range v.refs {
			if !b.hasEnv(ref) {
				b.inGroup(c, strings.TrimSpace(c.Text), file, false)
				return
			}
		}
	}
	for _, v := range variables {
		if v.name == "DEBIAN_FRONTEND" {
			continue // it is set for the time of building
		}
		b.out.env(v)
		b.Base.Env = append(b.Base.Env, v.name+"=")
	}
}

// hasEnv: the variable is one of the image's, so that a Dockerfile knows it.
func (b *builder) hasEnv(name string) bool {
	return slices.ContainsFunc(b.Base.Env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
}

// ordinary is a RUN of its own, unless the shell has something in it that the command
// may need.
func (b *builder) ordinary(c Command, text string, file *syntax.File) {
	if b.group != nil || len(b.lead(c)) > 0 || changesShell(file) {
		b.inGroup(c, text, file, true)
		return
	}
	b.out.run(b.needed(file), b.Record.dirOf(c), []string{text}, b.bash(c, text), false)
}

func (b *builder) bash(c Command, text string) bool {
	return (c.Shell < 0 || b.Record.Shells[c.Shell].Kind != "sh") && needsBash(text)
}

// recordsItself: the command was a shell that wrote down its own commands.
func (b *builder) recordsItself(c Command) bool {
	return slices.ContainsFunc(b.Record.Shells, func(s Shell) bool {
		return s.Parent >= 0 && s.Parent == c.Shell && !s.At.Before(c.Start) && (c.End.IsZero() || !s.At.After(c.End))
	})
}

// onlyAliases: the text defines aliases, for a shell that records what they stand for.
func (b *builder) onlyAliases(c Command, file *syntax.File) bool {
	if c.Shell < 0 || b.Record.Shells[c.Shell].Kind == "sh" {
		return false
	}
	return !slices.ContainsFunc(file.Stmts, func(s *syntax.Stmt) bool {
		call, ok := s.Cmd.(*syntax.CallExpr)
		if !ok {
			return true
		}
		w := literals(call)
		return len(w) == 0 || w[0] != "alias" && w[0] != "unalias"
	})
}

// explicitDirs names the directories that a text goes back to: a RUN does not know where
// the shell has been.
func (b *builder) explicitDirs(c Command, text string) string {
	file := parse(text)
	if file == nil {
		return text
	}
	var edits []edit
	syntax.Walk(file, func(n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		switch w := literals(call); {
		case len(w) == 2 && w[0] == "cd" && w[1] == "-" && b.before != "":
			edits = append(edits, edit{offset(call.Args[1].Pos()), offset(call.Args[1].End()), word(b.before)})
		case len(w) == 1 && w[0] == "popd" && c.After != "":
			edits = append(edits, edit{offset(call.Pos()), offset(call.End()), "cd " + word(c.After)})
		}
		return true
	})
	return apply(text, edits)
}
