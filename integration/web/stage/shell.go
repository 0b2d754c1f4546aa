package stage

import (
	"bytes"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
)

// shell answers a few lines, on top of what the fake engine does with them.
type shell struct {
	flow.Console
	stage *Stage
	line  []byte
}

// Lines that a test types, and what the program says.
var said = map[string]func() []byte{
	"nano": func() []byte { return []byte("GNU nano\r\n") },
	"ls":   func() []byte { return []byte("main.py  results/\r\n") },
	"colour": func() []byte {
		return []byte("\x1b[38;2;255;120;0m橙色\x1b[0m \x1b[38;5;33mblue\x1b[0m \x1b[1;4mbold\x1b[0m 日本語の表示\r\n")
	},
	"hostile": func() []byte { return []byte(Hostile + "\r\nafter hostile\r\n") },
	"endless": func() []byte { return []byte(Endless + "\r\nafter endless\r\n") },
	"flood":   func() []byte { return append(bytes.Repeat([]byte("y\r\n"), 10<<20/3), "end of flood\r\n"...) },
}

// Hostile is output that asks a terminal for what no program may have: the clipboard, the
// title, links that lead elsewhere, and answers that would be typed.
const Hostile = "\x1b]52;c;cHduZWQ=\x07\x1b]0;pwned\x07\x1b]2;pwned\x07\x1b]8;;javascript:wrong.push('ran')\x07linked\x1b]8;;\x07\x1b]8;;http://127.0.0.1:9/\x07linked\x1b]8;;\x07" +
	"\x05\x1b[21t\x1b[20t\x1b[18t\x1b[8;1;1t\x1b[2t\x1b]52;c;?\x07\x1bP$qpwned\r\x1b\\\x1bP+q70776e6564\x1b\\\x1b[c\x1b[6n\x1b]10;?\x07\x1b]4;1;?\x07\x1b[?1$p" +
	"<img src=x onerror=wrong.push('ran')>"

// Endless is output that asks a terminal to do something two thousand million times.
const Endless = "x\x1b[2147483647b\x1b[2147483647S\x1b[2147483647T\x1b[2147483647L\x1b[2147483647M\x1b[2147483647I\x1b[2147483647Z\x1b[2147483647@\x1b[2147483647P\x1b[2147483647X" +
	"\x1b[2147483647 @\x1b[2147483647 A\x1b[2147483647'}\x1b[2147483647'~\x1b[2147483647A\x1b[2147483647B\x1b[2147483647C\x1b[2147483647;2147483647H\x1b[2147483647d\x1b[1;2147483647r\x1b[r"

// Read hears lines that are typed.
func (s *shell) Read(p []byte) (int, error) {
	for {
		n, err := s.Console.Read(p)
		if err != nil || !s.edits(p[:n]) {
			s.hear(p[:n])
			return n, err
		}
	}
}

// edits reports whether an editor has the terminal, and what was typed; Ctrl-X ends it.
func (s *shell) edits(typed []byte) bool {
	s.stage.mu.Lock()
	defer s.stage.mu.Unlock()
	if s.stage.program == "" {
		return false
	}
	if bytes.IndexByte(typed, 'X'&31) >= 0 {
		s.stage.program = ""
	}
	return true
}

func (s *shell) hear(typed []byte) {
	for _, b := range typed {
		switch b {
		case '\r', '\n':
			line := string(s.line)
			s.line = nil
			if line == "nano" {
				s.stage.mu.Lock()
				s.stage.program = line
				s.stage.mu.Unlock()
			}
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
}
