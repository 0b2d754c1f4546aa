package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/registry"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
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

// find settles under which digest a layer goes up, or is there. What it returns is to
// be closed, with an error, too.
func (p *pusher) find(ctx context.Context, layer Layer) (*blob, error) {
	if known := layer.Known(); known.Digest.Validate() == nil && known.Size > 0 {
		b := &blob{digest: known.Digest, size: known.Size, mediaType: ociType(known.MediaType), diffID: layer.DiffID(), origins: p.here(known.Repositories)}
		if found, err := p.reuse(ctx, b); found || err != nil {
			return b, err
		}
	}
	asked := digest.Digest("")
	if b := p.cached(layer); b != nil {
		found, err := p.reuse(ctx, b)
		if found || err != nil || b.file != nil {
			return b, err
		}
		asked = b.digest
	}
	b, err := p.compressed(ctx, layer)
	if err != nil || b.digest == asked {
		return b, err
	}
	_, err = p.reuse(ctx, b)
	return b, err
}

// cached is a layer that was compressed before; nil if it was not.
func (p *pusher) cached(layer Layer) *blob {
	b := p.cache.find(layer.DiffID())
	if b != nil {
		n, _ := p.cache.note(layer.DiffID())
		b.origins = p.here(n.Repositories)
	}
	return b
}

// compressed compresses a layer, unless another goroutine has just done it.
func (p *pusher) compressed(ctx context.Context, layer Layer) (*blob, error) {
	p.compressing.Lock()
	defer p.compressing.Unlock()
	if b := p.cached(layer); b != nil && b.file != nil {
		return b, nil
	}
	return p.cache.compress(ctx, layer, func(n int) { p.meter.change(func(now *Progress) { now.Compressed += int64(n) }) })
}

// here are those of the repositories that are of this registry, without its name and
// without the target.
func (p *pusher) here(repositories []string) []string {
	var own []string
	for _, r := range repositories {
		if name, ok := strings.CutPrefix(r, p.o.Target.Host+"/"); ok && name != p.o.Target.Repository && !slices.Contains(own, name) {
			own = append(own, name)
		}
	}
	return own
}

// reuse reports whether the target has a blob, or takes it from another repository.
func (p *pusher) reuse(ctx context.Context, b *blob) (bool, error) {
	there, err := p.exists(ctx, b)
	if err != nil {
		return false, err
	}
	if there {
		b.there = true
		p.meter.change(func(now *Progress) { now.ExistingLayers, now.Existing = now.ExistingLayers+1, now.Existing+b.size })
		return true, nil
	}
	for _, from := range b.origins {
		if b.there, err = p.mount(ctx, b, from); b.there {
			p.meter.change(func(now *Progress) { now.MountedLayers, now.Mounted = now.MountedLayers+1, now.Mounted+b.size })
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// exists asks whether the target has a blob. A registry that keeps blobs elsewhere
// answers with a redirect.
func (p *pusher) exists(ctx context.Context, b *blob) (bool, error) {
	got, err := p.r.Patiently(ctx, registry.Request{
		Method: http.MethodHead, Path: "/v2/" + p.o.Target.Repository + "/blobs/" + b.digest.String(), Scopes: p.scopes(),
		Wanted: []int{http.StatusOK, http.StatusNotFound, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect},
	})
	if err != nil {
		return false, err
	}
	return got.Status != http.StatusNotFound, nil
}

// manifestTypes are what a tag may stand for.
var manifestTypes = []string{
	v1.MediaTypeImageManifest, v1.MediaTypeImageIndex,
	"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json",
}

// tagged is the digest that the target's tag stands for; empty if there is none.
func tagged(ctx context.Context, r *registry.Registry, t Target) (digest.Digest, error) {
	got, err := r.Patiently(ctx, registry.Request{
		Method: http.MethodHead, Path: "/v2/" + t.Repository + "/manifests/" + t.Tag,
		Scopes: []string{registry.Scope(t.Repository, "pull", "push")}, Header: http.Header{"Accept": {strings.Join(manifestTypes, ", ")}},
		// A gate keeps one from pulling what is there; it is there all the same.
		Wanted: []int{http.StatusOK, http.StatusNotFound, http.StatusPreconditionFailed},
	})
	if err != nil || got.Status == http.StatusNotFound {
		return "", err
	}
	if d := digest.Digest(got.Header.Get("Docker-Content-Digest")); d.Validate() == nil {
		return d, nil
	}
	return unknownDigest, nil
}

// unknownDigest is of something that is there and does not say what it is.
const unknownDigest digest.Digest = "unknown"

// mayTag reports whether the tag stands for the image already.
func (p *pusher) mayTag(ctx context.Context, d digest.Digest) (unchanged bool, err error) {
	has, err := tagged(ctx, p.r, p.o.Target)
	switch {
	case err != nil:
		return false, err
	case has == d:
		return true, nil
	case has != "" && !p.o.Overwrite:
		return false, tagExists(p.o.Target, has)
	}
	return false, nil
}

// tag writes the manifest.
func (p *pusher) tag(ctx context.Context, d digest.Digest, manifest []byte) error {
	p.meter.change(func(now *Progress) { now.Step = Finishing })
	if !p.o.Overwrite {
		// The layers may have taken an hour.
		if unchanged, err := p.mayTag(ctx, d); err != nil || unchanged {
			return err
		}
	}
	b := blob{bytes: manifest}
	got, err := p.r.Patiently(ctx, registry.Request{
		Method: http.MethodPut, Path: "/v2/" + p.o.Target.Repository + "/manifests/" + p.o.Target.Tag, Scopes: p.scopes(),
		Wanted: []int{http.StatusCreated, http.StatusOK, http.StatusAccepted}, Header: http.Header{"Content-Type": {v1.MediaTypeImageManifest}},
		Body: func() (io.ReadCloser, error) { return b.section(0, int64(len(manifest))), nil }, Length: int64(len(manifest)),
	})
	var refused *registry.RefusalError
	if errors.As(err, &refused) && (refused.Has("MANIFEST_BLOB_UNKNOWN") || refused.Has("BLOB_UNKNOWN")) {
		// Garbage was collected; or distribution 2.8 is just moving the same blob, that
		// somebody else has sent as well, to its place.
		return fmt.Errorf("%w: %w", errAgain, err)
	}
	if err != nil {
		return err
	}
	if said := got.Header.Get("Docker-Content-Digest"); said != "" && said != d.String() {
		return fmt.Errorf("writing the manifest %s: the registry took it for %q", d, said)
	}
	return nil
}
