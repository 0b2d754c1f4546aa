package flow

import (
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// size, date and moment are cells that stay empty where nothing is known.
func size(bytes int64) message.Text {
	if bytes == 0 {
		return message.Plain("")
	}
	return message.Of("flow.cell", message.Bytes(bytes))
}

func date(t time.Time) message.Text {
	if t.IsZero() {
		return message.Plain("")
	}
	return message.Of("flow.cell", message.Date(t))
}

func moment(t time.Time) message.Text {
	if t.IsZero() {
		return message.Plain("")
	}
	return message.Of("flow.cell", message.Time(t))
}

// scanned is what a scanner says, in few words.
func scanned(s *Scan) Badge {
	switch {
	case s == nil:
		return Badge{}
	case s.Total == 0:
		return Badge{message.Of("flow.scan.clean"), Success}
	case s.Severity == "Critical" || s.Severity == "High":
		return Badge{message.Of("flow.scan", s.Total, severity(s.Severity), s.Fixable), Warning}
	}
	return Badge{message.Of("flow.scan", s.Total, severity(s.Severity), s.Fixable), Info}
}

// severity is one of Harbor's words in the user's language.
func severity(harbors string) message.Text {
	switch harbors {
	case "Critical":
		return message.Of("flow.severity.critical")
	case "High":
		return message.Of("flow.severity.high")
	case "Medium":
		return message.Of("flow.severity.medium")
	case "Low":
		return message.Of("flow.severity.low")
	case "Negligible":
		return message.Of("flow.severity.negligible")
	case "", "Unknown", "None":
		return message.Of("flow.severity.unknown")
	}
	return message.Plain(harbors)
}

// firstLine is what a description says first: people write whole pages of Markdown
// into them.
func firstLine(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(strings.TrimLeft(line, "# ")); line != "" {
			return line
		}
	}
	return ""
}
