// Package audit writes down every administrative act: who did what to whom, when,
// and how it ended. The log is append-only JSON, one act on a line, and each line has
// the hash of the line before it, so that nobody can change or remove one unseen
// (jadm audit verify).
package audit
