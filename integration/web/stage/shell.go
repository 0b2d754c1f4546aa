package stage

import (
	"bytes"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
)

// shell answers a few lines, on top of what the fake engine does with them.
type shell struct {
	flow.Console
	line []byte
}

// Lines that a test types, and what the program says.
var said = map[string]func() []byte{
	"ls": func() []byte { return []byte("main.py  results/\r\n") },
	"colour": func() []byte {
		return []byte("\x1b[38;2;255;120;0m橙色\x1b[0m \x1b[38;5;33mblue\x1b[0m \x1b[1;4mbold\x1b[0m 日本語の表示\r\n")
	},
	"flood": func() []byte { return append(bytes.Repeat([]byte("y\r\n"), 10<<20/3), "end of flood\r\n"...) },
}

// Read hears lines that are typed.
func (s *shell) Read(p []byte) (int, error) {
	n, err := s.Console.Read(p)
	for _, b := range p[:n] {
		switch b {
		case '\r', '\n':
			line := string(s.line)
			s.line = nil
			if say, ok := said[line]; ok {
				_, _ = s.Write([]byte("\r\n"))
				_, _ = s.Write(say())
			} else if package_, ok := strings.CutPrefix(line, "apt-get install -y "); ok {
				_, _ = s.Write([]byte("\r\nSetting up " + package_ + " ...\r\n"))
			}
		case 3:
			s.line = nil
		default:
			s.line = append(s.line, b)
		}
	}
	return n, err
}
