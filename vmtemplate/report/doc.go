// Package report tells a site which workspaces of a user are not uploaded, so that it
// can warn them before the VM ends that these are on.
//
// A Report goes to jadm serve (POST /v1/workspaces) with the user's own login to the
// registry, which the site's Harbor checks; it goes to the address in jbuild.toml, over
// TLS or to this machine, and follows no redirect. It says the machine's name and a number
// of its own, and of each workspace that was changed since it was last uploaded its name,
// base, size and dates. What is in a workspace is nobody's business.
//
// The machine's number is made of /etc/machine-id as machine-id(5) wants it: nobody can
// find out the one by the other.
package report
