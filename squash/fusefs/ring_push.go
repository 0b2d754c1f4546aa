package fusefs

import (
	"sync"

	"github.com/jrun-hpc/jrun/squash/reader"
)

// laterPusher pushes for ring threads. They must not do it themselves: handing
// in a reply is asking for the next request, so the kernel may give a READ to a
// thread that pushes pages of it, and each would wait for the other.
type laterPusher struct {
	pusher *pusher
	jobs   chan pushJob
	ended  sync.WaitGroup
}

// pushBacklog is how many READs' blocks may wait, each of one or two blocks.
// Without it, random reads whose blocks were dropped decompress them again.
const pushBacklog = 8

// pushJob is what was decompressed for one READ, or a walk that the READ was
// part of.
type pushJob struct {
	node  NodeID
	fresh reader.Fresh
	asked uint32
	walk  *walk
}

func newLaterPusher(f *FS, fd, goroutines int) *laterPusher {
	l := &laterPusher{pusher: newPusher(f, fd, goroutines), jobs: make(chan pushJob, pushBacklog)}
	for range goroutines {
		l.ended.Add(1)
		go func() {
			defer l.ended.Done()
			for job := range l.jobs {
				l.pusher.push(job.node, &job.fresh, job.asked)
				l.pusher.ahead(job.walk)
			}
		}()
	}
	return l
}

// offer takes over what is in fresh. It drops what it has no time for.
func (l *laterPusher) offer(node NodeID, fresh *reader.Fresh, in readIn) {
	job := pushJob{node: node, asked: in.size, walk: l.pusher.wanted(node, in)}
	if in.size <= smallRead {
		job.fresh = *fresh
		*fresh = reader.Fresh{}
	}
	if len(job.fresh.Blocks) > 0 || job.walk != nil {
		select {
		case l.jobs <- job:
		default:
			l.drop(&job)
		}
	}
	l.pusher.push(node, fresh, in.size) // too much to push: only releases
}

func (l *laterPusher) drop(job *pushJob) {
	for _, b := range job.fresh.Blocks {
		l.pusher.fs.r.Release(b)
	}
	if job.walk != nil {
		l.pusher.walks.pause(job.walk)
	}
}

// close ends it when nobody offers any more.
func (l *laterPusher) close() {
	close(l.jobs)
	l.ended.Wait()
}
