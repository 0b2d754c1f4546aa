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
