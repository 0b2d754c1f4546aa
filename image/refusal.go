package image

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/types"
)

// askHead asks with HEAD, unless this login has just been refused.
func (c *Client) askHead(ctx context.Context, st *store.Store, ref Reference, sys *types.SystemContext) (digest.Digest, *asking, error) {
	a, err := c.newAsking(ref, sys)
	if err != nil {
		return "", nil, err
	}
	if a.auth.Username != "" {
		if err := recall(st, refusedNote, a.login(), c.loginState(st)); err != nil {
			return "", a, err
		}
		if err := recall(st, deniedNote, a.login()+" "+ref.String(), c.loginState(st)); err != nil {
			return "", a, err
		}
	}
	for attempt := 1; ; attempt++ {
		d, err := a.digest(ctx, st)
		var refusal *RefusalError
		if !errors.As(err, &refusal) || refusal.StatusCode == http.StatusTooManyRequests {
			return d, a, err
		}
		cause, ok := c.diagnose(ctx, a, refusal)
		if !ok {
			return "", a, err
		}
		if attempt == 1 && (cause.Cause == harbor.Passing || cause.Cause == harbor.LoginLocked) {
			continue // it has waited until the account was free again
		}
		return "", a, c.diagnosed(st, a, cause, refusal, err)
	}
}

// diagnosed explains a refusal of Harbor's. A wrong login is remembered, since every
// attempt with it locks the account; and for a moment that it is locked. A missing
// right is not: the processes of this job are told of it by the one that asked, and
// the next job shall have it as soon as it is given.
func (c *Client) diagnosed(st *store.Store, a *asking, d harbor.Diagnosis, refusal *RefusalError, err error) error {
	f := c.diagnosisFault(a, d, refusal)
	if f == nil {
		return err
	}
	switch d.Cause {
	case harbor.WrongPassword, harbor.RobotRefused:
		remember(st, refusedNote, a.login(), refusedGrace, c.loginState(st), f)
	case harbor.LoginLocked:
		remember(st, deniedNote, a.login()+" "+a.ref.String(), deniedGrace, c.loginState(st), f)
	}
	return f
}

// login names an account at a registry.
func (a *asking) login() string { return a.auth.Username + " at " + a.host }

// refusalFault explains why a registry did not say what ref is. a is the question,
// nil if it could not be asked.
func (c *Client) refusalFault(ctx context.Context, st *store.Store, a *asking, ref Reference, err error) error {
	if isFault(err) {
		return err
	}
	if errors.Is(err, ErrForbidden) {
		return fault.Newf(err, "use an image of another registry, or ask the administrator", "images of %s are not to be used here", ref.Host())
	}
	var login *LoginError
	if errors.As(err, &login) && a != nil {
		f := c.loginFault(ref, err)
		if a.auth.Username != "" {
			remember(st, refusedNote, a.login(), refusedGrace, c.loginState(st), f)
		}
		return f
	}
	f := c.registryFault(ctx, ref, err)
	var refusal *RefusalError
	if errors.As(err, &refusal) && refusal.StatusCode == http.StatusUnauthorized && a != nil && a.auth.Username != "" {
		remember(st, deniedNote, a.login()+" "+ref.String(), c.deniedFor(refusal), c.loginState(st), f)
	}
	return f
}

// deniedFor is how long a 401 is not asked for again. One that took its time is
// most likely a wrong password, with which every attempt locks the account for a
// moment (facts of Harbor); one that came at once may be over soon.
func (c *Client) deniedFor(refusal *RefusalError) time.Duration {
	if c.refusals.slow(refusal) {
		return refusedGrace
	}
	return deniedGrace
}

// digestByGet reads the manifest, through image/v5, which knows mirrors.
func digestByGet(ctx context.Context, sys *types.SystemContext, named reference.Named) (digest.Digest, error) {
	ref, err := transportReference(named)
	if err != nil {
		return "", err
	}
	src, err := ref.NewImageSource(ctx, sys)
	if err != nil {
		return "", err
	}
	defer func() { _ = src.Close() }()
	b, _, err := src.GetManifest(ctx, nil)
	if err != nil {
		return "", err
	}
	return digest.FromBytes(b), nil
}

// firstPart is the project of a repository's path.
func firstPart(path string) string {
	first, _, _ := strings.Cut(path, "/")
	return first
}
