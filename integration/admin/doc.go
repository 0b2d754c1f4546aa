// Package admin proves jadm end to end: bin/jadm as a service account and bin/jrun as
// two ordinary users, against a Harbor, a directory of people (Debian's slapd) and a
// store, from an empty Harbor to the certificate of somebody who has left.
//
//	go test -tags e2e ./integration/admin      (make test does it, make e2e too)
//
// It needs root, to be these three accounts: integration/setup.sh test makes them.
//
// Without more the Harbor is the one of image/harbor/fakeharbor, over HTTP on the
// loopback interface. With HARBOR_URL, HARBOR_USER and HARBOR_PASSWORD of an
// administrator it is a real one, which must take its people from the directory that
// LDAP_URL, LDAP_BASE, LDAP_ADMIN_DN and LDAP_ADMIN_PASSWORD name, and must reach
// 127.0.0.1 of this machine with its webhooks. The test then adds people and a group
// with names of its own, and removes them and all that was made at Harbor.
//
// Days pass in a jadm that was built for the purpose (the build tag movedclock): all
// else is done by the programs that people get.
package admin
