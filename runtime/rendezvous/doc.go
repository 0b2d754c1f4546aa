// Package rendezvous is how processes of one user on one machine find the one
// among them that has something to give: a sandbox, or a copy of an image.
//
// They agree on a name in the abstract namespace of unix sockets (unix(7)).
// Whoever binds it first is the creator, makes the thing, and lets others have
// descriptors of it; the others connect and wait. The kernel is the lock: the
// name is free again at the moment when nobody holds the socket, however its
// owner died, and no file is ever left behind. A creator that dies or gives up
// resets the connections of those who wait ([ErrGone]); they meet again and one
// of them creates.
//
// Any user may bind any name. So both ends ask the kernel who is at the other
// ([Peer]), and a name that another user took is stepped over.
package rendezvous
