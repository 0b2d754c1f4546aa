// Package stage is jbuild web with nothing real behind it, for tests of the page in a
// browser: the page, the desk and the guard are the real ones, the engine is package
// fakeengine, and a shell, files, packages and images are in memory. A test can make go
// wrong what it wants.
package stage
