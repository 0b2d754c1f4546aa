package jobscript

import (
	"cmp"
	_ "embed"
	"os"
	"strconv"
	"strings"
	"text/template"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
)

// Values is what a template gets. All are checked: none can be more than one word of
// a line of #PBS, and Command is quoted for the shell.
type Values struct {
	Image    string
	Name     string
	Kind     Kind
	Queue    string // empty: the site's default
	Select   string
	Scatter  bool // the chunks belong on different nodes
	Walltime string
	Mail     string // empty: nobody
	Ranks    int    // MPI processes in all; 1 without MPI
	Hook     bool   // the servers know -l container_image
	Program  string // the program's command line
	Command  string // the same with what starts it: mpirun, and jrun where there is no hook
}

//go:embed openpbs.tmpl
var openPBS string

// Line is what makes an existing job script use an image.
func Line(image string, at site.Job) (string, error) {
	v, err := values(Job{Image: image, Command: []string{"COMMAND"}}, at)
	if err != nil {
		return "", err
	}
	if v.Hook {
		return "#PBS -l container_image=" + v.Image, nil
	}
	return v.Command, nil
}

// Script is a complete job script, with comments in the reader's language. It is made
// by the site's template, if there is one.
func Script(p *message.Printer, j Job, at site.Job) (string, error) {
	v, err := values(j, at)
	if err != nil {
		return "", err
	}
	text, from := openPBS, "openpbs.tmpl"
	if at.Template != "" {
		own, err := os.ReadFile(at.Template)
		if err != nil {
			return "", message.Fail(message.Of("jobscript.template", at.Template), err, message.Of("jobscript.template.next"))
		}
		text, from = string(own), at.Template
	}
	made, err := template.New(from).Funcs(comments(p)).Parse(text)
	if err != nil {
		return "", message.Fail(message.Of("jobscript.template", from), err, message.Of("jobscript.template.next"))
	}
	var b strings.Builder
	if err := made.Execute(&b, v); err != nil {
		return "", message.Fail(message.Of("jobscript.template", from), err, message.Of("jobscript.template.next"))
	}
	return b.String(), nil
}

// comments are the functions of templates: {{comment "inside"}} is what the built-in
// template says there, in the reader's language.
func comments(p *message.Printer) template.FuncMap {
	texts := map[string]message.Text{
		"submit":    message.Of("jobscript.comment.submit"),
		"resources": message.Of("jobscript.comment.resources"),
		"image":     message.Of("jobscript.comment.image"),
		"inside":    message.Of("jobscript.comment.inside"),
		"outside":   message.Of("jobscript.comment.outside"),
		"program":   message.Of("jobscript.comment.program"),
	}
	return template.FuncMap{"comment": func(name string) string {
		lines := strings.Split(p.Text(texts[name]), "\n")
		return "# " + strings.Join(lines, "\n# ")
	}}
}

// values settles what a job leaves open, and checks it.
func values(j Job, at site.Job) (Values, error) {
	j.Kind = cmp.Or(j.Kind, Serial)
	words := j.Command
	if len(words) == 0 {
		words = example(j.Kind)
	}
	selection, ranks := j.selection(at)
	v := Values{
		Image:    j.Image,
		Name:     cmp.Or(j.Name, nameOf(j.Image)),
		Kind:     j.Kind,
		Queue:    cmp.Or(j.Queue, at.Queue),
		Select:   selection,
		Scatter:  scattered(selection),
		Walltime: cmp.Or(j.Walltime, at.Walltime, "01:00:00"),
		Mail:     j.Mail,
		Ranks:    ranks,
		Hook:     at.UsesHook(),
		Program:  quote(words),
	}
	v.Command = start(v)
	return v, v.check()
}

// start is the program with what starts it. Without the hook mpirun is the node's,
// and each process enters the image (docs/mpi.md).
func start(v Values) string {
	command := v.Program
	if !v.Hook {
		command = "jrun " + v.Image + " " + command
	}
	if v.Kind == MPI {
		command = "mpirun -np " + strconv.Itoa(v.Ranks) + " " + command
	}
	return command
}

// example is a program that every image has, so that the script works before it is
// changed.
func example(k Kind) []string {
	if k == MPI {
		return []string{"hostname"}
	}
	return []string{"cat", "/etc/os-release"}
}
