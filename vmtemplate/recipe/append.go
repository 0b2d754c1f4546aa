package recipe

import (
	"crypto/rand"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/secret"
)

// Begin writes the first line of a new record, which tells it from all others.
func Begin(w io.Writer) error {
	return event{beginning, [][2]string{{"id", rand.Text()}}}.write(w)
}

// ID is what Begin has written into a record; empty if it has not.
func ID(r io.Reader) (string, error) {
	id := ""
	err := events(r, func(e event) error {
		if id == "" && e.kind == beginning {
			id = e.get("id")
		}
		return nil
	})
	return id, err
}

// Holds reports whether a record holds the one whose ID is id.
func Holds(r io.Reader, id string) (bool, error) {
	found := false
	err := events(r, func(e event) error {
		found = found || e.kind == beginning && e.get("id") == id
		return nil
	})
	return found, err
}

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
	return events(r, func(e event) error {
		for i := range e.fields {
			e.fields[i][1] = redactField(e.fields[i][0], e.fields[i][1])
		}
		return e.write(w)
	})
}

func redactField(name, value string) string {
	switch name {
	case "at", "id", "n", "shell", "parent", "status", "before":
		return value
	case "alias": // name=text
		alias, text, _ := strings.Cut(value, "=")
		redacted, _ := secret.InCommand(text)
		return alias + "=" + redacted
	}
	redacted, _ := secret.InCommand(value)
	return redacted
}
