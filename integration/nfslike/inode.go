package nfslike

import (
	"maps"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// maxAbsent names of a directory are kept before old ones are cleared out.
const maxAbsent = 4096

// inode is what a node knows of a file: its caches.
type inode struct {
	client  *client
	handle  *handle
	id      uint64
	lookups uint64 // client.mu guards it

	mu       sync.Mutex
	known    reply     // attributes as the server last said
	believed time.Time // until then
	changed  bool      // what pages hold is of another time

	// Of directories.
	absent    map[string]time.Time // names believed not to be there, until then
	ownChange uint64               // number of a reply after this node's last change in it
	listing   []fuse.DirEntry      // nil for none
	listed    time.Time            // believed until then

	// Of files.
	fd    int // of the backing file while it is open, else -1
	pages map[int64]*page
	size  uint64 // with what is not written back yet
}

// accept takes in what the server says. mu is held.
func (i *inode) accept(r reply) {
	if r.number < i.known.number {
		return // overtaken on the way
	}
	if i.known.number != 0 && !r.sameData(&i.known) {
		i.changed = true
	}
	i.known = r
	i.believed = r.asOf.Add(i.client.delay())
	i.size = r.Size
	for index, p := range i.pages {
		if p.to > 0 {
			i.size = max(i.size, uint64(index*pageSize+int64(p.to)))
		}
	}
}

// acceptOwn takes in the attributes from before and after a change of data that
// this node made (RFC 1813, 2.6, wcc_data). mu is held.
func (i *inode) acceptOwn(before, after reply) {
	stale := i.changed || !before.sameData(&i.known)
	i.accept(after)
	i.changed = stale
}

// revalidate asks for attributes that are not believed any more. mu is held.
func (i *inode) revalidate() error {
	if time.Now().Before(i.believed) {
		return nil
	}
	var r reply
	if err := i.client.call(func() (err error) {
		r, err = i.client.server.living(i.handle, i.client)
		return err
	}); err != nil {
		return err
	}
	i.accept(r)
	return nil
}

// attr is what stat shows. mu is held.
func (i *inode) attr() fuse.Attr {
	a := i.known.Attr
	a.Size = i.size
	return a
}

// learn takes in a reply that came with another request; a file without links
// is asked about again.
func (i *inode) learn(r reply) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.accept(r)
	if r.Nlink == 0 {
		i.believed = time.Time{}
	}
}

// discard loses what is not written back and closes the backing file.
func (i *inode) discard() {
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.pages)
	if i.fd >= 0 {
		unix.Close(i.fd)
		i.fd = -1
	}
}

// isAbsent reports whether name is believed not to be in the directory.
func (i *inode) isAbsent(name string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	until, ok := i.absent[name]
	if ok && !time.Now().Before(until) {
		delete(i.absent, name)
		ok = false
	}
	return ok
}

// missed remembers that the server did not know name, at the time of r, which
// are the directory's attributes.
func (i *inode) missed(name string, r reply) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.absent) >= maxAbsent {
		maps.DeleteFunc(i.absent, func(_ string, until time.Time) bool { return time.Now().After(until) })
	}
	if r.number > i.ownChange {
		i.absent[name] = r.asOf.Add(i.client.delay())
	}
}

// touched forgets which names are believed not to be in a directory that this node
// has changed: what the server says of the directory before the change
// (wcc_data, RFC 1813, 2.6) shows that others have changed it, too. Where they have
// not, forgetting does no harm.
func (i *inode) touched(r reply) {
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.absent)
	i.ownChange = max(i.ownChange, r.number)
	i.listing = nil
	i.accept(r)
}
