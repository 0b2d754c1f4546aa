package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/docker/distribution/registry/client/auth/challenge"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/store"
	"go.podman.io/image/v5/types"
)

// Login asks the registry whether it accepts the password, keeps it where image/v5
// keeps logins, and says where that is. The password is sent twice at most. Errors
// are faults. st may be nil; in it failures are noted that may now be over.
func (c *Client) Login(ctx context.Context, st *store.Store, to LoginTarget, user, password string) (kept string, err error) {
	if err := CheckUser(user); err != nil {
		return "", err
	}
	if password == "" || strings.ContainsRune(password, 0) {
		return "", fault.New("the password cannot be used", fault.Because("it is empty, or holds a NUL byte"), "give the password, or the robot account's secret")
	}
	sys, err := c.systemFor(to.named)
	if err != nil {
		return "", err
	}
	e, err := c.endpointFor(apiHost(to.Host()), sys)
	if err != nil {
		return "", err
	}
	auth := types.DockerAuthConfig{Username: user, Password: password}
	if err := c.checkLogin(ctx, e, auth); err != nil {
		if ctx.Err() != nil {
			return "", fmt.Errorf("logging in to %s: %w", to, context.Cause(ctx))
		}
		return "", c.notLoggedInFault(to, user, err)
	}
	kept, err = c.keepLogin(to, auth)
	stampLogin(st)
	return kept, err
}

// CheckUser refuses names that cannot be sent, as Basic authentication has them
// (RFC 7617). The error is a fault.
func CheckUser(user string) error {
	var why error
	switch {
	case user == "":
		why = fault.Because("it is empty")
	case strings.Contains(user, ":"):
		why = fault.Because("it holds a colon")
	case strings.ContainsFunc(user, unicode.IsControl):
		why = fault.Because("it holds a control character")
	default:
		return nil
	}
	return fault.Newf(why, "write the name as the registry's page shows it, without the password: jrun login -u USER REGISTRY", "%q cannot be the name of an account", user)
}

// refusalTiming is what the time that a refusal takes says about it.
type refusalTiming struct {
	instant time.Duration // a wrong password takes longer to be refused
	pause   time.Duration // after which an account is not locked any more
	jitter  time.Duration // so that those who wait do not meet again
}

// harborTiming: Harbor answers a wrong password after 1.5 s, and refuses every
// login of that account meanwhile, at once. It also answers at once while its
// directory (LDAP) is down.
var harborTiming = refusalTiming{instant: time.Second, pause: 1600 * time.Millisecond, jitter: 800 * time.Millisecond}

func (t refusalTiming) slow(refusal *RefusalError) bool { return refusal.Took >= t.instant }

// checkLogin asks whether the registry takes the login, and once more when its
// refusal may be about something else than the password.
func (c *Client) checkLogin(ctx context.Context, e *endpoint, auth types.DockerAuthConfig) error {
	err := c.tryLogin(ctx, e, auth)
	if !c.doubtful(err) {
		return err
	}
	select {
	case <-ctx.Done():
		return err
	case <-time.After(c.refusals.pause + rand.N(c.refusals.jitter+1)):
	}
	return c.tryLogin(ctx, e, auth)
}

// doubtful reports whether a refusal may be about something else than the
// password: it came faster than Harbor looks at one. (Token services are other
// registries', which do not lock accounts in this way.)
func (c *Client) doubtful(err error) bool {
	var refusal *RefusalError
	return errors.As(err, &refusal) && refusal.StatusCode == http.StatusUnauthorized && !c.refusals.slow(refusal)
}

// errNoRegistry is wrapped when something else than a registry has answered.
var errNoRegistry = errors.New("what answers there is not a registry")

// tryLogin asks at the registry's own address, where Harbor and simple registries
// take the name and password, and at the token service that others refer to.
// Errors are *RefusalError, *LoginError, errNoRegistry, or the network's.
func (c *Client) tryLogin(ctx context.Context, e *endpoint, auth types.DockerAuthConfig) error {
	header := http.Header{"User-Agent": {c.opts.UserAgent}}
	(&http.Request{Header: header}).SetBasicAuth(auth.Username, auth.Password)
	watch := stopwatch{}
	response, err := e.do(watch.on(ctx), http.MethodGet, "/v2/", header)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", e.host, err)
	}
	refusal := newRefusal(response, body, watch.took())
	switch page := strings.HasPrefix(response.Header.Get("Content-Type"), "text/html"); {
	case response.StatusCode == http.StatusOK && !page:
		return nil
	case response.StatusCode == http.StatusOK, response.StatusCode == http.StatusNotFound, response.StatusCode == http.StatusMethodNotAllowed:
		return fault.Because("%w: %w", errNoRegistry, refusal)
	case response.StatusCode == http.StatusUnauthorized:
		if b, ok := bearerOf(response); ok {
			_, err := e.token(ctx, b, auth, "", c.opts.UserAgent)
			return err
		}
	}
	return refusal
}

// notLoggedInFault explains why a login was not accepted.
func (c *Client) notLoggedInFault(to LoginTarget, user string, err error) error {
	host := to.Host()
	var login *LoginError
	var refusal *RefusalError
	switch {
	case errors.Is(err, errNoRegistry):
		return fault.Newf(err, "check the name: it is the host in front of images' names, which is not always that of the web page", "there is no registry at %s", host)
	case errors.As(err, &login):
		return refusedFault(host, user, err)
	case !errors.As(err, &refusal):
		if f := networkFault(host, err); f != nil {
			return f
		}
		return fault.Newf(err, fault.Say("see the request: jrun --verbose login %s", to), "cannot log in to %s", host)
	case refusal.StatusCode == http.StatusUnauthorized && c.doubtful(err) && isHarbor(refusal) && !isRobot(user):
		return fault.Newf(fault.Because("it refused at once, twice, without looking at the password: %w", err),
			fault.Say("wait a minute and log in again: another program may be trying an old password of %s, which locks the account for moments", user).
				And("if it stays so, ask the administrator whether the directory (LDAP) behind %s is working", host), "%s does not let %s log in at the moment", host, user)
	case refusal.StatusCode == http.StatusUnauthorized:
		return refusedFault(host, user, err)
	case refusal.StatusCode == http.StatusForbidden:
		return fault.Newf(err, "ask the registry's administrator", "%s does not let %s in", host, user)
	case refusal.StatusCode == http.StatusTooManyRequests:
		return fault.Newf(err, "wait some minutes and try again", "%s has had too many requests", host)
	case refusal.StatusCode >= http.StatusInternalServerError:
		return fault.Newf(down(err), "try again in a minute; if it stays so, tell the registry's administrator", "the registry %s is not working", host)
	}
	return fault.Newf(err, "check the name: it is the host in front of images' names", "%s does not answer as a registry", host)
}

// isHarbor reports whether a refusal is one of Harbor's, by its challenge.
func isHarbor(refusal *RefusalError) bool {
	for _, c := range challenge.ResponseChallenges(&http.Response{Header: refusal.Header, StatusCode: refusal.StatusCode}) {
		if c.Scheme == "basic" && c.Parameters["realm"] == "harbor" {
			return true
		}
	}
	return false
}

// refusedFault is for a login that is wrong.
func refusedFault(host, user string, err error) error {
	if isRobot(user) {
		return fault.Newf(err, fault.Say("look at Robot Accounts on its project's page, or ask the project's owner: has it expired, is it disabled or deleted, or has its secret been replaced?").
			And("with a new secret: jrun login -u '%s' %s", user, host), "%s does not accept the robot account %s", host, user)
	}
	next := fault.Say("log in again: %s", loginHelp(host)).And("after several attempts wait a minute: registries then refuse right passwords, too")
	if strings.HasPrefix(user, "robot") {
		next = next.And("a robot account's name has a $, which a shell takes away: jrun login -u 'robot$…' %s", host)
	}
	return fault.Newf(err, next, "%s does not accept the password of %s", host, user)
}

// isRobot reports whether an account is one of Harbor's for programs, such as
// robot$project+name.
func isRobot(user string) bool { return strings.Index(user, "$") > 0 }
