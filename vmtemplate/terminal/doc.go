// Package terminal is the guided session (package flow) on a terminal, drawn in one of
// two ways. Open chooses.
//
// # Full
//
// On a terminal that can move its cursor a question is a few lines at the bottom: a
// list to move in, a line to edit. When it is answered these lines make way for one
// that says what was answered, so that the screen, and what can be scrolled back to, is
// a record of the session. There is no alternate screen.
//
// Lines are cells (a character, its width, a style), and only what differs from the
// line before is sent (frame.go): moving in a list takes about a hundred bytes, in
// Japanese, too. Nothing is asked of the terminal, as its answers would arrive late over a slow line,
// in somebody's shell. What is typed while nothing is asked waits for the next question, but
// not what is typed while something takes time: Enter, pressed in impatience, must not
// answer a question that has not been read. Whatever text says, it cannot control the terminal: characters
// that would are replaced before they become cells.
//
// We draw no characters whose width depends on the terminal (East Asian Ambiguous,
// UAX 11: dashes, arrows, bullets, frames). Where others' texts have them the line is
// sent as a whole. Colors are those of the terminal's own palette, for single
// characters only; with NO_COLOR there are none.
//
// # Plain
//
// With TERM=dumb, --plain, or where there is no terminal, questions are numbered lines
// and answers are lines. It suits screen readers and logs. Where the input ends, the
// question that was open is named, with the command that answers it.
//
// When input is not a terminal, the shell in a workspace gets its lines up to and
// including one that says exit.
package terminal
