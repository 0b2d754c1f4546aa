// Package vmlease sees to it that nothing is lost when a personal VM ends. Users make
// images on VMs that a portal lends them for a while; what is in a workspace of jbuild
// and was never uploaded goes with the VM.
//
// # Who knows what
//
//	a Source     which VMs there are, whose they are, and when they end: a CSV or JSON
//	             file from the portal, or VMware Aria Automation (Aria)
//	Reports      what is not uploaded: jbuild tells it with its user's own login to the
//	             registry (Handler, which jadm serve mounts; POST /v1/workspaces)
//	Keeper       brings both together: List, Warn, Sweep
//
// A report belongs to a lease whose VM or host is called as the machine says that it is.
// A user may claim any name: therefore a letter names only what its addressee has
// reported, and nobody's report can make a letter to somebody else longer. A report that
// belongs to no lease is told to its user with each of their leases that nothing was
// reported from, since machines do not always know what the portal calls them.
//
// # What is promised
//
// When Warn runs at least once between the first of WarnDays before the end and the
// destruction of a VM, nothing that was reported until then is lost without a letter to
// its user having named it, if Warn runs again a day later for what was added last
// (TestNothingExpiresUnwarned plays random calendars, with jadm and the portal down now and
// then). What was sent is kept as state, and each letter has a key of its own, so that
// a kill sends none twice.
//
// # Nothing is destroyed
//
// Neither VMs nor workspaces are touched from here. Sweep forgets reports: of a VM that
// its source calls destroyed, or that was missing in it for days while others were
// there. The machine would report again if it were still there. A source that fails in
// the middle, or is empty all at once, makes Sweep forget nothing.
//
// A site's own command can extend leases that are about to end with something that is not
// uploaded. Its arguments may contain {vm}, {owner}, {ends} and {until}; times are in
// UTC as in RFC 3339. It runs without a shell, and may be run again with the same
// arguments after a kill.
//
// # What others fill in
//
// Post is package notice, People package people. Aria is written from the public
// documentation of Aria Automation 8.x and tested against a server made from the same;
// nobody has tried it on a real one yet.
package vmlease
