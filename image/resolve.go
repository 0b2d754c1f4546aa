package image

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/docker/reference"
)

// Pull says when a registry is asked what a name stands for.
type Pull int

// The policies of --pull.
const (
	// PullAsk asks for every job, and takes the last answer, no older than
	// Options.OfflineGrace, when the registry cannot be reached.
	PullAsk Pull = iota
	// PullAlways asks for every job and takes no old answer.
	PullAlways
	// PullMissing takes an old answer without asking, if the image is there.
	PullMissing
	// PullNever never asks.
	PullNever
)

// How says where a digest came from.
type How string

// The sources of a digest.
const (
	FromRegistry How = "registry" // it has just been asked
	FromJob      How = "job"      // it was settled earlier in this job
	FromOffline  How = "offline"  // the last answer of a registry that cannot be reached
	FromStore    How = "store"    // the last answer, by the policy that was asked for
	FromFile     How = "file"     // a local image
)

// Resolved is what a name stands for in this job.
type Resolved struct {
	Reference Reference     // with its registry filled in
	Digest    digest.Digest // of the index or manifest; empty for a squashfs file
	How       How
	Settled   How       // where How is FromJob: how it was found out for the job
	Time      time.Time // when the registry said that it is so and that this user may have it
}

// Resolve finds out what ref stands for, and whether this user may have it. A
// registry is asked with one HEAD request, once for each job; what it says is
// then settled for all processes of the job. A local image is read. st may be
// nil: then nothing is remembered.
func (c *Client) Resolve(ctx context.Context, st *store.Store, ref Reference) (Resolved, error) {
	ref, err := c.qualify(ref)
	if err != nil {
		return Resolved{}, err
	}
	switch ref.kind {
	case Registry:
		return c.resolveRegistry(ctx, st, ref)
	case Squashfs:
		object, err := openSquashfs(ref)
		return Resolved{Reference: ref, Digest: object.Digest, How: FromFile, Time: time.Now()}, err
	}
	d, err := c.resolveLocal(ctx, ref)
	return Resolved{Reference: ref, Digest: d, How: FromFile, Time: time.Now()}, err
}

func (c *Client) resolveRegistry(ctx context.Context, st *store.Store, ref Reference) (Resolved, error) {
	if err := c.allowed(ref); err != nil {
		return Resolved{}, err
	}
	if st == nil || c.opts.Job == "" {
		return c.resolveNow(ctx, st, ref)
	}
	r, err := c.resolveForJob(ctx, st, ref, ref.String())
	if c.opts.Pull == PullAlways && err == nil && (r.Settled == FromOffline || r.Settled == FromStore) {
		// The job has begun with an old answer. Those of its processes that take
		// none agree on one of their own.
		return c.resolveForJob(ctx, st, ref, ref.String()+" --pull=always")
	}
	return r, err
}

// resolveForJob settles what ref stands for in the job, under a name.
func (c *Client) resolveForJob(ctx context.Context, st *store.Store, ref Reference, name string) (Resolved, error) {
	// A failure is kept for some seconds, for the other processes: a hundred ranks
	// with a wrong password must not try it a hundred times. One policy's failure is
	// none of another's, and --pull=never spares nothing.
	failure := fmt.Sprint(c.opts.Job, " ", ref, " ", int(c.opts.Pull))
	asks := c.opts.Pull != PullNever
	var told error
	failed := func() error {
		if asks {
			told = recall(st, failedNote, failure, c.loginState(st))
		}
		return told
	}
	asked := false
	settled, err := st.AskOnce(ctx, c.opts.Job, name, failed, func() (store.JobRef, error) {
		asked = true
		r, err := c.resolveNow(ctx, st, ref)
		if err != nil && asks {
			remember(st, failedNote, failure, failedGrace, c.loginState(st), err)
		}
		if err == nil && c.opts.Severity.Max != "" {
			c.scanFor(ctx, st, r) // now, so that the other processes find it noted
		}
		host, _ := os.Hostname() // for people
		return store.JobRef{
			Ref: store.Ref{Name: name, Digest: c.instanceOf(st, ref, r.Digest), Resolved: r.Digest, Time: r.Time},
			How: string(r.How), Host: host,
		}, err
	})
	if err != nil {
		// A store that cannot be written must not keep a job from running: its
		// processes then ask by themselves.
		if !asked && told == nil && ctx.Err() == nil {
			return c.resolveNow(ctx, st, ref)
		}
		return Resolved{}, err
	}
	r := Resolved{Reference: ref, Digest: settled.Resolved, How: FromJob, Settled: How(settled.How), Time: settled.Time}
	if asked {
		r.How, r.Settled = r.Settled, ""
	}
	return r, nil
}

// resolveNow applies the policy, without regard to the job.
func (c *Client) resolveNow(ctx context.Context, st *store.Store, ref Reference) (Resolved, error) {
	if c.opts.Pull == PullMissing || c.opts.Pull == PullNever {
		known, ok := c.lastAnswer(st, ref)
		if ok && (c.recent(st, known) || c.opts.Pull == PullNever && c.keptForGood(st, known)) {
			return Resolved{Reference: ref, Digest: known.Resolved, How: FromStore, Time: known.Time}, nil
		}
		if c.opts.Pull == PullNever {
			return Resolved{}, c.neverFault(st, ref, known, ok)
		}
	}
	d, err := c.askRegistry(ctx, st, ref)
	if err == nil {
		r := Resolved{Reference: ref, Digest: d, How: FromRegistry, Time: now(st).UTC()}
		c.keepAnswer(st, r)
		return r, nil
	}
	keepRefusal(st, ref, err)
	known, ok := c.lastAnswer(st, ref)
	if !ok || !c.recent(st, known) || c.opts.Pull == PullAlways || !unreachable(err) || ctx.Err() != nil {
		return Resolved{}, err
	}
	c.opts.Warn(fault.Say("%v", err).And("using %s, as the registry said %s ago", known.Resolved, age(now(st).Sub(known.Time))))
	return Resolved{Reference: ref, Digest: known.Resolved, How: FromOffline, Time: known.Time}, nil
}

// now is the time by which a store's answers are dated.
func now(st *store.Store) time.Time {
	if st == nil {
		return time.Now()
	}
	return st.Now()
}

// keptForGood reports whether the user has said to keep the image: it may then be
// used for as long as it is there.
func (c *Client) keptForGood(st *store.Store, known store.Ref) bool {
	pins, err := st.Pins()
	_, ok := pins[known.Digest]
	return err == nil && ok
}

func (c *Client) neverFault(st *store.Store, ref Reference, known store.Ref, there bool) error {
	if status, ago, ok := c.refusedSince(st, ref, known); ok && known.Resolved != "" { // it was had before
		return fault.Newf(fault.Because("it answered %d %s, %s ago", status, http.StatusText(status), age(ago)),
			"ask it again: leave --pull=never out", "%s has refused %s to you", ref.Host(), ref)
	}
	if !there {
		return fault.Newf(store.ErrNotFound, fault.Say("fetch it first: jrun pull %s", ref).And("or allow jrun to: leave --pull=never out"),
			"%s is not in the store, and no registry may be asked", ref)
	}
	return fault.Newf(fault.Because("the registry was last asked %s ago, and an answer counts for %s (offline_grace)", age(now(st).Sub(known.Time)), c.opts.OfflineGrace),
		fault.Say("leave --pull=never out").And("or, for an image to be kept for good: jrun pin %s --reason WHY", known.Digest),
		"whether you may still use %s is not known", ref)
}

// age writes how long ago something was, in the unit that fits.
func age(d time.Duration) fault.Text {
	switch {
	case d >= time.Second && d < 2*time.Second:
		return fault.Say("1 second")
	case d < 2*time.Minute:
		return fault.Say("%d seconds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fault.Say("%d minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return fault.Say("%d hours", int(d.Hours()))
	}
	return fault.Say("%d days", int(d.Hours()/24))
}

// PlaceOf is the project that a reference with a registry belongs to.
func PlaceOf(ref Reference) store.Place { return placeOf(ref) }

// placeOf is the project that an image belongs to.
func placeOf(ref Reference) store.Place {
	if ref.kind != Registry || ref.name == nil {
		return store.Place{}
	}
	return store.Place{Registry: reference.Domain(ref.name), Project: firstPart(reference.Path(ref.name))}
}

// askRegistry asks what ref is now, with HEAD, or with GET where HEAD cannot
// tell: where registries.conf has mirrors, and of registries that send no digest.
func (c *Client) askRegistry(outer context.Context, st *store.Store, ref Reference) (digest.Digest, error) {
	ctx, cancel := context.WithTimeoutCause(outer, mirrorTimeout, ErrStalled)
	defer cancel()
	sys, err := c.systemFor(ref.name)
	if err != nil {
		return "", c.registryFault(outer, ref, err)
	}
	elsewhere, err := servedElsewhere(sys, ref.name)
	var d digest.Digest
	var a *asking
	if err == nil && !elsewhere {
		d, a, err = c.askHead(ctx, st, ref, sys)
	}
	if err == nil && d == "" {
		d, err = digestByGet(ctx, sys, ref.name)
	}
	if err != nil {
		return "", c.refusalFault(outer, st, a, ref, err)
	}
	if want := ref.Digest(); want != "" && d != want {
		return "", c.registryFault(outer, ref, fmt.Errorf("reading the manifest: %w", &DigestError{Want: want, Got: d}))
	}
	return d, nil
}

// unreachable reports whether an explained error means that the registry has not
// answered the question, as opposed to having said no.
func unreachable(err error) bool {
	var down *UnreachableError
	return errors.As(err, &down)
}

// UnreachableError marks errors of registries that did not answer what was asked:
// nobody is there, or what is there does not work.
type UnreachableError struct{ Cause error }

func (e *UnreachableError) Error() string { return e.Cause.Error() }

// Unwrap returns Cause.
func (e *UnreachableError) Unwrap() error { return e.Cause }
