// Package web is the guided session as a page in a browser: the same flow as on a
// terminal (package flow), with the things around it that a page can do and a terminal
// cannot: a list of one's images, files by drag and drop, a maker of job scripts.
//
//	guard   who may use it: one person
//	bench   what a page can do beside the session: files, packages, images
//	desk    the session, for pages that come, go and come back
//	page    the page's sources, and as a browser gets it (page/dist, embedded)
//
// # Addresses
//
//	GET  /                     the page; it holds nothing secret
//	GET  /assets/…             scripts, styles, the terminal
//	GET  /api/texts?lang=      the page's own words, from the catalogue
//	POST /api/login, /api/logout
//	GET  /api/desk             WebSocket: the session (desk.go)
//	GET  /api/screen           WebSocket: the shell's terminal (screen.go)
//	     /api/bench/…          the workspace whose shell runs: files, file, finish, changes,
//	                           recipe, search (files.go, workspace.go)
//	     /api/images, /api/images/tag, /api/members   one's project (images.go)
//	POST /api/script           a job script (script.go)
//
// Everything below /api/ but texts and login needs a session of package guard. Bodies are
// JSON; errors are {"error": KIND, "text": in the page's language, "next": [...]}.
package web
