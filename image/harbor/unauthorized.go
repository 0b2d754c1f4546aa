package harbor

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// robotPrefix is how robots' names begin, unless an administrator has changed
// it. A robot with another prefix is taken for a person: its cause is then
// WrongPassword instead of RobotRefused.
const robotPrefix = "robot$"

// oidcMode is Harbor's auth_mode when people log in with a CLI secret, which is
// checked without delay and without a directory (security/oidc_cli.go).
const oidcMode = "oidc_auth"

// databaseMode is Harbor's auth_mode when it has all passwords itself.
const databaseMode = "db_auth"

// lockPause is longer than an account stays locked, and random, because the
// ranks of a job that all wait for it must not come back together.
func lockPause(delay time.Duration) time.Duration {
	return delay*16/15 + rand.N(delay*8/15) // 1.6 to 2.4 seconds
}

// verdict is what Harbor says of a password.
type verdict int

const (
	right      verdict = iota
	wrong              // refused with the delay that only a wrong password gets
	instant            // refused at once: locked, or there is nobody to check it
	unanswered         // refused after the directory's timeout
	unclear            // not an answer to the question
)

// unauthorized explains a 401. On /v2 it proves nothing about the password, so
// that is asked first.
func (d *detective) unauthorized(ctx context.Context) Cause {
	if d.q.Client.user == "" {
		return d.nobody(ctx)
	}
	d.left = 2
	said, got, err := d.login(ctx)
	switch {
	case err != nil:
		return d.stuck(err)
	case said == right:
		return d.noRight(ctx)
	case said == unclear:
		return d.noAnswer(got)
	case strings.HasPrefix(d.q.Client.user, robotPrefix):
		return d.robot(ctx, said)
	case said == wrong, d.verdict(d.q.Took) == wrong:
		// Both times not right, and one of them with the delay. From here on the
		// credential is not used any more.
		return WrongPassword
	}
	return d.unchecked(ctx, said)
}

// login asks whether the password is right, by a question that everybody may
// ask whose password is. To robots the answer is 412, but not before theirs has
// been checked.
func (d *detective) login(ctx context.Context) (verdict, heard, error) {
	got, err := d.ask(ctx, call{method: http.MethodGet, path: apiRoot + "/users/current"})
	if err != nil {
		return unclear, got, err
	}
	switch got.status {
	case http.StatusOK, http.StatusPreconditionFailed:
		return right, got, nil
	case http.StatusUnauthorized:
		return d.verdict(got.took), got, nil
	}
	return unclear, got, nil
}

// verdict is what a 401 means that took so long. A Harbor that is slow for
// everybody has not thereby found a password wrong.
func (d *detective) verdict(took time.Duration) verdict {
	took -= d.usual
	switch t := d.q.Timing; {
	case took >= t.DirectoryTimeout*9/10:
		return unanswered
	case took >= t.LoginDelay*9/10:
		return wrong
	}
	return instant
}

// unchecked is for a 401 that came too fast, or too late, to be about the
// password.
func (d *detective) unchecked(ctx context.Context, said verdict) Cause {
	info, got, err := d.systemInfo(ctx)
	switch {
	case err != nil:
		return d.stuck(err)
	case got.status >= http.StatusBadGateway:
		return CoreDown
	case got.status >= http.StatusInternalServerError:
		return DatabaseDown
	case said == unanswered:
		return DirectoryDown
	case info.AuthMode == oidcMode:
		return WrongPassword
	}
	d.usual = min(d.usual, got.took)
	if err := d.q.Timing.Wait(ctx); err != nil {
		return d.stuck(err)
	}
	said, got, err = d.login(ctx)
	switch {
	case err != nil:
		return d.stuck(err)
	case said == right:
		return LoginLocked
	case said == unclear:
		return d.noAnswer(got)
	case said == wrong:
		return WrongPassword
	case info.AuthMode == databaseMode:
		return LoginLocked // again: somebody does not give up
	}
	return DirectoryDown
}

// robot explains a robot's 401. Robots are never locked, and need no directory.
func (d *detective) robot(ctx context.Context, said verdict) Cause {
	if said != wrong {
		_, got, err := d.systemInfo(ctx)
		if err == nil && got.status == http.StatusInternalServerError {
			return DatabaseDown
		}
	}
	return RobotRefused
}

// noAnswer is when the question about the password got another answer.
func (d *detective) noAnswer(got heard) Cause {
	d.found.Code, d.found.Message = ParseError(got.body)
	switch {
	case got.status == http.StatusTooManyRequests:
		return TooMany
	case got.status >= http.StatusBadGateway:
		return CoreDown
	}
	return Unknown
}

// noRight explains a 401 with a right password.
func (d *detective) noRight(ctx context.Context) Cause {
	if !validName().MatchString(d.name()) {
		return BadName
	}
	got, err := d.manifest(ctx)
	switch {
	case err != nil:
		return d.stuck(err)
	case got.status == http.StatusUnauthorized && got.header.Get("Www-Authenticate") == "":
		// Harbor challenges whoever has no right, but not where it finds no
		// project to have a right to (v2auth/auth.go).
		return NoProject
	case got.status == http.StatusUnauthorized:
		return NotMember
	case !d.reading():
		return NotMember // may pull, and not push
	case got.status < http.StatusMultipleChoices:
		return Passing
	}
	return d.now(ctx, got)
}

// nobody explains a 401 without a login. Harbor says it to every request
// without a token, so it is asked for with one.
func (d *detective) nobody(ctx context.Context) Cause {
	if !validName().MatchString(d.name()) {
		return BadName
	}
	got, err := d.manifest(ctx)
	switch {
	case err != nil:
		return d.stuck(err)
	case got.status == http.StatusUnauthorized && got.header.Get("Www-Authenticate") == "":
		return NoProject
	case got.status == http.StatusUnauthorized, !d.reading():
		return LoginNeeded
	case got.status < http.StatusMultipleChoices:
		return Passing
	}
	return d.now(ctx, got)
}

// now goes on with another refusal than the first one: the 401 has passed by,
// and this is behind it.
func (d *detective) now(ctx context.Context, got heard) Cause {
	d.q.Body = got.body
	return d.byStatus(ctx, got.status, got.header, Health{})
}
