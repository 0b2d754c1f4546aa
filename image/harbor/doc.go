// Package harbor asks a Harbor registry what its REST API v2.0 knows, and finds
// out why Harbor refused an image.
//
// # The client
//
// A Client asks one Harbor as one user (or robot, or nobody). Each method is one
// request; lists are iterators that ask for a hundred items at a time. What is
// returned has the fields that jrun and jadm need, not all of Harbor's.
//
//	c := harbor.New(harbor.Options{Base: base, User: "robot$team+nodes", Password: secret})
//	a, err := c.Artifact(ctx, "team", "cfd/app", "1")
//	if harbor.Status(err) == http.StatusNotFound { … }
//
// What is particular about Harbor, and holds for every request:
//
//   - Names are never ids. A project called 20260001 (a student's number) would
//     be looked up as the project with that id; X-Is-Resource-Name forbids it.
//   - Slashes in a repository's name are encoded twice, because nginx before
//     Harbor decodes them once.
//   - No cookies. Harbor sends a session with every answer and refuses a POST
//     that brings it back (CSRF), in spite of the password. Who asks for a
//     session (Options.Session) gets one of its own, for some lists only: see
//     session.go.
//   - No redirects. A password is sent to the host that was named, and nowhere
//     else.
//   - Any refusal is an *Error, whatever its body is: JSON in two shapes, text,
//     HTML of nginx, or nothing.
//   - GET, HEAD, PUT and DELETE are repeated after 429, 502, 503, 504 and broken
//     connections, with growing, random pauses of a bounded sum.
//   - Nothing is ever repeated after a 401. Harbor answers a wrong password after
//     1.5 seconds and refuses the right one meanwhile: a job with an old password
//     that tries again would lock its owner out of everything.
//
// # Why was it refused
//
// Harbor says 401 to a wrong password, to a missing project, to somebody who is
// not a member, while another job locks the account with an old password, while
// the directory is down, and while the database is. Diagnose tells these apart:
// by what Harbor tells everybody; by how long it took to refuse, since it delays
// the answer to a wrong password and to nothing else; and by one question that
// everybody may ask whose password is right. It makes at most two requests with
// the credential after a 401, and no more once the password is known to be wrong.
// See Cause for what can be told, unauthorized.go for how, and docs/harbor.md.
//
// A 200 says nothing about the password, if the project is public.
//
// Harbor's behaviour was measured with version 2.15.2, and where it was not, read
// in its source. Package fakeharbor behaves in the same way, for tests; they run
// against a real Harbor as well (HARBOR_URL).
//
// What is in an Error and in a Diagnosis may be printed on a terminal. All else
// is as Harbor sent it.
//
// # What it does not do
//
// It does not pull or push: that is go.podman.io/image/v5. It knows nothing of
// replication, proxy caches, labels, and Harbor's configuration.
package harbor
