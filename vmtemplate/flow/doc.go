// Package flow is the guided session: from "I need this software" to an image in the
// registry and a job script, for somebody who does not know what a container is.
//
// # One conversation, several faces
//
// The session is straight-line code that asks. How a question looks is a Face's
// business: package terminal is one, a page in a browser can be another. A Face gets
// Texts in no language, draws them in its reader's, and returns what was answered:
//
//	Choose  one of a list      Ask   a line of text, checked while it is typed
//	Confirm yes or no          Tell  something to know, which stays on the screen
//	Show    a longer text      Work  something that takes time, with its progress
//	Shell   the keyboard and the screen for a program
//
// Every question has an ID, by which a Face may draw it in a special way and by which
// tests find it, and says with which command line it can be answered without asking.
//
// # Back and out
//
// Any question can be answered by ErrBack (Esc) or ErrInterrupted (Ctrl-C). A sequence
// of steps goes back to the step before that asked something. An interruption ends the
// session, wherever it is: nothing is lost then, because all that is made lives in a
// workspace, which is on disk from its first moment, and the session says how to go
// on. When the context ends the session does, too, in the same way.
//
// # The engine
//
// What the session works with are three small interfaces, Workspaces, Registry and
// Uploader, and errors by which it tells what went wrong (ErrWrongLogin and others).
// Package fakeengine implements them for tests.
package flow
