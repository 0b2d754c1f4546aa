// Package fault is how jrun tells a person that something went wrong: what
// happened, why, and what to type next.
//
// A fault is made where the knowledge is, deep inside a package, and printed
// once, by main. Packages that have no advice to give return ordinary wrapped
// errors; main prints those too, without the third part. A caller that must
// decide by an error uses errors.Is and errors.As on what Why wraps, never on
// text.
//
// # Languages
//
// A fault is in English, and its English formats are the names under which another
// language has them (package fault/language), as with gettext. So a fault keeps its
// formats with their arguments: What as Newf is given it, Next as a string without
// arguments or as a Text, and a cause of our own making as Because makes it:
//
//	return fault.Newf(fault.Because("it answered %d", status), fault.Say("log in first: jrun login %s", host), "%s wants a login", host)
//
// Error, What and Next are English always, for logs, JSON and tests. A Language says
// the same in its words, when it is printed: what is ours, however deep other errors
// wrap it, and what the system means by its own. The words of libraries stay. Types
// of errors say their text by a method, see Speaker; errors.New with constant words
// is found, too, for packages that do not import this one.
//
// What crosses to another process to be said there is written as a Text, which is
// JSON with formats and arguments. Only what a holder or builder of a sandbox tells
// in words of its own stays English.
package fault
