// Package secret finds what must not get into an image, nor into the recipe of one:
// private keys, tokens, passwords.
//
// # In commands
//
// InCommand looks at what somebody typed, and leaves out what is secret in it. It reads
// the command as a shell does, because many passwords are recognised only by where they
// stand: after -p of docker login, behind the colon of curl -u, in what is piped into
// chpasswd, in a here-document that becomes ~/.netrc. A variable in such a place
// ("$TOKEN") is no secret. It rather finds too much than too little.
//
// # In files
//
// InFile and Scan look at files that go into an image. There it is the other way round:
// nobody reads a warning that is wrong most of the times. What distributions and package
// managers bring along holds thousands of things that look like secrets: keys for tests,
// examples in manuals, messages such as "password=%s". So inside of their directories
// only what is unmistakable counts, and nothing in tests and documentation; the test
// TestThisSystem scans a whole Debian.
//
// A Finding tells where and what kind, and never the secret itself.
//
// # What it cannot do
//
// A password that is an ordinary word in a place that nothing is known about is not
// found; nor is anything that is encrypted, compressed or encoded. Paths that
// change.Filter leaves out of images are no findings: they do not get in.
package secret
