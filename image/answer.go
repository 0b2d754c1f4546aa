package image

import (
	"errors"
	"net/http"
	"time"

	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

// What registries said is kept as soon as it is known, before anything is fetched:
// a tag that has moved must not be forgotten because the registry went away before
// its new image was here. So is a refusal, which ends what was allowed before.
const (
	answerNote  = "answer"  // store.Ref, by reference
	revokedNote = "revoked" // by reference, or by repository

	// answerInterval is how often an unchanged answer is written down.
	answerInterval = 10 * time.Minute
)

// keepAnswer writes down what the registry said. It is of no consequence for this
// job if that fails.
func (c *Client) keepAnswer(st *store.Store, r Resolved) {
	if st == nil {
		return
	}
	name := r.Reference.String()
	var known store.Ref
	age, err := st.Note(answerNote, name, &known)
	if err == nil && known.Resolved == r.Digest && age >= 0 && age < answerInterval && !c.denied(st, r.Reference, known) {
		return
	}
	_ = st.SetNote(answerNote, name, store.Ref{Name: name, Digest: c.instanceOf(st, r.Reference, r.Digest), Resolved: r.Digest, Time: r.Time})
}

// keepRefusal writes down that the registry said no: of a repository, or, when
// something is merely not there, of the reference.
func keepRefusal(st *store.Store, ref Reference, err error) {
	if st == nil || unreachable(err) {
		return
	}
	switch status := httpStatus(err); {
	case status == http.StatusNotFound:
		_ = st.SetNote(revokedNote, ref.String(), status)
	case status >= 400 && status < 500:
		_ = st.SetNote(revokedNote, ref.name.Name(), status)
	}
}

// refusedSince is the registry's refusal of ref after known, and how long ago it
// was. That it has a digest no more is no refusal for who has pinned it.
func (c *Client) refusedSince(st *store.Store, ref Reference, known store.Ref) (status int, ago time.Duration, ok bool) {
	if st == nil {
		return 0, 0, false
	}
	for _, name := range []string{ref.String(), ref.name.Name()} {
		ago, err := st.Note(revokedNote, name, &status)
		if err != nil || st.Now().Add(-ago).Before(known.Time) {
			continue
		}
		if status != http.StatusNotFound || ref.Digest() == "" || !c.keptForGood(st, known) {
			return status, ago, true
		}
	}
	return 0, 0, false
}

// denied reports whether the registry has refused ref after known.
func (c *Client) denied(st *store.Store, ref Reference, known store.Ref) bool {
	_, _, ok := c.refusedSince(st, ref, known)
	return ok
}

// lastAnswer is what the registry last said to this user about ref; ok is false if
// it has said no since then, or the image is not there any more.
func (c *Client) lastAnswer(st *store.Store, ref Reference) (known store.Ref, ok bool) {
	if st == nil {
		return store.Ref{}, false
	}
	_, err := st.Note(answerNote, ref.String(), &known)
	if d := ref.Digest(); err != nil && d != "" {
		known, err = c.answerAbout(st, ref)
	}
	if err != nil {
		return known, false
	}
	known.Digest = c.instanceOf(st, ref, known.Resolved)
	if c.denied(st, ref, known) {
		return known, false
	}
	_, err = st.Find(placeOf(ref), known.Digest)
	if errors.Is(err, store.ErrNotFound) {
		err = st.Undelete(known.Digest)
	}
	return known, err == nil
}

// answerAbout finds a digest that was got from the same repository by a tag.
func (c *Client) answerAbout(st *store.Store, ref Reference) (store.Ref, error) {
	d := ref.Digest()
	refs, _ := st.Refs() // those that can be read
	best := store.Ref{}
	for _, r := range refs {
		other, err := ParseReference(r.Name)
		if err != nil || other.name == nil || other.name.Name() != ref.name.Name() || r.Digest != d && r.Resolved != d {
			continue
		}
		if r.Time.After(best.Time) {
			best = r
		}
	}
	if best.Name == "" {
		return c.answerWhenMade(st, ref, d)
	}
	best.Resolved = d
	return best, nil
}

// answerWhenMade is for a digest that no name leads to any more, because the tag
// has moved on: when the image was converted, the registry had let this user have
// it under the name that the image still bears.
func (c *Client) answerWhenMade(st *store.Store, ref Reference, d digest.Digest) (store.Ref, error) {
	object, err := st.Get(c.instanceOf(st, ref, d))
	if err != nil {
		return store.Ref{}, err
	}
	name := object.Meta.Reference
	other, err := ParseReference(name)
	if err != nil || other.name == nil || other.name.Name() != ref.name.Name() {
		return store.Ref{}, store.ErrNotFound
	}
	return store.Ref{Name: name, Digest: object.Digest, Resolved: d, Time: object.Meta.Created}, nil
}

// recent reports whether an answer still counts.
func (c *Client) recent(st *store.Store, known store.Ref) bool {
	return now(st).Sub(known.Time) < c.opts.OfflineGrace
}
