// Package onboarding gives a person a place at Harbor: a project of their own, images
// of others to run, a login for the compute servers, and a letter that tells of it.
//
//	o := onboarding.New(onboarding.Options{…})
//	result, err := o.Add(ctx, "20260001", onboarding.Choices{Now: now})
//
// # The steps
//
//  1. The directory is asked: who is unknown, has left or has no mail is not begun with.
//  2. The person becomes project admin of a project named after them, and guest of the
//     shared ones (Place). Being made a member is what makes Harbor know them, so that
//     their first login is no first one: twelve ranks that log in at once for the first
//     time would get spurious refusals.
//  3. A robot that can only pull, from their own project and the shared ones.
//  4. Its login, in a file of the form of containers-auth.json(5).
//  5. The welcome letter.
//
// Each step looks at what is there and does what is missing, so that all of it can be
// repeated, and goes on where it was killed. What belongs to somebody else is never
// taken over: a project or robot of the same name that jadm did not begin to make for
// this person is an error that says whose it is.
//
// # Whose project
//
// Harbor's names are in lower case; a project is named by the ID in lower case, which
// is nobody else's, since directories do not tell cases apart. IDs with other signs
// than letters, digits and single . _ - between them have no project at Harbor, and are
// an error. Before a project is made it is written down for whom (state, kind
// "places"): if jadm is killed between making it and making the person its admin, the
// next run finds an empty project of jadm's own account, and knows why.
//
// # One login for the compute servers
//
// People of a directory have no other secret for Harbor than their own password. A
// robot of a project can pull from that project alone, so that shared images would need
// a second one; so it is a robot of the system, with the permission to pull from each
// of these projects. It is called nodes-<project>, and its description begins with
// "jadm: ". In the file its login stands for HOST/PROJECT of each of them, the most
// special entries that there are, so that the person's own login for HOST, with which
// they push, stays beside it, and pulls of other projects go by that.
//
// Harbor tells a secret once, when it is made. That one is to be delivered is written
// down before (state, kind "onboarding"), and that it was after: a secret that was lost
// between is replaced by the next run. Before its end a robot is given more days with
// the same secret, as long as the directory says that the person is there: jobs that
// wait in a queue go on, and who has left is locked out by doing nothing.
//
// # Who fills Place
//
// Direct makes a place by itself. A site that keeps all its projects in the file of
// package desired can put a Place in that applies the plan of one person.
package onboarding
