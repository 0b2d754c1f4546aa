package recipe

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/secret"
)

// Append records a command that was not typed, as the shells' hooks do it. A command
// that has not Ended is recorded as one that never came back.
func Append(w io.Writer, c Command) error {
	id := "run" + strconv.FormatInt(c.Start.UnixNano(), 36)
	events := []event{
		{"shell", [][2]string{{"shell", id}, {"kind", "run"}, {"at", stamp(c.Start)}, {"dir", c.Dir}}},
		{"start", [][2]string{{"shell", id}, {"n", "1"}, {"at", stamp(c.Start)}, {"dir", c.Dir}, {"text", c.Text}}},
	}
	if c.Ended {
		events = append(events, event{"end", [][2]string{{"shell", id}, {"at", stamp(c.End)}, {"status", strconv.Itoa(c.Status)}, {"dir", c.After}}})
	}
	for _, e := range events {
		if err := e.write(w); err != nil {
			return err
		}
	}
	return nil
}

// AppendCopy records that a file was brought in from outside, to path.
func AppendCopy(w io.Writer, path string, at time.Time) error {
	return event{"copy", [][2]string{{"path", path}, {"at", stamp(at)}}}.write(w)
}

func stamp(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }

// Redact copies a record without the secrets in its commands. What a workspace keeps on
// a disk is that; a record as the hooks write it belongs on a tmpfs.
func Redact(w io.Writer, r io.Reader) error {
	in := bufio.NewReader(io.LimitReader(r, mostRecord))
	for {
		line, err := in.ReadString('\n')
		if e, ok := parseEvent(strings.TrimSuffix(line, "\n")); ok {
			for i := range e.fields {
				e.fields[i][1] = redactField(e.fields[i][0], e.fields[i][1])
			}
			if err := e.write(w); err != nil {
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

func redactField(name, value string) string {
	switch name {
	case "at", "n", "shell", "parent", "status", "before":
		return value
	case "alias": // name=text
		alias, text, _ := strings.Cut(value, "=")
		redacted, _ := secret.InCommand(text)
		return alias + "=" + redacted
	}
	redacted, _ := secret.InCommand(value)
	return redacted
}
