// Package settings is jadm.toml, the one file that says where a site's Harbor, store
// and directory are, and how jadm goes about its work. What projects, members and
// rules there should be is not here, but in the file that Desired names (package
// desired).
//
// Passwords are in files of their own, which only the service account can read, and
// are read when they are needed. A section of the file is a file of this package.
package settings
