package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/presence"
	"github.com/jrun-hpc/jrun/quantity"
	"github.com/jrun-hpc/jrun/runtime/nodecache"
)

// localCopy is launch.Options.Local for an object of the store; nil when none is
// configured. Only an interruption is an error: an image runs without a copy.
func (s *session) localCopy(object store.Object) func(context.Context, *os.File) (*os.File, error) {
	if s.config.NodeCache == "" {
		return nil
	}
	return func(ctx context.Context, file *os.File) (*os.File, error) {
		i := nodecache.Image{Name: s.report.name, File: file, SizeBytes: object.Meta.SizeBytes}
		if sums := object.Meta.Sums; sums != nil {
			i.ChunkBytes, i.BLAKE3 = sums.ChunkBytes, sums.BLAKE3
		}
		o := nodecache.Options{
			Dir:  s.config.NodeCache,
			Keep: s.config.NodeCacheKeep,
			// The job's other commands find the copy as long as the first exists, and
			// this sandbox's size is counted as long as the second does.
			Owners:   []presence.Owner{jobProcess(), presence.Self()},
			Progress: s.report.copying,
			Waiting:  s.report.waitingForCopy,
		}
		if limit := s.config.NodeCacheSize; limit != nil {
			o.LimitBytes = int64(*limit)
			if o.LimitBytes == 0 {
				return nil, nil
			}
		}
		s.report.last = time.Now() // short copies need no line in a log
		local, err := nodecache.Open(ctx, o, i)
		s.report.copied(local != nil, err)
		if ctx.Err() != nil && local != nil {
			local.Close()
			local = nil
		}
		return local, ctx.Err()
	}
}

// notLocal are file systems that are not the machine's own, or not a disk.
var notLocal = []string{"nfs", "lustre", "gpfs", "beegfs", "ceph", "9p", "fuse"}

func diagnoseNodeCache(g *globalOptions) (finding, bool) {
	s, err := g.open()
	if err != nil || s.config.NodeCache == "" {
		return finding{}, false // diagnoseStore tells the error
	}
	f := finding{Check: "node cache", Status: "ok"}
	usage, err := nodecache.Check(s.config.NodeCache)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Status, f.Detail = "skipped", s.config.NodeCache+" is not there: on this machine, images are read from the store"
		return f, true
	case err != nil:
		f.Status = "warning"
		f.explain(err)
		return f, true
	}
	kind := store.FileSystemName(usage.FileSystem)
	f.Detail = fmt.Sprintf("%s, on %s, %s free", s.config.NodeCache, kind, quantity.Size(usage.FreeBytes))
	for _, network := range notLocal {
		if kind == network {
			f.Status = "warning"
			f.Detail += ": no disk of this machine"
			f.Next = []string{"name a directory on the node's own disk: node_cache in jrun.toml"}
		}
	}
	if kind == "tmpfs" {
		f.Status = "warning"
		f.Detail += ": copies take the node's memory"
		f.Next = []string{"name a directory on the node's own disk, or bound the copies: node_cache_size in jrun.toml"}
	}
	return f, true
}

// copied says what came of a local copy. Faults are warnings, the rest is for
// those who want to know more.
func (p *progress) copied(have bool, err error) {
	p.clear()
	var problem *fault.Error
	switch {
	case errors.Is(err, context.Canceled):
	case errors.As(err, &problem):
		p.warn(fault.TextOf(problem).Then(problem.Advice()))
	case !p.verbose:
	case err != nil && have:
		fmt.Fprintf(p.out, "jrun: %s has a copy on this node that other commands will not find: %v\n", p.name, err)
	case err != nil:
		fmt.Fprintf(p.out, "jrun: %s has no copy on this node: %v\n", p.name, err)
	case have:
		fmt.Fprintf(p.out, "jrun: %s is read from a copy on this node\n", p.name)
	}
}

// copying shows how far the copy is.
func (p *progress) copying(done, all int64) {
	switch {
	case p.quiet:
	case p.terminal:
		p.bar(done, all, p.name+", to this node")
	default:
		if now := time.Now(); now.Sub(p.last) >= lineInterval {
			p.last = now
			fmt.Fprintf(p.out, "jrun: copying %s to this node: %s of %s\n", p.name, quantity.Size(done), quantity.Size(all))
		}
	}
}

func (p *progress) waitingForCopy() {
	text := "waiting for another jrun, which copies " + p.name + " to this node"
	switch {
	case p.quiet:
	case p.terminal:
		p.show(text)
	default:
		fmt.Fprintln(p.out, "jrun: "+text)
	}
}
