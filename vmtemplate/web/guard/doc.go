// Package guard lets one person, the VM's owner, use the page of jbuild web, and nobody
// else: not other users of the machine, not other pages in the owner's browser, not the
// network.
//
// # Who gets in
//
// With an invitation, a link that works once and for ten minutes, which jbuild web prints
// for who has started it (as Jupyter does). Or with the registry's login, if the site
// has said whose VM it is: the name must be the owner's, and the registry must accept the
// password. Then the browser has a session in two halves:
//
//   - a cookie, which scripts cannot read (HttpOnly) and other sites' pages cannot make
//     the browser send (SameSite=Strict);
//   - a proof, which the page keeps and sends as a header, or as a subprotocol of a
//     WebSocket.
//
// Neither is enough. A cookie is sent to every port of its host, so that another user of
// the VM, who lures the owner to a port of their own, gets it; the proof is kept for the
// page's origin, with its port, and no other page can read it.
//
// Who serves the origin gets both, so that sessions must not outlast a process whose
// port another user of the machine can take: Options.Sessions is for where nobody can.
//
// # What else is refused
//
//   - a Host that is not ours (DNS rebinding: somebody else's name that has become
//     127.0.0.1);
//   - any request that changes something, and any WebSocket, of another origin;
//   - logins that come too fast: one at a time, and after a wrong one a pause that
//     doubles. Harbor locks an account for 1.5 seconds after a wrong password.
//
// Answers carry a Content-Security-Policy that allows scripts and styles of our own only,
// no frames and no forms.
package guard
