// Package identity answers who the job is inside the image: the lines of
// passwd and group, the home, the shell, the locale and the environment.
//
// The same person must be there under the same name whether the account comes
// from /etc/passwd, LDAP or nowhere at all, because programs ask: ssh and git
// want a name, bash a home, MPI launchers both. The image knows nobody of the
// host, so the image's own passwd and group get the caller's lines added; a
// line of the image with the same uid or name gives way.
//
// The environment is the host's, as users of batch systems expect, but without
// what only makes sense on the host: search paths of its libraries and
// interpreters, and shell functions of its module system. What the image sets
// wins over the host, and what the user asked for by flags wins over both.
//
// The package reads the image through [io/fs.FS] and knows nothing of
// namespaces.
package identity
