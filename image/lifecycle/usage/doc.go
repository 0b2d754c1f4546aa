// Package usage knows which images jobs use and which are cited, and tells Harbor so.
//
// # Where it is learnt
//
// The service account cannot look into the users' parts of the store. So the process of a
// job that writes a record leaves a report in the site's part (store.Tell,
// provenance.Report): image, time, a copy of the record; and jrun pin leaves one, too.
// Of the site's own objects the leases tell as well. Collect takes all that and keeps it
// in jadm's state:
//
//	STATE/used/<project>.json             when which digest was last used (uses)
//	STATE/pins/<project>.json             what is cited, by whom and why
//	STATE/records/<uid>/<YYYY-MM>.jsonl   records, by the month in which they came
//
// # What is believed
//
//   - A report is of the user who owns its file, and of nobody else.
//   - A use or a pin counts where that user may have the image (Rights); everything else
//     would let anybody keep, or fill the state with, what is not theirs.
//   - A time that is still to come counts for nothing.
//   - How many pins a user has, and how much their records take in a month, is bounded.
//
// # Invariants
//
//   - Reports are removed when what they say is on the disk. Killed in between, the next
//     Collect reads them again, and nothing is counted twice: a use is the latest of all
//     times, a pin is of a user and a digest, a record has the report's name.
//   - Which of a pin and an unpin was later is told by their times, not by their order
//     here.
//   - When rights cannot be asked for, reports wait.
//   - State that is lost costs old uses and pins by jadm; images only where a rule counts
//     on those. (Harbor's pull times, which KeepAlive keeps true, still tell.)
//
// # Keeping alive
//
// jrun asks Harbor with HEAD, and runs out of the store: for Harbor a tag that runs every
// day was never pulled. KeepAlive gets the manifest that jobs named (of an index the
// index: Harbor's tags and rules are about that), once a day at most, if it was used since
// the last time.
//
// The package decides nothing about what goes; package retention does.
package usage
