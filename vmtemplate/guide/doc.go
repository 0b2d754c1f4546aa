// Package guide is the engine of the guided session (package flow): its Workspaces,
// Registry and Uploader, by package workshop.
package guide
