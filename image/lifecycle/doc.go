// Package lifecycle is people and images over time: what jadm does for a site. The
// package itself is this text; its parts are the packages below it.
//
//	settings    jadm.toml: addresses, credentials, paths, rules
//	state       small documents that outlast kills and power cuts
//	audit       what was done, by whom: an append-only log, chained by hashes
//	people      who there is: LDAP or a CSV file
//	desired     projects, members, rules as a site wants them, in one file, and what
//	            Harbor has instead; making the one into the other
//	onboarding  a person's project, membership, robot and welcome
//	notice      letters to people, in their language
//	mirror      the site's part of the store follows the registry: converting what is
//	            pushed, removing what is deleted, rights as Harbor has them
//	usage       what jobs have used and what is cited; telling Harbor of it
//	retention   which tags and images stay, as a function of all that
//	report      who takes how much room
//	bundle      a person's images as files that need no registry
//	leaving     from the notice to the certificate
//	vmlease     when a personal VM ends, and what in it was never uploaded
//	service     jadm serve: HTTP, and what is done again and again
//
// # Invariants
//
//   - Harbor and the directory are the truth; state holds what neither knows. So
//     state that is lost costs some work, and never an image.
//   - Everything is done by comparing what should be with what is, and doing the
//     difference. An event (a webhook) says only where to look: forged, doubled,
//     late or lost events change nothing in the end.
//   - Each step can be repeated. Whatever is killed at any moment goes on when it is
//     run again; nothing is lost and nothing doubled.
//   - What removes something says before what it would remove (--dry-run), never
//     removes the last tag of a cited digest, and can be undone for a while.
//   - Every act is in the audit log before it is done, and its outcome after.
//   - Text from outside (names, tags, descriptions, LDAP attributes) is hostile.
//
// The account that runs jadm is no root; it owns the site's part of the store.
package lifecycle
