package registry

import (
	"context"
	"slices"

	"github.com/jrun-hpc/jrun/image/harbor"
)

// mostRelogins bounds how often a person is asked in one run: whoever mistypes a
// password three times has another problem.
const mostRelogins = 3

// again finds out why a login was refused, and returns nil when the request is to be
// made once more: because the reason has passed, or because there is a new login.
// generation is that of the login that was refused.
func (r *Registry) again(ctx context.Context, q Request, generation int, refused *RefusalError) error {
	r.asking.Lock()
	defer r.asking.Unlock()
	r.mu.Lock()
	changed, relogins := r.generation != generation, r.relogins
	r.mu.Unlock()
	if changed {
		return nil // while this one waited, another has asked
	}
	cause := r.Diagnose(ctx, subjectOf(q), refused).Cause
	if slices.Contains([]harbor.Cause{harbor.Passing, harbor.LoginLocked}, cause) && relogins < mostRelogins {
		// It has waited until the account was free again.
		r.replace(r.current())
		return nil
	}
	if r.o.Relogin == nil || relogins >= mostRelogins || !r.loginHelps(cause, refused) {
		return refused
	}
	login, err := r.o.Relogin(ctx, r.Explain(ctx, subjectOf(q), refused))
	if err != nil {
		return refused
	}
	r.replace(login)
	return nil
}

// replace takes a login for all further requests. Tokens of the old one are gone.
func (r *Registry) replace(login Login) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.login, r.generation, r.relogins = login, r.generation+1, r.relogins+1
	clear(r.tokens)
}

// loginHelps reports whether another login may be let in. A member without a right
// is not asked for a password.
func (r *Registry) loginHelps(cause harbor.Cause, refused *RefusalError) bool {
	switch cause {
	case harbor.WrongPassword, harbor.RobotRefused, harbor.LoginNeeded:
		return true
	case harbor.NotHarbor:
		r.mu.Lock()
		defer r.mu.Unlock()
		// Where a token service has let one in, the registry means the right.
		return r.challenge.scheme == "basic" || refused.Path == tokenPath || r.login == Login{}
	}
	return false
}
