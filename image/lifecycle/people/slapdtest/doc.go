// Package slapdtest starts Debian's slapd for tests: an ordinary child process with a
// directory of its own, on ports of the loopback interface that the kernel chooses,
// gone at the end of the test. It knows the schemas of RFC 2307, inetOrgPerson and
// Active Directory's users and groups, and the attributes of password policies.
//
//	server := slapdtest.Start(t, slapdtest.Options{LDIF: text})
//	… server.URL, server.LDAPS, server.CAFile, slapdtest.Base …
//	server.Stop()
//	… the directory is down …
//	server.Restart()
//
// A test is skipped, with a reason, where slapd is not installed
// (integration/setup.sh test installs it).
package slapdtest
