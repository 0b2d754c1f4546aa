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
	report := newReporter(progress)
	report.phase(Resolving)
	if ref, err = c.qualify(ref); err != nil {
		return store.Object{}, false, err
	}
	switch ref.kind {
	case Squashfs:
		object, err = openSquashfs(ref)
	case Registry:
		object, converted, err = c.ensureRegistry(ctx, st, ref, report)
	default:
		object, converted, err = c.ensureLocal(ctx, st, ref, report)
	}
	return object, converted, err
}

// ensureRegistry asks for the digest alone while the object is in the store.
func (c *Client) ensureRegistry(ctx context.Context, st *store.Store, ref Reference, report *reporter) (store.Object, bool, error) {
	d := ref.Digest()
	if d != "" { // a digest needs no asking
		if object, ok, err := c.lookup(st, ref, d); ok || err != nil {
			return object, false, err
		}
	}
	d, err := c.resolveRegistry(ctx, ref)
	if err != nil {
		return store.Object{}, false, err
	}
	if object, ok, err := c.lookup(st, ref, d); ok || err != nil {
		return object, false, err
	}
	report.phase(Fetching)
	src, err := c.open(ctx, ref, d, st)
	if err != nil {
		return store.Object{}, false, c.registryFault(ctx, ref, err)
	}
	object, converted, err := c.convert(ctx, st, src, report)
	err = errors.Join(err, src.Close())
	if err != nil {
		return store.Object{}, false, c.registryFault(ctx, ref, err)
	}
	return object, converted, nil
}

// ensureLocal reads a layout's or an archive's manifest, which costs little.
func (c *Client) ensureLocal(ctx context.Context, st *store.Store, ref Reference, report *reporter) (store.Object, bool, error) {
	// An archive says which manifest it holds without being unpacked.
	if d, ok := peekArchive(ref); ok {
		if object, ok, err := c.lookup(st, ref, d); ok || err != nil {
			return object, false, err
		}
	}
	src, err := c.open(ctx, ref, "", st)
	if err != nil {
		return store.Object{}, false, localFault(ctx, ref, err)
	}
	object, ok, err := c.lookup(st, ref, src.digest)
	converted := false
	if !ok && err == nil {
		report.phase(Fetching)
		object, converted, err = c.convert(ctx, st, src, report)
	}
	err = errors.Join(err, src.Close())
	if err != nil {
		return store.Object{}, false, localFault(ctx, ref, err)
	}
	return object, converted, nil
}

// lookup finds the object of a manifest, or of the manifest that an index has
// for this platform, and records that ref stands for it. An object that is
// damaged counts as missing: it is made again.
func (c *Client) lookup(st *store.Store, ref Reference, d digest.Digest) (store.Object, bool, error) {
	of := c.instanceOf(st, d)
	object, err := st.Get(of)
	switch {
	case errors.Is(err, store.ErrUntrusted):
		return store.Object{}, false, err
	case err != nil:
		return store.Object{}, false, nil //nolint:nilerr // missing or damaged: to be made
	}
	if err := c.checkPlatform(object.Meta.Config); err != nil {
		return store.Object{}, false, explain(ref, err)
	}
	// The name is for jrun images and jrun rm; a store that has become
	// read-only can still be run from.
	if known, err := st.Ref(ref.String()); err != nil || known.Digest != of || known.Resolved != d {
		_ = st.SetRef(store.Ref{Name: ref.String(), Digest: of, Resolved: d, Time: time.Now().UTC()})
	}
	return object, true, nil
}

// instanceOf is the manifest that an index is known to have for this platform;
// a manifest's own digest is returned as it is.
func (c *Client) instanceOf(st *store.Store, d digest.Digest) digest.Digest {
	if instance, err := st.Alias(d, c.platform()); err == nil {
		return instance
	}
	return d
}

// convert makes the object of the image that src is.
func (c *Client) convert(ctx context.Context, st *store.Store, src *source, report *reporter) (store.Object, bool, error) {
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
	ref := store.Ref{Name: src.ref.String(), Digest: p.digest, Resolved: src.digest, Time: time.Now().UTC()}
	return object, converted, st.SetRef(ref)
}

// write converts the layers into a pending file and publishes it, unless
// somebody else has done so meanwhile.
func (c *Client) write(ctx context.Context, st *store.Store, src *source, p *plan, report *reporter) (store.Object, bool, error) {
	pending, err := st.Create(ctx, p.digest, func() { report.phase(Waiting) })
	if errors.Is(err, store.ErrExists) {
		object, err := st.Get(p.digest)
		if errors.Is(err, store.ErrNotFound) {
			return c.write(ctx, st, src, p, report) // somebody has removed it since
		}
		return object, false, err
	}
	if err != nil {
		return store.Object{}, false, err
	}
	defer pending.Abort()

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
