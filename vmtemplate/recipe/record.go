package recipe

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Command is one that was typed, or given with --run.
type Command struct {
	Text     string // as typed; after history expansion, as the shell keeps it
	Dir      string // where it was typed
	After    string // the shell's directory when it had ended
	Start    time.Time
	End      time.Time // zero if it never ended, or nobody knows when
	Status   int       // Unknown if nobody knows
	Ended    bool      // it did: the shell came back, or replaced itself
	Shell    int       // which of the shells of the record
	Unheard  bool      // the shell kept its text to itself (history switched off)
	Aliases  map[string]string
	Function map[string]string // functions it may call, and the files that defined them
}

// Unknown is a status that was not recorded.
const Unknown = -1

// Interrupted reports whether it was ended from the keyboard, or by a signal.
func (c Command) Interrupted() bool { return c.Status > 128 }

// Failed reports whether it is known not to have done what it should.
func (c Command) Failed() bool { return !c.Ended || c.Status > 0 }

// Shell is one that recorded itself.
type Shell struct {
	Kind   string // bash, zsh, sh; run for what was not typed
	Home   string
	Dir    string // where it began
	Parent int    // index of the shell it was started from; -1 for none
	At     time.Time
}

// Copied is a file that was brought in from outside by jbuild.
type Copied struct {
	Path string // inside
	At   time.Time
}

// Record is what was done in the sessions of a workspace, in order.
type Record struct {
	Shells   []Shell
	Commands []Command
	Copies   []Copied
}

// mostRecord bounds a record in bytes, and so what hostile programs in an image can
// make of it.
const mostRecord = 64 << 20

// version begins each event, end closes it: an event that was cut lacks it.
const (
	version = "1"
	end     = "."
)

// event is one line of a record: what happened, and fields of the form name=value.
type event struct {
	kind   string
	fields [][2]string
}

func (e event) get(name string) string {
	for _, f := range e.fields {
		if f[0] == name {
			return f[1]
		}
	}
	return ""
}

// pairs are the values of a field that comes several times, name=value again.
func (e event) pairs(name string) map[string]string {
	var all map[string]string
	for _, f := range e.fields {
		if f[0] != name {
			continue
		}
		if key, value, ok := strings.Cut(f[1], "="); ok {
			if all == nil {
				all = map[string]string{}
			}
			all[key] = value
		}
	}
	return all
}

func (e event) time() time.Time {
	seconds, fraction, _ := strings.Cut(e.get("at"), ".")
	s, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || s < 0 || s > 1<<40 {
		return time.Time{}
	}
	ns, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	if err != nil || ns < 0 {
		ns = 0
	}
	return time.Unix(s, ns)
}

var (
	escape   = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "\r", `\r`)
	unescape = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t", `\r`, "\r")
)

// write appends the event with one call, so that events of several processes do not
// mix.
func (e event) write(w io.Writer) error {
	var line strings.Builder
	line.WriteString("\n" + version + "\t" + e.kind)
	for _, f := range e.fields {
		line.WriteString("\t" + f[0] + "=" + escape.Replace(f[1]))
	}
	line.WriteString("\t" + end + "\n")
	if _, err := io.WriteString(w, line.String()); err != nil {
		return fmt.Errorf("appending to the record: %w", err)
	}
	return nil
}

func parseEvent(line string) (event, bool) {
	parts := strings.Split(line, "\t")
	if len(parts) < 3 || parts[0] != version || parts[len(parts)-1] != end {
		return event{}, false
	}
	e := event{kind: parts[1]}
	for _, part := range parts[2 : len(parts)-1] {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return event{}, false
		}
		e.fields = append(e.fields, [2]string{name, unescape.Replace(value)})
	}
	return e, true
}

// beginning is the kind of a record's first event; see Begin.
const beginning = "record"

// events reads a record. What is cut in it is passed over.
func events(r io.Reader, each func(event) error) error {
	in := bufio.NewReader(io.LimitReader(r, mostRecord))
	for {
		line, err := in.ReadString('\n')
		if e, ok := parseEvent(strings.TrimSuffix(line, "\n")); ok {
			if err := each(e); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the record: %w", err)
		}
	}
}

// Parse reads a record. What is cut or unknown in it is passed over: a session that was
// killed in the middle of a line has still done all that stands before.
func Parse(r io.Reader) (Record, error) {
	p := parser{open: map[string]int{}, shells: map[string]int{}, seen: map[string]string{}}
	if err := events(r, func(e event) error { p.add(e); return nil }); err != nil {
		return Record{}, err
	}
	p.record.Commands = split(p.record.Commands, p.numbers)
	return p.record, nil
}

// parser follows several shells at once, by their process ids.
type parser struct {
	record  Record
	shells  map[string]int    // process id to shell
	open    map[string]int    // process id to the command that runs
	seen    map[string]string // process id to the history's number of its last command
	numbers []string          // for each command, what tells whether it is one with the one before
}

func (p *parser) add(e event) {
	id := e.get("shell")
	switch e.kind {
	case "shell":
		// The same process again: its command was exec.
		p.close(id, e, Unknown)
		parent, ok := p.shells[e.get("parent")]
		if !ok || e.get("parent") == "" {
			parent = -1
		}
		p.record.Shells = append(p.record.Shells, Shell{Kind: e.get("kind"), Home: e.get("home"), Dir: e.get("dir"), Parent: parent, At: e.time()})
		p.shells[id] = len(p.record.Shells) - 1
		delete(p.seen, id)
	case "start":
		p.close(id, e, statusOf(e.get("before")))
		p.start(id, e)
	case "end":
		p.close(id, e, statusOf(e.get("status")))
	case "copy":
		p.record.Copies = append(p.record.Copies, Copied{Path: e.get("path"), At: e.time()})
	}
}

func statusOf(value string) int {
	status, err := strconv.Atoi(value)
	if err != nil || status < 0 || status > 255 {
		return Unknown
	}
	return status
}

func (p *parser) start(id string, e event) {
	shell, ok := p.shells[id]
	if !ok {
		shell = -1
	}
	p.record.Commands = append(p.record.Commands, Command{
		Text: e.get("text"), Dir: e.get("dir"), Start: e.time(), Status: Unknown, Shell: shell,
		Aliases: e.pairs("alias"), Function: e.pairs("function"),
	})
	p.open[id] = len(p.record.Commands) - 1
	p.numbers = append(p.numbers, id+" "+strconv.Itoa(shell)+" "+e.get("n"))
}

// close ends the command that runs in a shell, if there is one.
func (p *parser) close(id string, e event, status int) {
	at, running := p.open[id]
	if !running {
		return
	}
	delete(p.open, id)
	c := &p.record.Commands[at]
	c.Ended, c.Status = true, status
	if e.kind != "shell" { // the next command's beginning is the end of one without its own
		c.End, c.After = e.time(), e.get("dir")
	}
}

// split gives each of several commands that were pasted at once its own text. A shell
// keeps what was pasted as one entry of its history, under one number, and runs the
// commands one after the other. The same number once more after the last of them: the
// shell's history was off, and the text is not the command's.
func split(commands []Command, numbers []string) []Command {
	for i := 0; i < len(commands); {
		n := i + 1
		for n < len(commands) && numbers[n] == numbers[i] {
			n++
		}
		if n > i+1 || strings.HasSuffix(numbers[i], " ") {
			texts := parts(commands[i].Text)
			for k := i; k < n; k++ {
				if k-i < len(texts) && !strings.HasSuffix(numbers[i], " ") {
					commands[k].Text = texts[k-i]
				} else {
					commands[k].Text, commands[k].Unheard = "", true
				}
			}
		}
		i = n
	}
	return commands
}
