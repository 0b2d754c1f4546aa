package terminal

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// key is one thing that was typed.
type key struct {
	name string // "up", "enter", "ctrl+c"; "text" for what prints
	text string // of "text"; pasted text may have many characters
}

// Sequences are those of xterm, VT220 and the Linux console: terminfo would say the
// same for every terminal that is in use. Application mode (ESC O) is what some send
// without being asked.
var sequences = map[string]string{
	"\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left",
	"\x1bOA": "up", "\x1bOB": "down", "\x1bOC": "right", "\x1bOD": "left",
	"\x1b[H": "home", "\x1b[F": "end", "\x1bOH": "home", "\x1bOF": "end",
	"\x1b[1~": "home", "\x1b[4~": "end", "\x1b[7~": "home", "\x1b[8~": "end",
	"\x1b[3~": "delete", "\x1b[5~": "pageup", "\x1b[6~": "pagedown", "\x1b[Z": "shift+tab",
	"\x1bOM": "enter",
}

var controls = map[byte]string{
	0x01: "home", 0x02: "left", 0x03: "ctrl+c", 0x04: "ctrl+d", 0x05: "end", 0x06: "right", 0x08: "backspace", 0x09: "tab",
	0x0a: "enter", 0x0b: "ctrl+k", 0x0d: "enter", 0x0e: "down", 0x10: "up", 0x15: "ctrl+u", 0x17: "ctrl+w", 0x7f: "backspace",
}

// Marks around what is pasted (xterm, mode 2004).
const (
	pasteBegins = "\x1b[200~"
	pasteEnds   = "\x1b[201~"
)

// mostPasted bounds what is kept of a paste whose end does not come.
const mostPasted = 1 << 16

// decode takes the first key off buf: how many bytes it has, 0 when more are needed. If
// final no more will come, and what is there must do: a lone ESC is the key Esc.
// Sequences that nobody knows are keys without a name.
func decode(buf []byte, final bool) (k key, n int) {
	if len(buf) == 0 {
		return key{}, 0
	}
	first := buf[0]
	switch {
	case first == 0x1b:
		return decodeEscape(buf, final)
	case first < 0x20 || first == 0x7f:
		return key{name: controls[first]}, 1
	}
	if !utf8.FullRune(buf) && !final {
		return key{}, 0
	}
	r, size := utf8.DecodeRune(buf)
	if r == utf8.RuneError || !typeable(r) {
		return key{}, size
	}
	return key{name: "text", text: string(r)}, size
}

func decodeEscape(buf []byte, final bool) (key, int) {
	text := string(buf[:min(len(buf), mostPasted)])
	if rest, pasted := strings.CutPrefix(text, pasteBegins); pasted {
		end := strings.Index(rest, pasteEnds)
		switch {
		case end >= 0:
			return key{name: "text", text: oneLine(rest[:end])}, len(pasteBegins) + end + len(pasteEnds)
		case len(buf) >= mostPasted:
			return key{name: "text", text: oneLine(rest)}, len(text)
		}
		return key{}, 0
	}
	if len(buf) == 1 {
		if final {
			return key{name: "esc"}, 1
		}
		return key{}, 0
	}
	switch buf[1] {
	case '[':
		return decodeCSI(text, final)
	case 'O':
		if len(buf) < 3 {
			return ifFinal(final, 2)
		}
		return key{name: sequences[text[:3]]}, 3
	case 0x1b: // Esc, pressed twice
		return key{name: "esc"}, 1
	}
	return key{}, 2 // Alt and a key
}

// decodeCSI takes a control sequence (ECMA-48, 5.4): parameters, intermediate bytes, one
// final byte.
func decodeCSI(text string, final bool) (key, int) {
	for i := 2; i < len(text); i++ {
		switch b := text[i]; {
		case b >= 0x40 && b <= 0x7e:
			return key{name: sequences[text[:i+1]]}, i + 1
		case b < 0x20 || b > 0x7e:
			return key{}, i // not one after all
		}
	}
	return ifFinal(final, len(text))
}

func ifFinal(final bool, n int) (key, int) {
	if final {
		return key{}, n
	}
	return key{}, 0
}

// typeable reports whether a character can be part of an answer: what prints, the joiner
// of emoji, and the space between Japanese words.
func typeable(r rune) bool { return unicode.IsPrint(r) || r == 0x200d || r == 0x3000 }

// oneLine is pasted text as one line, without what does not print.
func oneLine(text string) string {
	text = strings.TrimSpace(text)
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case !typeable(r):
			return -1
		}
		return r
	}, text)
}
