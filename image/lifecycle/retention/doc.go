// Package retention says which tags and images stay, and lets the others go: in Harbor and
// in the site's part of the store, by one rule.
//
// # Rules
//
// Decide is a function of a repository's tags, their pushes and uses, what is cited, and
// the time; it asks nobody. Rules are those of restic: each keeps what it names, and what
// none keeps goes. Without rules everything stays.
//
//	keep_last = 5            the five tags that were pushed last
//	keep_daily = 7           the last tag of each of the last seven days that have one;
//	                         hourly, weekly (ISO 8601), monthly, yearly likewise
//	keep_within = "90d"      what was pushed less long ago
//	keep_used_within = "1y"  what was used, or pushed, less long ago
//	keep_pinned = true       all tags of what is cited
//	keep_tags = ["v*"]       by name (path.Match)
//
// Whatever the rules say, these stay: what was pushed within the grace period; what a job
// may be using; a tag that Harbor calls immutable; and the last tag of what is cited.
//
// # Removing
//
// Harbor cannot give a deleted artifact back, as its storage is swept by it at a time that
// it alone knows. So nothing is deleted at once:
//
//  1. A tag is taken from its artifact, by the artifact's digest: Harbor refuses if it
//     stands for another one by now, so that no push can get lost. Jobs that have the
//     digest can still pull it; signatures stay with it. The object in the store is put
//     among the deleted ones.
//  2. When nothing has kept the artifact for the undelete period, it is deleted with its
//     signatures, and the store purges the object.
//
// Until then Undo puts tags and objects back. Artifacts whose last tag was pushed away are
// treated as in step 2. (Harbor's own garbage collection must not be told to delete
// untagged artifacts, or the undelete period ends with it.)
//
// # Invariants
//
//   - What is to be removed is written down before (Removed), so that it can be undone
//     after any kill; and each step is done by comparing, so that it can be repeated.
//   - Right before each removal it is looked again: whether the tag stands for that
//     digest, and whether a use or a pin has come meanwhile.
//   - When anything that would keep an image cannot be read (pins, uses, an artifact's
//     list), nothing of the project is removed.
//   - Nothing is removed while this machine's clock and Harbor's differ by an hour.
//   - What is cited has its object in the store, also when the registry has lost it.
package retention
