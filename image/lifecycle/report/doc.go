// Package report says who takes how much room, and since when nobody has used it: in
// Harbor and in the store, by project, by person, and by age.
//
//	r, err := report.Gather(ctx, source, now)   // asks Harbor and looks into the store
//	r.Text(out); r.CSV(out); r.HTML(out, "ja")  // or as JSON
//
// # What is counted
//
//   - In Harbor, what its quota counts: every layer once in a project, whatever number
//     of images share it. Sum is what the images would take each for itself; the ages
//     divide that, as Harbor does not say which image a shared layer is charged to.
//   - In the store, the objects of the site's part, and those that wait to be purged.
//   - Users' own parts as far as the service account may read them, which it usually may
//     not: then the report says of how many it does not know.
//   - An age is the time since the last use by a job or the last pull, or since the push
//     where neither is known.
//
// The HTML page is one file without scripts and without anything from elsewhere. Its
// charts are pictures (github.com/go-analyze/charts) with a table of the same numbers
// beside each; dark where the reader's system is. Names come from people: they are
// escaped on the page, and cannot be formulas in a spreadsheet or steer a terminal.
package report
