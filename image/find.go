package image

import (
	"errors"

	"github.com/jrun-hpc/jrun/image/store"
)

// Canonical is the name under which st knows ref once it was ensured: with the
// registry and tag filled in.
func (c *Client) Canonical(ref Reference) (string, error) {
	ref, err := c.qualify(ref)
	return ref.String(), err
}

// Qualify fills in the registry and tag of a name that has none.
func (c *Client) Qualify(ref Reference) (Reference, error) { return c.qualify(ref) }

// Find returns the object that ref stood for when it was last ensured, without
// asking anybody. The error wraps store.ErrNotFound when there is none.
func (c *Client) Find(st *store.Store, ref Reference) (store.Object, error) {
	ref, err := c.qualify(ref)
	if err != nil {
		return store.Object{}, err
	}
	known, err := st.Ref(ref.String())
	if d := ref.Digest(); errors.Is(err, store.ErrNotFound) && d != "" {
		return st.Find(placeOf(ref), c.instanceOf(st, ref, d)) // pulled under another name
	}
	if err != nil {
		return store.Object{}, err
	}
	return st.Find(placeOf(ref), known.Digest)
}
