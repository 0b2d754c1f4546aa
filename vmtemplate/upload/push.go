package upload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/registry"
	"github.com/opencontainers/go-digest"
)

// Options of a push. Target, Access and Dir must be there.
type Options struct {
	Target Target
	Access image.Access
	// Dir is for compressed layers. What is in it may be deleted when nothing is
	// pushed.
	Dir string

	Compression Compression
	// Parallel is how many layers are asked for and sent at a time; 4 if zero.
	Parallel int
	// ChunkBytes is how much goes up in one request; 32 MiB if zero. Proxies with a
	// bound on requests want less, and are given less when they say so.
	ChunkBytes int64
	// Overwrite lets a tag that exists stand for the new image. Without it the push
	// ends with a *TagExistsError before anything is sent.
	Overwrite bool

	// Progress is told the counts, often, by one goroutine at a time. It may be nil.
	Progress func(Progress)

	// Relogin is asked for another login when the registry refuses the one of
	// Access; the push goes on with it. Nil: the push ends.
	Relogin func(ctx context.Context, why error) (registry.Login, error)

	// Grace is how long a chunk that is on the way may take to arrive when the push is
	// ended. 0 means 5 seconds; negative: none.
	Grace time.Duration

	Patience     registry.Patience
	StallTimeout time.Duration
	UserAgent    string
	HarborTiming harbor.Timing // of tests
}

// Defaults of Options.
const (
	defaultParallel = 4
	defaultChunk    = 32 << 20
)

func (o Options) registry() *registry.Registry {
	return registry.New(registry.Options{
		Access: o.Access, Relogin: o.Relogin, Patience: o.Patience, StallTimeout: o.StallTimeout, UserAgent: o.UserAgent, HarborTiming: o.HarborTiming,
	})
}

// Result is what a push came to.
type Result struct {
	Digest    digest.Digest // of the manifest
	Size      int64         // bytes of config and layers, compressed
	Unchanged bool          // the tag stood for this very image already
	Counts    Progress
	Layers    []Known // how each layer is called in the registry now, the lowest first
}

// pusher is a push under way.
type pusher struct {
	o     Options
	r     *registry.Registry
	cache *cache
	meter *meter

	compressing sync.Mutex   // one layer takes all processors
	chunk       atomic.Int64 // bytes
	whole       atomic.Bool  // this registry knows no chunks

	mu     sync.Mutex
	spares []*url.URL // sessions without a blob
}

// mostRounds is how often all is looked at: once more when the registry has lost
// something meanwhile (a garbage collection), a file was damaged, or another push
// has taken a file away.
const mostRounds = 3

// Push uploads an image. An error is a message.Error where a person can do something
// about it; what was sent before it, and compressed, is used by the next Push.
func Push(ctx context.Context, img Image, o Options) (Result, error) {
	if o.Parallel <= 0 {
		o.Parallel = defaultParallel
	}
	if o.ChunkBytes <= 0 {
		o.ChunkBytes = defaultChunk
	}
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	c, err := openCache(o.Dir, o.Compression)
	if err != nil {
		return Result{}, err
	}
	config, err := cleanConfig(img.Config, img.Layers)
	if err != nil {
		return Result{}, err
	}
	p := &pusher{o: o, r: o.registry(), cache: c, meter: &meter{tell: o.Progress}}
	p.chunk.Store(o.ChunkBytes)
	defer p.endSpares(ctx)
	for round := 1; ; round++ {
		result, err := p.round(ctx, config, img.Layers)
		if err == nil {
			return result, nil
		}
		if round == mostRounds || !errors.Is(err, errAgain) && !errors.Is(err, ErrDamaged) {
			return Result{}, p.explain(ctx, err)
		}
	}
}

// explain is what a person is told.
func (p *pusher) explain(ctx context.Context, err error) error {
	host := p.o.Target.Host
	switch {
	case errors.Is(err, errSessionLost):
		return message.Fail(message.Of("upload.breaks", host), err, message.Of("upload.breaks.next"), message.Of("registry.network"))
	case errors.Is(err, ErrDamaged):
		return message.Fail(message.Of("upload.damaged", p.o.Dir), err, message.Of("upload.damaged.next"))
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return message.Fail(message.Of("upload.disk", p.o.Dir), err, message.Of("upload.disk.next"))
	}
	subject := registry.Subject{Repository: p.o.Target.Repository, Reference: p.o.Target.Tag, Method: http.MethodPut}
	return p.r.Explain(ctx, subject, err)
}

// errAgain is wrapped by errors that another round may mend.
var errAgain = errors.New("the registry has lost a part")

func (p *pusher) scopes() []string {
	return []string{registry.Scope(p.o.Target.Repository, "pull", "push")}
}

// round looks, sends, and writes the manifest.
func (p *pusher) round(ctx context.Context, config []byte, layers []Layer) (Result, error) {
	p.meter.change(func(now *Progress) {
		*now = Progress{Layers: len(layers), Wire: now.Wire, Compressed: now.Compressed}
	})
	blobs := make([]*blob, len(layers))
	defer func() {
		for _, b := range blobs {
			b.close()
		}
	}()
	err := p.parallel(ctx, len(layers), func(ctx context.Context, i int) (err error) {
		blobs[i], err = p.find(ctx, layers[i])
		return err
	})
	if err != nil {
		return Result{}, err
	}
	first := configBlob(config)
	if first.there, err = p.exists(ctx, first); err != nil {
		return Result{}, err
	}
	manifest, err := manifestOf(first, blobs)
	if err != nil {
		return Result{}, fmt.Errorf("writing the manifest: %w", err)
	}
	result := Result{Digest: digest.FromBytes(manifest), Size: first.size}
	for _, b := range blobs {
		result.Size += b.size
	}
	if result.Unchanged, err = p.mayTag(ctx, result.Digest); err != nil {
		return Result{}, err
	}
	missing := missingOf(append(slices.Clone(blobs), first))
	if err := p.room(ctx, missing, int64(len(manifest))); err != nil {
		return Result{}, err
	}
	if err := p.sendAll(ctx, missing); err != nil {
		return Result{}, err
	}
	if !result.Unchanged {
		if err := p.tag(ctx, result.Digest, manifest); err != nil {
			return Result{}, err
		}
	}
	for _, b := range blobs {
		result.Layers = append(result.Layers, Known{
			Digest: b.digest, Size: b.size, MediaType: b.mediaType, Repositories: []string{p.o.Target.Host + "/" + p.o.Target.Repository},
		})
		p.cache.arrived(b, p.o.Target.Host+"/"+p.o.Target.Repository)
		p.dropNotes(b)
	}
	result.Counts = p.meter.counts()
	return result, nil
}

// missingOf are the blobs that must go up; two equal layers go up once.
func missingOf(blobs []*blob) []*blob {
	var missing []*blob
	for _, b := range blobs {
		if !b.there && !slices.ContainsFunc(missing, func(other *blob) bool { return other.digest == b.digest }) {
			missing = append(missing, b)
		}
	}
	return missing
}

// parallel does n things, some at a time. The first failure ends the others.
func (p *pusher) parallel(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wait sync.WaitGroup
	next := atomic.Int64{}
	for range min(n, p.o.Parallel) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	wait.Wait()
	return context.Cause(ctx)
}

func (p *pusher) sendAll(ctx context.Context, missing []*blob) error {
	var bytes int64
	for _, b := range missing {
		bytes += b.size
	}
	p.meter.change(func(now *Progress) { now.Step, now.ToSend = Sending, bytes })
	return p.parallel(ctx, len(missing), func(ctx context.Context, i int) error {
		err := p.send(ctx, missing[i])
		if errors.Is(err, ErrDamaged) && missing[i].file != nil {
			return errors.Join(err, p.cache.forget(missing[i]))
		}
		return err
	})
}
