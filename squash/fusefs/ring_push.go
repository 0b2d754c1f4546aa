package fusefs

import (
	"sync"

	"github.com/jrun-hpc/jrun/squash/reader"
)

// laterPusher pushes for ring threads. They must not do it themselves: handing
// in a reply is asking for the next request, so the kernel may give a READ to a
// thread that pushes pages of it, and each would wait for the other.
type laterPusher struct {
	r     *reader.Reader
	jobs  chan pushJob
	ended sync.WaitGroup
}

// pushBacklog is how many READs' blocks may wait, each of one or two blocks.
// Without it, random reads whose blocks were dropped decompress them again.
const pushBacklog = 8

// pushJob is what was decompressed for one READ.
type pushJob struct {
	node  NodeID
	fresh reader.Fresh
	asked uint32
}

func newLaterPusher(r *reader.Reader, fd, goroutines int) *laterPusher {
	l := &laterPusher{r: r, jobs: make(chan pushJob, pushBacklog)}
	p := &pusher{fd: fd, limit: int32(goroutines)}
	for range goroutines {
		l.ended.Add(1)
		go func() {
			defer l.ended.Done()
			for job := range l.jobs {
				p.push(r, job.node, &job.fresh, job.asked)
			}
		}()
	}
	return l
}

// offer takes over what is in fresh. It drops what it has no time for.
func (l *laterPusher) offer(node NodeID, fresh *reader.Fresh, asked uint32) {
	if len(fresh.Blocks) == 0 {
		return
	}
	if asked <= smallRead {
		select {
		case l.jobs <- pushJob{node, *fresh, asked}:
			*fresh = reader.Fresh{}
			return
		default:
		}
	}
	new(pusher).push(l.r, node, fresh, asked) // only releases
}

// close ends it when nobody offers any more.
func (l *laterPusher) close() {
	close(l.jobs)
	l.ended.Wait()
}
