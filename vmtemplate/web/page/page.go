// Package page is what a browser gets of jbuild web. src has the sources; dist is made
// of them by npm (make web), and is in the repository so that a build of jbuild needs
// neither npm nor the network.
package page

import "embed"

// Files has dist/: index.html, and assets/ with names that have a hash of the content.
//
//go:embed all:dist
var Files embed.FS
