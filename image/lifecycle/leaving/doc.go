// Package leaving takes a person's images through a departure: notices, a project that
// stays as it is, a bundle, somebody who keeps the images, the removal, and a certificate
// of what was done. At any time before the removal, and for a while after it, the person
// can have everything back.
//
// # A departure
//
// A Departure is a document. Leave makes it, or changes it; Return turns it round; all
// else is done by Round, which jadm serve calls again and again, and jadm leavers run by
// hand. What a departure needs next is a function of the document and of the time
// (Rules.next), and so is the calendar of what is still to come (Rules.Calendar).
//
//	scheduled    notices some days before the date; a late order has the most urgent one
//	frozen       on the date: nobody can push into the project, its robots are disabled,
//	             nor can the leaver push elsewhere. How rights were is kept before.
//	bundled      all images are in a bundle below Rules.BundleDir
//	verified     which was read back
//	handed over  the images are copied, within Harbor, into the project of who gets them
//	             (boss/from-leaver/…), or the bundle has its place in the archive, or both
//	removing     at the date and Rules.Undelete more, unless jobs run in the images
//	removed      project, robots, memberships, converted images are gone
//	certified    the certificate is written; everything can be had back
//	closing      Rules.Undelete after the removal: bundles outside of the archive go
//	done
//
//	returning    everything is made as it was, from the bundles if need be
//	returned     or cancelled, if nothing had been done yet
//
// # Invariants
//
//   - Each step compares what should be with what there is, and does the difference. A
//     process that is killed, before or after any call, is followed by one that goes on.
//   - What is about to be changed is in the document before it is changed: how rights
//     were, which images a bundle is for, that the removal begins, that the undelete
//     period is over.
//   - An image is removed from Harbor by its digest, and only when a bundle that was read
//     back in the same round has it. A repository is removed when nothing else is in it.
//     What turns up meanwhile is bundled, verified and handed over first.
//   - The removal is late when it comes after Rules.due and one round more, and nothing
//     was in its way: no running job, and no step that failed.
//   - Rules of immutable tags are switched off when the removal begins, and not before; who
//     comes back has them again.
//   - Nothing is done while this machine's clock and Harbor's differ by an hour.
//   - Nothing is lost because nobody is known: without a supervisor (or one who leaves,
//     too, or has no project) the bundle goes into the archive, which is never removed. A
//     cited image's bundle goes there in any case.
//   - Letters are kept in the document, and sent after what they tell of has been done.
//     Their keys are unique, so that each is sent once (package notice). A letter that
//     cannot be sent holds nothing up.
//   - Who orders something else while a round is at work wins: documents have a revision,
//     and a round that finds another one begins again (Office.save).
//
// A step that fails is tried again in each round. What it said, and what to type, is in
// the document (Trouble); after some days the administrator has a letter.
//
// # What others do
//
// An Office has peers behind small interfaces (peers.go): Harbor, package bundle, package
// notice, the directory, the store, package usage, package onboarding, package audit. The
// simulation in the tests has all of them in memory, fails them, and kills the process at
// every call.
//
// Accounts that have ended are found and proposed (Office.Expired), and no more: that
// somebody leaves is always somebody's order.
package leaving
