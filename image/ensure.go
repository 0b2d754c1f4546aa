package image

import (
	"context"
	"errors"
	"time"

	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/squash/writer"
	"github.com/opencontainers/go-digest"
)

// Ensure returns the object that ref stands for now, and converts it into st
// first when it is not there. converted tells whether this call did so. A local
// squashfs file is returned as it is; st may then be nil.
//
// While another process converts the same image, Ensure waits for it. Nothing
// is left behind by a failure or a cancelled ctx.
func (c *Client) Ensure(ctx context.Context, st *store.Store, ref Reference, progress Progress) (object store.Object, converted bool, err error) {
	if ref.kind != Registry { // which would otherwise be read twice
		if ref, err = c.qualify(ref); err != nil {
			return store.Object{}, false, err
		}
		return c.Obtain(ctx, st, Resolved{Reference: ref, How: FromFile}, progress)
	}
	newReporter(progress).phase(Resolving)
	resolved, err := c.Resolve(ctx, st, ref)
	if err != nil {
		return store.Object{}, false, err
	}
	return c.Obtain(ctx, st, resolved, progress)
}

// Obtain is the second half of Ensure: it returns the object of what was
// resolved.
func (c *Client) Obtain(ctx context.Context, st *store.Store, r Resolved, progress Progress) (object store.Object, converted bool, err error) {
	report := newReporter(progress)
	switch r.Reference.kind {
	case Squashfs:
		report.phase(Resolving)
		object, err = openSquashfs(r.Reference)
	case Registry:
		object, converted, err = c.obtainRegistry(ctx, st, r, report)
	default:
		report.phase(Resolving)
		object, converted, err = c.ensureLocal(ctx, st, r.Reference, report)
	}
	return object, converted, err
}

func (c *Client) obtainRegistry(ctx context.Context, st *store.Store, r Resolved, report *reporter) (store.Object, bool, error) {
	ref := r.Reference
	if err := c.checkSignatures(ctx, st, r); err != nil {
		return store.Object{}, false, err
	}
	if err := c.checkSeverity(ctx, st, r); err != nil {
		return store.Object{}, false, err
	}
	if object, ok, err := c.lookup(st, r, r.Digest); ok || err != nil {
		return object, false, err
	}
	report.phase(Fetching)
	src, err := c.open(ctx, ref, r.Digest, st)
	if err != nil {
		return store.Object{}, false, c.registryFault(ctx, ref, err)
	}
	object, converted, err := c.convert(ctx, st, src, r, report)
	err = errors.Join(err, src.Close())
	if err != nil {
		return store.Object{}, false, c.registryFault(ctx, ref, err)
	}
	return object, converted, nil
}

// ensureLocal reads a layout's or an archive's manifest, which costs little.
func (c *Client) ensureLocal(ctx context.Context, st *store.Store, ref Reference, report *reporter) (store.Object, bool, error) {
	r := Resolved{Reference: ref, How: FromFile, Time: time.Now().UTC()}
	src, err := c.open(ctx, ref, "", st)
	if err != nil {
		return store.Object{}, false, localFault(ctx, ref, err)
	}
	if err := c.checkLocalSignatures(ctx, src); err != nil {
		return store.Object{}, false, errors.Join(err, src.Close())
	}
	object, ok, err := c.lookup(st, r, src.digest)
	converted := false
	if !ok && err == nil {
		report.phase(Fetching)
		object, converted, err = c.convert(ctx, st, src, r, report)
	}
	err = errors.Join(err, src.Close())
	if err != nil {
		return store.Object{}, false, localFault(ctx, ref, err)
	}
	return object, converted, nil
}

// lookup finds the object of a manifest, or of the manifest that an index has
// for this platform, and records that the reference stands for it. An object that
// is damaged counts as missing: it is made again.
func (c *Client) lookup(st *store.Store, r Resolved, d digest.Digest) (store.Object, bool, error) {
	of := c.instanceOf(st, r.Reference, d)
	object, err := st.Find(placeOf(r.Reference), of)
	switch {
	case errors.Is(err, store.ErrUntrusted):
		return store.Object{}, false, err
	case errors.Is(err, store.ErrNotFound) && st.Undelete(of) == nil: // collected, and still to be had
		if object, err = st.Get(of); err != nil {
			return store.Object{}, false, nil //nolint:nilerr // removed again
		}
	case err != nil:
		return store.Object{}, false, nil //nolint:nilerr // missing or damaged: to be made
	}
	if err := c.checkPlatform(object.Meta.Config); err != nil {
		return store.Object{}, false, explain(r.Reference, err)
	}
	// The name is for jrun images and jrun rm, and for the time when the registry
	// cannot be asked; a store that has become read-only can still be run from.
	ref := store.Ref{Name: r.Reference.String(), Digest: of, Resolved: d, Time: r.Time}
	if known, err := st.Ref(ref.Name); err != nil || known.Digest != of || known.Resolved != d || ref.Time.Sub(known.Time) > answerInterval {
		_ = st.SetRef(ref)
	}
	return object, true, nil
}

// instanceOf is the manifest that an index, which ref is of, is known to have for this
// platform; a manifest's own digest is returned as it is.
func (c *Client) instanceOf(st *store.Store, ref Reference, d digest.Digest) digest.Digest {
	if instance, err := st.FindAlias(placeOf(ref), d, c.platform()); err == nil {
		return instance
	}
	return d
}

// convert makes the object of the image that src is.
func (c *Client) convert(ctx context.Context, st *store.Store, src *source, r Resolved, report *reporter) (store.Object, bool, error) {
	p, err := c.plan(ctx, src)
	if err != nil {
		return store.Object{}, false, err
	}
	object, converted, err := c.write(ctx, st, src, p, report)
	if err != nil {
		return store.Object{}, false, err
	}
	if p.index != "" {
		if err := st.SetAlias(p.index, c.platform(), p.digest); err != nil {
			return store.Object{}, false, err
		}
	}
	ref := store.Ref{Name: src.ref.String(), Digest: p.digest, Resolved: src.digest, Time: r.Time}
	return object, converted, st.SetRef(ref)
}

// write converts the layers into a pending file and publishes it, unless
// somebody else has done so meanwhile.
func (c *Client) write(ctx context.Context, st *store.Store, src *source, p *plan, report *reporter) (store.Object, bool, error) {
	for try := 1; ; try++ {
		object, converted, err := c.writeOnce(ctx, st, src, p, report)
		if again(err) && try < lostTries {
			continue
		}
		return object, converted, err
	}
}

// again reports whether others have taken away what was made: it was swept by
// another host, or removed, wholly or not yet.
func again(err error) bool {
	return errors.Is(err, store.ErrLost) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDamaged)
}

// lostTries is how often a conversion is begun again whose result others took
// away.
const lostTries = 5

func (c *Client) writeOnce(ctx context.Context, st *store.Store, src *source, p *plan, report *reporter) (store.Object, bool, error) {
	pending, err := st.Create(ctx, p.digest, report.waiting)
	if errors.Is(err, store.ErrExists) {
		object, err := st.Get(p.digest)
		return object, false, err
	}
	if err != nil {
		return store.Object{}, false, err
	}
	defer pending.Abort()

	report.sharing(pending)
	result, err := writeLayers(ctx, st, pending, src, p, report)
	if err != nil {
		return store.Object{}, false, st.WriteFault(err)
	}
	report.publishing(result)
	object, err := pending.Commit(c.meta(src, p, conversion, result))
	return object, err == nil, err
}

// meta is what is known of an image that opts made into result.
func (c *Client) meta(src *source, p *plan, opts writer.Options, result writer.Result) store.Meta {
	compression := opts.Compression.String()
	if opts.Uncompressed {
		compression = "none"
	}
	return store.Meta{
		Index:     p.index,
		Reference: src.ref.String(),
		Platform:  store.Platform{OS: p.config.OS, Architecture: p.config.Architecture, Variant: p.config.Variant},
		Layers:    p.layers,
		Converter: store.Converter{
			Version:     c.opts.Converter,
			Compression: compression,
			Level:       opts.Level,
			BlockSize:   opts.BlockSize,
		},
		Sums:      packSums(result.Sums),
		RawConfig: p.rawConfig,
		Config:    p.config,
	}
}
