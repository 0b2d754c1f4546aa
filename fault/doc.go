// Package fault is how jrun tells a person that something went wrong: what
// happened, why, and what to type next.
//
// A fault is made where the knowledge is, deep inside a package, and printed
// once, by main. Packages that have no advice to give return ordinary wrapped
// errors; main prints those too, without the third part. A caller that must
// decide by an error uses errors.Is and errors.As on what Why wraps, never on
// text.
package fault
