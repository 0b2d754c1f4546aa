// Package desired makes Harbor what one file says: the projects of people, labs and
// the site, who belongs to them, and the rules that hold in them.
//
//	File     what a site has written: desired.toml (Load)
//	Actual   what Harbor has (Read)
//	Owned    what jadm has made or taken over (LoadOwned)
//	Plan     the difference of the three, for the people there are (Diff)
//	Applier  does a plan
//	Site     all of it, under one lock
//
// Diff is a function of its Question and nothing else: it asks nobody, and a plan of
// ten thousand people can be tested without a Harbor.
//
// # What jadm made, and what it did not
//
// Owners invite colleagues, administrators try things by hand, and there was a Harbor
// before jadm. All that must survive. So each thing that jadm makes (project, member,
// robot, webhook, rule) is written down before it is made, and its id at Harbor
// afterwards:
//
//   - What is written down with its id is jadm's, as long as Harbor has it with this
//     id. A member whom somebody removed and an owner invited again is not.
//   - What is written down without an id was about to be made when jadm was killed:
//     if Harbor has it, it is jadm's (see settle).
//   - All else is somebody else's.
//
// What is jadm's and not desired any more is removed. What is somebody else's is
// changed only if the file names it: a project of the file that exists already waits
// for --adopt; what would take away (a role, a gate, a member of a project that is
// exclusive) waits for --prune. Such changes are in the plan's Held. A project that
// has repositories is never removed, and no project of a person.
//
// What the file does not mention is left as Harbor has it.
//
// # People
//
// People come from a people.Directory, which package people provides from LDAP or a
// CSV file. An account that has ended, or that the directory has lost, gets nothing;
// memberships that jadm gave it wait for --prune, and so do those of a group's people when
// the directory has lost the group, because a directory that answers wrongly for an hour
// must not empty a site. What becomes of the person's project is
// for package leaving to say.
//
// # Faults
//
// Changes are independent of each other but for those of one project whose making
// failed. Applying goes on after a failure and tells all of them at the end. When it
// is killed, running it again does the rest.
//
// A robot's secret is told once. It goes into a file (Credential) before jadm notes
// that it has been kept; one that was lost between is replaced by the next run.
package desired
