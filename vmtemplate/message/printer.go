package message

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	says "github.com/jrun-hpc/jrun/fault/language"
	"github.com/jrun-hpc/jrun/printable"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"
)

// nothing is a catalogue without texts. Ours are handed to the printer as they are
// needed: compiling all of them takes longer than most commands.
var nothing = catalog.NewBuilder()

// Printer turns texts into the words of one language.
type Printer struct {
	tag language.Tag
	out *message.Printer
}

// Languages are those of the catalogue, as --lang takes them.
var Languages = []string{"en", "ja"}

// For returns the printer for a language as --lang and LANG write it: ja, ja_JP.UTF-8.
// ok is false for languages that the catalogue does not have; the printer is then
// the English one.
func For(lang string) (p *Printer, ok bool) {
	if says.IsJapanese(lang) {
		return newPrinter(language.Japanese), true
	}
	lang, _, _ = strings.Cut(lang, ".")
	lang, _, _ = strings.Cut(lang, "@")
	return english, lang == "en" || strings.HasPrefix(lang, "en_") || strings.HasPrefix(lang, "en-")
}

// Detect returns the printer for an environment.
func Detect(getenv func(string) string) *Printer {
	p, _ := For(says.Locale(getenv))
	return p
}

func newPrinter(tag language.Tag) *Printer {
	return &Printer{tag: tag, out: message.NewPrinter(tag, message.Catalog(nothing))}
}

// Language is en or ja.
func (p *Printer) Language() string { return p.tag.String() }

// Say is the text called name with its arguments.
func (p *Printer) Say(name string, args ...any) string { return p.Text(Of(name, args...)) }

// Text is t in words.
func (p *Printer) Text(t Text) string {
	args := make([]any, len(t.args))
	for i, a := range t.args {
		args[i] = p.argument(a)
	}
	if t.name == "" {
		return fmt.Sprint(args...)
	}
	format := t.name
	if e, ok := texts.find(t.name); ok {
		format = e.in(p.tag)
	}
	return p.out.Sprintf(format, args...)
}

// Under are all texts whose names begin with prefix, in words, by the rest of their
// names; prefix begins with a file's name and a dot. They take no arguments.
func (p *Printer) Under(prefix string) map[string]string {
	file, _, _ := strings.Cut(prefix, ".")
	all := map[string]string{}
	for name := range texts.file(file) {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			all[rest] = p.Say(name)
		}
	}
	return all
}

func (p *Printer) argument(a any) any {
	switch v := a.(type) {
	case Text:
		return p.Text(v)
	case Bytes:
		return size(int64(v))
	case Time:
		return time.Time(v).Local().Format("2006-01-02 15:04")
	case Date:
		return time.Time(v).Local().Format("2006-01-02")
	case error:
		return p.Cause(v)
	case fault.Text:
		return printable.Text(p.faults().Say(v))
	case string: // registries, packages and files may say anything
		return printable.Text(v)
	}
	return a
}

// size writes a number of bytes with three digits at most.
func size(n int64) string {
	value, unit := float64(n), "B"
	for _, next := range []string{"kB", "MB", "GB", "TB"} {
		if value < 999.5 {
			break
		}
		value, unit = value/1000, next
	}
	if unit == "B" || value >= 99.5 {
		return fmt.Sprintf("%.0f %s", value, unit)
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}

// faults is the language in which package fault says what jrun's packages have found.
func (p *Printer) faults() fault.Language {
	if p.tag == language.Japanese {
		return says.Japanese
	}
	return fault.English
}

// Cause is what an error says, on one line: ours in words, others' as they are, with
// the system's in words before it.
func (p *Printer) Cause(err error) string {
	var ours *Error
	if !errors.As(err, &ours) {
		return printable.Text(p.faults().Cause(err))
	}
	if ours.Why == nil {
		return p.Text(ours.What)
	}
	return p.Text(ours.What) + ": " + p.Cause(ours.Why)
}

// Format lays err out for a terminal, as fault.Format does.
func (p *Printer) Format(program string, err error) string {
	var ours *Error
	if !errors.As(err, &ours) {
		return p.faults().Format(program, err)
	}
	f := &fault.Error{What: p.Text(ours.What)}
	if ours.Why != nil {
		f.Why = errors.New(p.Cause(ours.Why))
	}
	next := make([]string, len(ours.Next))
	for i, t := range ours.Next {
		next[i] = p.Text(t)
	}
	f.Next = strings.Join(next, "\n")
	return p.faults().Format(program, f)
}
