package screen

import (
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// feed gives the emulator what the program has written. x/vt 0.1.0 knows wide
// characters, but not what terminals do with them at the end of a line: it loses those
// after one that ends there, and cuts one that would not fit. So the lines are broken here.
func (s *Screen) feed(data []byte) {
	data = append(s.partial, data...)
	whole := len(data) - incomplete(data)
	s.partial = append([]byte(nil), data[whole:]...)
	for data = data[:whole]; len(data) > 0; {
		sequence, width, n, state := ansi.DecodeSequence(data, s.state, nil)
		s.state = state
		if n == 0 {
			break
		}
		data = data[n:]
		if width == 0 {
			s.atEnd = false
			_, _ = s.vt.Write(sequence)
			continue
		}
		// Asking for the cursor ends a character that may still be composed: only where
		// it must be known.
		if s.atEnd || width == 2 && s.vt.CursorPosition().X+width > s.vt.Width() {
			_, _ = s.vt.Write([]byte("\r\n"))
		}
		s.atEnd = width == 2 && s.vt.CursorPosition().X+width == s.vt.Width()
		_, _ = s.vt.Write(sequence)
	}
}

// incomplete is how many bytes at the end are the beginning of a character.
func incomplete(data []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(data); n++ {
		if tail := data[len(data)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}
