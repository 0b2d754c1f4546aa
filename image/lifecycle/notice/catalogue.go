package notice

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/printable"
)

//go:embed catalogue/*.txt
var catalogue embed.FS

// languages that all letters are in.
var languages = []string{"en", "ja"}

// Kinds are all letters of the catalogue, sorted.
func Kinds() []string {
	entries, err := catalogue.ReadDir("catalogue")
	if err != nil {
		panic(err) // it is embedded
	}
	var kinds []string
	for _, e := range entries {
		if name, _, ok := strings.Cut(e.Name(), "."); ok && !slices.Contains(kinds, name) {
			kinds = append(kinds, name)
		}
	}
	return kinds
}

// page is what templates are over.
type page struct {
	To   people.Person
	Site Site
	Data any
	Lang string
}

// Text is a letter in one language.
type Text struct{ Subject, Body string }

const (
	subjectPrefix = "Subject: "
	mostTemplate  = 64 << 10
	mostBody      = 1 << 20
)

var errTooLong = errors.New("it is too long")

// Render is a letter in a language, as it would be sent. Errors are faults that name
// the file of the text.
func (p *Post) Render(l Letter, language string) (Text, error) {
	name := l.Kind + "." + language + ".txt"
	text, file, err := p.template(name)
	if err != nil {
		return Text{}, fault.Newf(err, "look at mail.templates in jadm.toml", "cannot read the text of the letter %q", l.Kind)
	}
	who := l.To
	who.ID, who.Name, who.Mail = oneLine(who.ID), oneLine(who.Name), oneLine(who.Mail)
	rendered, err := render(file, text, page{who, p.site(), l.Data, language})
	if err != nil {
		return Text{}, fault.Newf(err, "correct the text; image/lifecycle/notice says what a text may name", "cannot use the text of the letter %q", l.Kind)
	}
	return rendered, nil
}

func (p *Post) site() Site {
	s := Site{Name: p.o.Mail.Site, Registry: p.o.Registry, Help: p.o.Mail.Help}
	if s.Name == "" {
		s.Name = p.o.Registry
	}
	return s
}

// template is the site's text, or that of the catalogue.
func (p *Post) template(name string) (text, file string, err error) {
	if dir := p.o.Mail.Templates; dir != "" {
		file = filepath.Join(dir, name)
		f, err := os.Open(file)
		if err == nil {
			defer f.Close()
			b, err := io.ReadAll(io.LimitReader(f, mostTemplate))
			return string(b), file, err
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", file, err
		}
	}
	b, err := catalogue.ReadFile("catalogue/" + name)
	return string(b), name, err
}

// render fills a text in. Its first line is a template of its own.
func render(file, text string, over page) (Text, error) {
	text = strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n")
	first, body, _ := strings.Cut(text, "\n")
	subject, ok := strings.CutPrefix(first, subjectPrefix)
	if !ok || strings.TrimSpace(subject) == "" {
		return Text{}, fmt.Errorf("%s does not begin with %q", file, subjectPrefix)
	}
	var rendered Text
	var err error
	if rendered.Subject, err = execute(file, subject, over); err != nil {
		return Text{}, err
	}
	if rendered.Body, err = execute(file, body, over); err != nil {
		return Text{}, err
	}
	rendered.Subject = oneLine(rendered.Subject)
	rendered.Body = printable.Text(strings.Trim(rendered.Body, "\n") + "\n")
	return rendered, nil
}

// functions are what texts may call beside those of text/template: {{join .Data.Images ", "}}.
var functions = template.FuncMap{"join": strings.Join}

func execute(file, text string, over page) (string, error) {
	t, err := template.New(filepath.Base(file)).Option("missingkey=error").Funcs(functions).Parse(text)
	if err != nil {
		return "", err
	}
	out := &bounded{}
	if err := t.Execute(out, over); err != nil {
		return "", err
	}
	return out.String(), nil
}

// bounded is text of at most mostBody bytes.
type bounded struct{ strings.Builder }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > mostBody {
		return 0, errTooLong
	}
	return b.Builder.Write(p)
}

// mostLine bounds a header or a name, in bytes: RFC 5322 folds at 78, and ends at 998.
const mostLine = 500

// oneLine is text for a header or a name: without ends of lines, or any control.
func oneLine(s string) string { return printable.CutBytes(printable.Line(s), mostLine) }
