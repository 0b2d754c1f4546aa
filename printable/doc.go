// Package printable makes text from outside fit to be shown to a person: what
// registries, directories, images, users and programs say may be anything.
//
// # What text can do
//
// Printed as it is, it can
//
//   - command the terminal: ESC and the other control characters (C0, DEL and C1)
//     clear the screen, set the clipboard and answer questions in the user's stead;
//   - turn the line around: bidirectional overrides and isolates (U+202A to U+202E,
//     U+2066 to U+2069) let "gpj.exe" be read as "exe.jpg";
//   - hide: characters without width make two names look like one;
//   - speak for us: an end of line, or enough spaces, begin a line that seems to be the
//     program's own; a tabulator moves what follows into another column of a table;
//   - be no text: bytes that are not UTF-8.
//
// # What is done
//
//	Text   several lines      whatever is not printed (unicode.IsPrint) becomes U+FFFD;
//	                          ends of lines, tabulators and U+3000, which Japanese has
//	                          between words, stay
//	Line   one line, or a     a run of white space becomes one space, none is at the ends;
//	       cell of a table    the rest as in Text
//	Is     a check            whether it is already one line that shows all that it is
//
// CutBytes and CutRunes bound what has been made so: text from outside has any length.
//
// Nothing but white space is dropped: who reads sees by U+FFFD that something was there,
// and what has more in it than another does not look like it.
//
// # Where
//
// Where text is printed, not where it is read: what is compared, stored or sent must stay
// as it is. What is printed from JSON needs nothing, as encoding/json escapes it. Words
// of a command that is to be typed again are quoted instead, so that it stays the
// command (package shellword). What a person types or pastes is filtered where it comes in
// (vmtemplate/terminal).
//
// # What is not done
//
// Letters that are written from right to left reorder the rest of their own line, letters
// of one alphabet look like those of another, and accents can be piled up: all these are
// also honest text. How wide a character is, is not considered.
package printable
