package recipe

import (
	_ "embed"
	"path"
	"strings"
)

// Dir is where the files of a session are, inside: a tmpfs, so that they never enter
// an image.
const Dir = "/dev/.jbuild"

// Hook records an interactive session.
type Hook struct {
	Prompt  string // what stands before user and directory, such as "[cfd] "
	Welcome string // printed once, before the first prompt
	Dir     string // of the record and of the start-up files; Dir if empty
}

// Start is how a shell is started so that it records.
type Start struct {
	Args  []string          // program and arguments
	Env   []string          // to be added to the environment
	Files map[string]string // text of files to be written before, by their absolute path inside
}

//go:embed shell/bash.sh
var bashHook string

//go:embed shell/zsh.sh
var zshHook string

//go:embed shell/posix.sh
var posixHook string

// Record is the file that sessions are appended to. It must exist, with mode 0600.
func (h Hook) Record() string { return path.Join(h.dir(), "record") }

func (h Hook) dir() string {
	if h.Dir == "" {
		return Dir
	}
	return h.Dir
}

// Start says how the shell is started that is the file shell, inside: bash and zsh with
// a start-up file, every other as a POSIX shell that runs a script. See the package's
// comment for what the last one lacks.
func (h Hook) Start(shell string) Start {
	switch path.Base(shell) {
	case "bash":
		rc := path.Join(h.dir(), "bashrc")
		return Start{Args: []string{shell, "--rcfile", rc, "-i"}, Files: map[string]string{rc: h.text(bashHook, rc, shell, `\`)}}
	case "zsh":
		rc := path.Join(h.dir(), ".zshrc")
		return Start{Args: []string{shell, "-i"}, Env: []string{"ZDOTDIR=" + h.dir()}, Files: map[string]string{rc: h.text(zshHook, rc, shell, "%")}}
	}
	script := path.Join(h.dir(), "session")
	args := []string{shell, script}
	if path.Base(shell) == "busybox" {
		args = []string{shell, "sh", script}
	}
	return Start{Args: args, Files: map[string]string{script: h.text(posixHook, script, strings.Join(args[:len(args)-1], " "), "")}}
}

// text fills in a template. In a prompt, the character special means something: it is
// doubled.
func (h Hook) text(template, rc, shell, special string) string {
	prompt := h.Prompt
	if special != "" {
		prompt = strings.ReplaceAll(prompt, special, special+special)
	}
	if special == `\` { // bash expands prompts
		prompt = strings.NewReplacer("$", `\$`, "`", "\\`").Replace(prompt)
	}
	return strings.NewReplacer(
		"@RECORD@", quote(h.Record()), "@RC@", rc, "@SHELL@", shell, "@PROMPT@", quote(prompt), "@WELCOME@", quote(h.Welcome),
	).Replace(template)
}

// quote writes s as one word of a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
