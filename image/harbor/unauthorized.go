package harbor

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// robotPrefix is how robots' names begin, unless an administrator has changed
// it (robot_name_prefix). Nobody else is told to what.
const robotPrefix = "robot$"

// isRobot goes by the name: robots of a project are prefix, project, plus sign and
// name. A robot of another project or of the whole Harbor, with another prefix,
// is taken for a person, and refused for a WrongPassword.
func (d *detective) isRobot() bool {
	user := d.q.Client.user
	return strings.HasPrefix(user, robotPrefix) || strings.Contains(user, d.q.Project+"+")
}

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
	missing            // right, and there is no such project
	wrong              // refused with the delay that only a wrong password gets
	instant            // refused at once: locked, or there is nobody to check it
	unanswered         // refused after the directory's timeout
	unclear            // not an answer to the question
)

// unauthorized explains a 401. On /v2 it proves nothing about the password. What
// can be told without the credential comes first; then the time that the refusal
// took; and only then the credential is used again.
func (d *detective) unauthorized(ctx context.Context) Cause {
	if !validName().MatchString(d.name()) {
		return BadName
	}
	if d.q.Client.user == "" {
		return d.nobody(ctx)
	}
	took := d.verdict(d.q.Took)
	if d.noRedis {
		took = unclear
	}
	if cause := d.unchallenged(ctx); cause != Unknown && (cause != NoProject || took != wrong) {
		return cause
	}
	if took == wrong {
		return d.refused()
	}
	d.left = 2
	said, got, err := d.login(ctx)
	switch {
	case err != nil:
		return d.unheard(ctx, err)
	case said == right:
		return d.noRight(ctx)
	}
	return d.judge(ctx, said, got)
}

// unchallenged is about the 401s that are not about who asks. Harbor challenges
// whoever has no right, but not where it finds no project to have a right to, be
// it because there is none or because there is no database (v2auth/auth.go).
// Unknown is when it challenges.
func (d *detective) unchallenged(ctx context.Context) Cause {
	header, body := d.q.Header, d.q.Body
	if header == nil {
		got, err := d.stranger(ctx, http.MethodHead)
		if err != nil || got.status != http.StatusUnauthorized {
			return Unknown
		}
		header, body = got.header, nil
	}
	if header.Get("Www-Authenticate") != "" {
		return Unknown
	}
	if body == nil {
		got, err := d.stranger(ctx, http.MethodGet)
		if err != nil || got.status != http.StatusUnauthorized || got.header.Get("Www-Authenticate") != "" {
			return Unknown
		}
		body = got.body
	}
	d.found.Code, d.found.Message = ParseError(body)
	return noProject(d.found.Message)
}

// Harbor's words in a 401 without a challenge (v2auth/auth.go). All others are
// the database's.
const (
	saysNoProject = "project "
	saysNotFound  = " not found"
	saysBadPath   = "un-recognized request"
)

// noProject reads why Harbor found no project.
func noProject(message string) Cause {
	switch {
	case message == "":
		return Unknown
	case strings.HasPrefix(message, saysNoProject) && strings.HasSuffix(message, saysNotFound):
		return NoProject
	case strings.HasPrefix(message, saysBadPath):
		return BadName
	}
	return DatabaseDown
}

// refused is a credential that Harbor has found wrong. It is not used any more.
func (d *detective) refused() Cause {
	d.left = 0
	if d.isRobot() {
		return RobotRefused
	}
	return WrongPassword
}

// login asks whether the password is right, by a question that everybody may
// ask whose password is, pull-only robots too: whether the project exists.
func (d *detective) login(ctx context.Context) (verdict, heard, error) {
	query := url.Values{"project_name": {d.q.Project}}
	got, err := d.ask(ctx, call{method: http.MethodHead, path: apiRoot + "/projects", query: query})
	if err != nil {
		return unclear, got, err
	}
	switch got.status {
	case http.StatusOK:
		return right, got, nil
	case http.StatusNotFound:
		return missing, got, nil
	case http.StatusUnauthorized:
		return d.verdict(got.took), got, nil
	}
	return unclear, got, nil
}

// verdict is what a 401 means that took so long. A Harbor that is slow for
// everybody has not thereby found a password wrong.
func (d *detective) verdict(took time.Duration) verdict {
	beyond := func(least time.Duration) bool { return took >= least && took-d.usual >= least*9/10 }
	switch t := d.q.Timing; {
	case beyond(t.DirectoryTimeout):
		return unanswered
	case beyond(t.LoginDelay):
		return wrong
	}
	return instant
}

// judge goes by the first answer to login, unless that was that the password is
// right.
func (d *detective) judge(ctx context.Context, said verdict, got heard) Cause {
	switch {
	case said == missing:
		return NoProject
	case said == unclear && got.status == http.StatusGatewayTimeout:
		return d.unheard(ctx, context.DeadlineExceeded)
	case said == unclear:
		return d.noAnswer(got)
	case d.noRedis:
		return RedisDown
	case said == wrong, d.isRobot():
		// Robots are never locked, and need no directory: one that is refused at
		// once was looked for in a directory that is down.
		return d.refused()
	}
	return d.unchecked(ctx, said)
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
	case said == unanswered:
		return DirectoryDown
	case info.AuthMode == oidcMode:
		return d.refused()
	}
	d.usual = min(d.usual, got.took)
	if err := d.q.Timing.Wait(ctx); err != nil {
		return d.stuck(err)
	}
	said, got, err = d.login(ctx)
	switch {
	case err != nil:
		return d.unheard(ctx, err)
	case said == right, said == missing:
		return LoginLocked
	case said == unclear:
		return d.noAnswer(got)
	case said == wrong:
		return d.refused()
	case info.AuthMode == databaseMode:
		return LoginLocked // again: somebody does not give up
	}
	return DirectoryDown
}

// unheard is when login gets no answer. If a stranger gets one, it is the login
// that hangs, and with it the directory. Robots need none, unless they are not
// robots any more.
func (d *detective) unheard(ctx context.Context, err error) Cause {
	d.stuck(err)
	if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return Unknown
	}
	if _, err := d.stranger(ctx, http.MethodHead); err != nil {
		return Unknown // so does everything: the database, or redis
	}
	if d.isRobot() {
		return d.refused()
	}
	if info, _, err := d.systemInfo(ctx); err != nil || info.AuthMode == databaseMode {
		return Unknown
	}
	return DirectoryDown
}

// silent is about a request that got no answer at all, in the caller's time or in
// nginx's.
func (d *detective) silent(ctx context.Context) Cause {
	if d.noRedis {
		return RedisDown
	}
	if d.q.Client.user != "" {
		d.left = 2
		said, got, err := d.login(ctx)
		switch {
		case err != nil:
			return d.unheard(ctx, err)
		case said != right:
			return d.judge(ctx, said, got)
		}
	}
	if !d.reading() {
		return Unknown
	}
	got, err := d.manifest(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		// Harbor knows who asks, and for what; only the storage is left to hang.
		d.stuck(err)
		return BackendDown
	case err != nil:
		return d.stuck(err)
	case got.status < http.StatusMultipleChoices:
		return Passing
	case got.status == http.StatusUnauthorized:
		return d.rightless(got)
	}
	return d.now(ctx, got)
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
	got, err := d.manifest(ctx)
	switch {
	case err != nil:
		return d.stuck(err)
	case got.status == http.StatusUnauthorized:
		return d.rightless(got)
	case !d.reading():
		return NotMember // may pull, and not push
	case got.status < http.StatusMultipleChoices:
		return Passing
	}
	return d.now(ctx, got)
}

// rightless is what a 401 says when the password is right, or nobody's.
func (d *detective) rightless(got heard) Cause {
	switch {
	case got.header.Get("Www-Authenticate") == "":
		return noProject(d.found.Message)
	case d.q.Client.user == "":
		return LoginNeeded
	}
	return NotMember
}

// nobody explains a 401 without a login. Harbor says it to every request
// without a token, so it is asked for with one.
func (d *detective) nobody(ctx context.Context) Cause {
	got, err := d.manifest(ctx)
	switch {
	case err != nil:
		return d.stuck(err)
	case got.status == http.StatusUnauthorized:
		return d.rightless(got)
	case !d.reading():
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
