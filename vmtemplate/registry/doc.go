// Package registry speaks to a registry for jbuild: who one is there, what it says
// when it refuses, and how often it is asked again.
//
// # One registry, one person
//
// A Registry is reached as image.Access tells: the logins, certificates and proxies
// are those of jrun. Do makes one request of the distribution specification
// (github.com/opencontainers/distribution-spec) and looks after the login:
//
//   - the first request asks /v2/ who one must be: nobody, Basic, or Bearer;
//   - a token is fetched for the scopes that a request needs, kept, and renewed
//     before it ends, or when it is refused: in the middle of a layer, too;
//   - a token that is fresh and refused is a login that is refused. Why is found
//     out (package harbor, where it is a Harbor); if another login can help,
//     Options.Relogin is asked for one, once for all requests that wait, and the
//     request goes on.
//
// A refused password is never tried again: Harbor locks the account for 1.5 seconds
// after each attempt, and with it everybody's correct logins.
//
// # Again
//
// Patiently repeats what may go well in a moment: broken connections and the
// statuses 408, 429, 500, 502, 503 and 504, with growing, random pauses of a bounded
// sum, and never earlier than Retry-After says.
//
// # Refusals
//
// An answer beyond those a request wants is a *RefusalError. Explain makes of it, and of
// errors of the network, what a person is told: what happened, why, what to do. It is
// a message.Error, in both languages.
//
// # What is secret
//
// Passwords and tokens are in no error and in no text that this package makes, also
// when a registry echoes them. They are sent to the registry's host and to the token
// service that it names, never to where a redirect or a Location points.
//
// # What it does not do
//
// It does not follow redirects. It knows nothing of images: see packages upload and
// bases.
package registry
