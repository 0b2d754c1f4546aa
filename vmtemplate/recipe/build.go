package recipe

import (
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/change"
	"github.com/jrun-hpc/jrun/vmtemplate/inventory"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/secret"
)

// Session is what is known about the making of an image.
type Session struct {
	Name      string // of the workspace
	Base      Base
	Record    Record
	Changes   []change.Change
	Open      func(path string) (fs.File, error) // a file of the workspace, by its absolute path inside; never outside of it
	Inventory inventory.Inventory                // of the workspace as it is now
	Created   time.Time
	JBuild    string           // version of the program
	Printer   *message.Printer // for the comments; English if nil
}

// Base is the image that a workspace began with.
type Base struct {
	Pin
	Env []string // of its configuration, NAME=value
	Dir string   // its working directory
}

// Recipe is a session as files that make the image again.
type Recipe struct {
	Dockerfile string
	Lock       Lock
	Files      map[string][]byte // what is copied in, by its path inside
}

// The most that a recipe takes over of files that were written in editors, and of those
// that were brought in. What is bigger belongs to a place of its own.
const (
	mostEdited  = 256 << 10
	mostCopied  = 4 << 20
	mostTouched = 40 // files of one command
)

// Build writes the recipe of a session.
func Build(s Session) Recipe {
	if s.Printer == nil {
		s.Printer, _ = message.For("en")
	}
	b := &builder{Session: s, left: []Left{}, files: map[string][]byte{}, modes: map[string]fs.FileMode{}, secrets: map[string]bool{}, functions: map[string]bool{}}
	b.owners()
	b.out.dir = s.Base.Dir
	if b.out.dir == "" {
		b.out.dir = "/"
	}
	b.home = b.out.dir
	b.steps()
	return Recipe{Dockerfile: b.dockerfile(), Lock: b.lock(), Files: b.files}
}

// builder goes through a record once.
type builder struct {
	Session
	out    output
	home   string // working directory of the base
	before string // the directory that the shell was in before
	group  *group

	changed   [][]change.Change // for each command, what changed while it ran
	left      []Left
	files     map[string][]byte
	modes     map[string]fs.FileMode
	secrets   map[string]bool // variables that were set by a command that is left out
	functions map[string]bool // defined in the session
	unheard   bool            // the last comment says already that commands are missing
}

// slack is how much older than the clock the kernel's time of a change may be: it comes
// with the timer's tick.
const slack = 12 * time.Millisecond

// owners finds for each change the command that ran then, the innermost when a shell
// was started within another.
func (b *builder) owners() {
	b.changed = make([][]change.Change, len(b.Record.Commands))
	for _, c := range b.Changes {
		if c.At.IsZero() || c.Left != "" || change.Filter(c.Path) != "" {
			continue
		}
		if i := b.ranAt(c.At); i >= 0 {
			b.changed[i] = append(b.changed[i], c)
		}
	}
}

// ranAt is the last command that had begun and not ended; if none ran, the one that
// began right after; -1 for neither.
func (b *builder) ranAt(at time.Time) int {
	commands := b.Record.Commands
	next, _ := slices.BinarySearchFunc(commands, at, func(c Command, at time.Time) int {
		if c.Start.After(at) {
			return 1
		}
		return -1
	})
	for i := next - 1; i >= max(0, next-200); i-- {
		if end := commands[i].End; end.IsZero() || !at.After(end) {
			return i
		}
	}
	if next < len(commands) && !commands[next].Start.After(at.Add(slack)) {
		return next
	}
	return -1
}

// steps turns commands and copies into what the Dockerfile says, in order.
func (b *builder) steps() {
	copies := b.Record.Copies
	shell := -1
	for i, c := range b.Record.Commands {
		for len(copies) > 0 && copies[0].At.Before(c.Start) {
			b.copyIn(copies[0])
			copies = copies[1:]
		}
		if c.Shell != shell {
			b.endGroup()
			shell, b.before = c.Shell, ""
		}
		b.command(i, c)
		if c.After != "" && c.After != c.Dir {
			b.before = c.Dir
		}
	}
	b.endGroup()
	for _, c := range copies {
		b.copyIn(c)
	}
}

func (b *builder) command(i int, c Command) {
	if c.Unheard {
		if !b.unheard {
			b.out.comment(b.say(message.Of("recipe.unrecorded")))
		}
		b.unheard = true
		b.leave(Left{Reason: Unrecorded}, b.changed[i])
		return
	}
	b.unheard = false
	if b.recordsItself(c) {
		return
	}
	text := expandAliases(c.Text, c.Aliases)
	file := parse(text)
	kind := classify(file)
	if kind == noise || kind == state && b.onlyAliases(c, file) {
		return
	}
	text = b.explicitDirs(c, text)
	file = parse(text)
	if c.Failed() && kind != interactive && (kind != state || !goesOn(c)) {
		b.failed(i, c)
		return
	}
	if _, found := secret.InCommand(text); found || strings.Contains(text, secret.Redacted) {
		b.secret(i, file)
		return
	}
	switch kind {
	case interactive:
		b.interactive(i, c, file)
	case export:
		b.export(c, file)
	case state:
		b.inGroup(c, unattended(text), file, len(b.changed[i]) > 0)
	default:
		b.ordinary(c, b.installer(i, unattended(text)), file)
	}
}

// goesOn: a file that was read into the shell often ends with a test that fails, and has
// done its work all the same.
func goesOn(c Command) bool {
	return c.Ended && c.Status != 126 && c.Status != 127 && !c.Interrupted()
}

// failed leaves a command out, and says what is there of it all the same.
func (b *builder) failed(i int, c Command) {
	touched := b.changed[i]
	if len(touched) == 0 {
		return
	}
	text, found := secret.InCommand(c.Text)
	if found || strings.Contains(text, secret.Redacted) {
		text = ""
	}
	b.leave(Left{Reason: Failed, Command: text, Status: max(0, c.Status)}, touched)
	b.out.comment(b.say(message.Of("recipe.failed", brief(text), len(touched))))
}

// brief is the beginning of a command, for a comment.
func brief(text string) string {
	first, _, more := strings.Cut(strings.TrimSpace(text), "\n")
	if r := []rune(first); len(r) > 60 {
		first, more = string(r[:60]), true
	}
	if more {
		first += " …"
	}
	return first
}

// leave notes what is not in the Dockerfile.
func (b *builder) leave(l Left, touched []change.Change) {
	for n, c := range touched {
		if n == mostTouched {
			l.More = len(touched) - n
			break
		}
		l.Changed = append(l.Changed, c.Path)
	}
	b.left = append(b.left, l)
}

func (b *builder) say(t message.Text) string { return b.Printer.Text(t) }

// copyIn is for files that jbuild brought in.
func (b *builder) copyIn(c Copied) {
	for _, ch := range b.Changes {
		if ch.Dir || ch.Kind == change.Deleted || ch.Path != c.Path && !strings.HasPrefix(ch.Path, strings.TrimSuffix(c.Path, "/")+"/") {
			continue
		}
		if ch.Left != "" || change.Filter(ch.Path) != "" {
			continue
		}
		if !b.take(ch, mostCopied, false) {
			b.out.comment(b.say(message.Of("recipe.missingFile", ch.Path)))
		}
	}
}

// take copies a file of the workspace into the recipe, once; false if it cannot.
func (b *builder) take(ch change.Change, most int64, text bool) bool {
	if _, have := b.files[ch.Path]; have {
		return true
	}
	data, mode, ok := b.read(ch.Path, most)
	if !ok || text && !isText(data) {
		if ok || ch.Bytes > most {
			b.leave(Left{Reason: TooBig}, []change.Change{ch})
		}
		return false
	}
	if len(secret.InFile(ch.Path, strings.NewReader(string(data)))) > 0 {
		b.leave(Left{Reason: SecretFile}, []change.Change{ch})
		return false
	}
	b.files[ch.Path], b.modes[ch.Path] = data, mode
	b.endGroup()
	b.out.copy(ch.Path)
	return true
}

func (b *builder) read(name string, most int64) ([]byte, fs.FileMode, bool) {
	if b.Open == nil {
		return nil, 0, false
	}
	f, err := b.Open(name)
	if err != nil {
		return nil, 0, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return nil, 0, false
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil || int64(len(data)) > most {
		return nil, 0, false
	}
	return data, info.Mode().Perm(), true
}

// isText: no zero bytes, as grep and git see it.
func isText(data []byte) bool {
	return !slices.Contains(data[:min(len(data), 8000)], 0)
}

func (b *builder) lock() Lock {
	l := Lock{
		Schema: Schema, JBuild: b.JBuild, Created: b.Created.UTC().Truncate(time.Second), Name: b.Name, Base: b.Base.Pin,
		Packages: b.Inventory, Left: b.left,
	}
	for name, data := range b.files {
		l.Files = append(l.Files, File{Path: name, SHA256: sum(data), Bytes: int64(len(data)), Mode: b.modes[name]})
	}
	slices.SortFunc(l.Files, func(a, c File) int { return strings.Compare(a.Path, c.Path) })
	return l
}

// absolute is a path as it was typed in a directory; home is for a tilde.
func absolute(name, dir, home string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		name = path.Join(home, rest)
	}
	if !path.IsAbs(name) {
		name = path.Join(dir, name)
	}
	return path.Clean(name)
}
