package nfslike

import "time"

// Options say how far a node may be from the truth. The zero value is a server
// whose nodes cache contents only.
type Options struct {
	// Seed makes the same choices again.
	Seed uint64
	// AttrDelay is how long a node may go on showing old attributes, names and
	// listings. Each is drawn anew, from 0 to this (acregmin and acdirmin of
	// nfs(5), which are 3 s and 30 s by default).
	AttrDelay time.Duration
	// StaleHandles takes away files that another node removed or replaced from
	// those who have them open: ESTALE. Without it they can read on.
	StaleHandles bool
	// LostReplies is the probability that the reply to an exclusive create,
	// mknod, mkdir, symlink, link, rename, unlink or rmdir that succeeded is lost.
	// The caller is told what the second attempt met: EEXIST or ENOENT.
	LostReplies float64
	// NoLocks makes flock and fcntl fail with ENOLCK, as without lockd.
	NoLocks bool
	// LocalLocks makes them known on their own node only (local_lock=all of nfs(5)).
	LocalLocks bool
	// NoLinks makes link fail with EOPNOTSUPP, as on some servers.
	NoLinks bool
}
