// Package mirror keeps the site's part of the store the same as the registry: what is
// pushed is converted before a job asks for it, what is deleted goes, and who may read
// what is as Harbor has it.
//
// # Looking, not believing
//
// Nothing is done because of what a webhook says. It is a hint that something has
// changed somewhere: Mark notes the repository, once, however often it is told. Then
// the repository is looked at: what Harbor has of it now is compared with what the
// store has (Decide, a function of these alone), and the difference is done:
//
//	Mark ─► looks ─► look: Harbor, store ─► Decide ─► names, removals
//	                                              └─► conversions ─► Convert ─► Mark
//
// So events that are doubled, late, lost, forged or out of order change nothing in the
// end. Every so often, and when it starts, everything is looked at (a round), so that
// nothing that is in memory has to outlast a crash. When more repositories are marked
// than are worth remembering, they are forgotten and a round is made instead.
//
// One goroutine looks, so that names and removals have an order; some others convert.
// A conversion ends with a mark: what has happened meanwhile (a tag that was pushed
// again, a deletion) is then seen.
//
// # What is in the store
//
// For an image p/app:1 of Harbor h, the realm of project p has
//
//	objects    the image, for each of the site's platforms that it is for
//	refs       h/p/app:1 and h/p/app@sha256:…, which say what of the store is app's
//	aliases    of an index: which image of it is for which platform
//
// Images get there when they have a tag and Settings wants them. They stay while the
// registry has their digest, tagged or not, in any repository of the project; after
// that, while a job uses them or somebody has cited them (a pin). What goes can be had
// back for a while: if it is pushed again, it need not be converted again.
//
// # Rights
//
// The project's directory lets in whom Harbor lets pull: members by their uid on the
// compute servers, groups by their gid or one by one, everybody for public projects.
// Somebody whom the directory does not know is left out; while it cannot be asked,
// nothing changes. This is no permission to run: for each job, jrun asks Harbor with
// the user's own credential. So an image that a project's rules forbid today (a new
// vulnerability) may be in the store, and cannot be run out of it.
//
// # Trouble
//
// While Harbor does not answer, or the store has no room, the work waits, with growing
// and random pauses, and Status says so. An image that cannot be converted (damaged,
// hostile, for no platform of the site's) is tried again after a while that doubles
// each time up to a day; that is the only thing that is kept on disk (at most
// mostFailures of them), so that a restart is no new beginning for it. One that the
// project's rules forbid is looked at again after a scan, and in each round.
package mirror
