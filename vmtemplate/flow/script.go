package flow

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/jobscript"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// jobScript ends the way: the line for a script that exists, a script that works, and
// what to do with it. Going back from its first question skips it.
func (s *Session) jobScript(ctx context.Context, image, workspace string) error {
	line, err := jobscript.Line(image, s.Site.Job)
	if err != nil {
		return err
	}
	s.Face.Tell(Notice{ID: "line", Kind: Info, Title: message.Of("flow.line"), Code: message.Plain(line)})
	var kind, file string
	var replace bool
	err = sequence(ctx,
		func(ctx context.Context) (err error) { kind, err = s.chooseKind(ctx); return err },
		func(ctx context.Context) (err error) {
			if kind == "none" {
				return errNothingAsked
			}
			file, err = s.askFile(ctx, workspace)
			return err
		},
		func(ctx context.Context) (err error) {
			if kind == "none" || !exists(file) {
				return errNothingAsked
			}
			replace, err = s.Face.Confirm(ctx, Confirmation{Asked: Asked{ID: "replace", Title: message.Of("flow.script.replace", file), Flag: "jbuild script --overwrite"}})
			if err == nil && !replace {
				return ErrBack
			}
			return err
		},
	)
	if errors.Is(err, ErrBack) || err == nil && kind == "none" {
		s.Face.Tell(Notice{ID: "done", Kind: Success, Title: message.Of("flow.done"), Body: []message.Text{message.Of("flow.done.again", workspace)}})
		return nil
	}
	if err != nil {
		return err
	}
	text, err := jobscript.Script(s.Printer(), jobscript.Job{Image: image, Kind: jobscript.Kind(kind)}, s.Site.Job)
	if err != nil {
		return err
	}
	if err := write(file, text, replace); err != nil {
		return message.Fail(message.Of("flow.script.failed", file), err, message.Of("flow.script.failed.next"))
	}
	s.Face.Show(Document{ID: "script", Title: message.Of("flow.script.written", file), Text: text})
	s.Face.Tell(Notice{
		ID: "done", Kind: Success, Title: message.Of("flow.done"),
		Body: []message.Text{message.Of("flow.done.copy")},
		Code: message.Plain("qsub " + filepath.Base(file)),
	})
	s.Face.Tell(Notice{ID: "again", Kind: Info, Body: []message.Text{message.Of("flow.done.again", workspace)}})
	return nil
}

func (s *Session) chooseKind(ctx context.Context) (string, error) {
	row := func(kind string, text, note message.Text) Row {
		return Row{Key: kind, Cells: []message.Text{text}, Note: note}
	}
	return s.Face.Choose(ctx, Choice{
		Asked:   Asked{ID: "kind", Title: message.Of("flow.kind"), Label: message.Of("flow.kind.label"), Flag: "jbuild script --kind serial|gpu|mpi"},
		Default: string(jobscript.Serial),
		Rows: []Row{
			row(string(jobscript.Serial), message.Of("flow.kind.serial"), message.Of("flow.kind.serial.note")),
			row(string(jobscript.GPU), message.Of("flow.kind.gpu"), message.Of("flow.kind.gpu.note")),
			row(string(jobscript.MPI), message.Of("flow.kind.mpi"), message.Of("flow.kind.mpi.note")),
			row("none", message.Of("flow.kind.none"), message.Of("flow.kind.none.note")),
		},
	})
}

// askFile proposes a file that is not there yet.
func (s *Session) askFile(ctx context.Context, workspace string) (string, error) {
	proposed := workspace + ".sh"
	for n := 2; exists(s.path(proposed)); n++ {
		proposed = fmt.Sprintf("%s-%d.sh", workspace, n)
	}
	name, err := s.Face.Ask(ctx, Question{
		Asked:   Asked{ID: "file", Title: message.Of("flow.script"), Label: message.Of("flow.script.label"), Help: message.Of("flow.script.help"), Flag: "jbuild script --output FILE"},
		Default: proposed,
		Check: func(_ context.Context, typed string) Verdict {
			info, err := os.Stat(s.path(typed))
			switch {
			case typed == "":
				return Verdict{Bad: needed(typed)}
			case err == nil && !info.Mode().IsRegular():
				return Verdict{Bad: message.Of("flow.script.directory")}
			case err == nil:
				return Verdict{Note: message.Of("flow.script.exists")}
			}
			if info, err := os.Stat(filepath.Dir(s.path(typed))); err != nil || !info.IsDir() {
				return Verdict{Bad: message.Of("flow.script.no-directory")}
			}
			return Verdict{Note: message.Plain(s.path(typed))}
		},
	})
	return s.path(name), err
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}

// path is a file as it was typed, seen from the session's directory.
func (s *Session) path(typed string) string {
	if rest, ok := strings.CutPrefix(typed, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	if filepath.IsAbs(typed) {
		return filepath.Clean(typed)
	}
	return filepath.Join(s.Dir, typed)
}

// write writes a new file, or replaces one that the user has said may go.
func write(file, text string, replace bool) error {
	mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if replace {
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(file, mode, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
