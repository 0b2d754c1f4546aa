// Package desk is the guided session (package flow) for pages in a browser: a flow.Face
// that keeps what is asked and told, so that any number of pages can look at it, answer
// from any of them, and come back after a reload, a lost connection or a laptop's sleep.
//
// # What a page sees
//
// Snapshot is everything: entries (what was told and answered), the open question, the
// work that goes on, the shell. Each part has a number that grows when it changes, and
// Changed tells that something did. So a page that was away asks once and is up to
// date, and nothing is kept for pages that are not there.
//
// A question has a number of its own. An answer names it: the first of two tabs that
// answer wins, and the other is told that the question is gone.
//
// # The shell
//
// What a program in the workspace writes goes into a ring of the last bytes (Screen).
// A page that attaches gets the ring and then what follows. It says how far it has come;
// the program waits when a page is behind by almost the whole ring, so that nothing is
// lost on a slow line. But it never waits for a page that does not move: that one is
// told to begin again with the ring (Reset) when it comes back. The same holds for a
// page whose connection was lost. Without pages the program runs on, as in tmux(1).
//
// The package knows nothing of HTTP, and its texts are in no language: package web
// turns them into words.
package desk
