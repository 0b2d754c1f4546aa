package workshop

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// Trouble is what kept a login from being accepted.
type Trouble int

// The troubles.
const (
	Other Trouble = iota
	WrongPassword
	Locked // for moments, because somebody tries a wrong password
	Unreachable
)

// instant is shorter than Harbor takes to refuse a wrong password (1.5 s); a locked
// account it refuses at once.
const instant = time.Second

// LoginTrouble tells what an error of image.Client.Login is about.
func LoginTrouble(err error) Trouble {
	var login *image.LoginError
	var refusal *image.RefusalError
	var unreachable *image.UnreachableError
	switch {
	case errors.As(err, &login):
		return WrongPassword
	case errors.As(err, &refusal) && refusal.StatusCode == http.StatusUnauthorized:
		if refusal.Took < instant && strings.Contains(refusal.Header.Get("Www-Authenticate"), "harbor") {
			return Locked
		}
		return WrongPassword
	case errors.As(err, &refusal) && (refusal.StatusCode >= 500 || refusal.StatusCode == http.StatusTooManyRequests):
		return Unreachable
	case errors.As(err, &unreachable):
		return Unreachable
	}
	return Other
}

// LoginFault says why a login was not accepted.
func LoginFault(to image.LoginTarget, user string, err error) error {
	switch LoginTrouble(err) {
	case WrongPassword:
		return message.Fail(message.Of("workshop.wrong-password", to.String(), user), nil, message.Of("workshop.wrong-password.next"), message.Of("workshop.wrong-password.wait"))
	case Locked:
		return message.Fail(message.Of("workshop.locked", to.String(), user), nil, message.Of("workshop.locked.next"), message.Of("workshop.locked.admin"))
	case Unreachable:
		return message.Fail(message.Of("workshop.unreachable", to.String()), err, message.Of("workspace.unreachable.next"))
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return message.Fail(message.Of("workshop.not-kept", to.String()), err, message.Of("workshop.not-kept.next", path.Path))
	}
	return message.Fail(message.Of("workshop.no-login", to.String()), err, message.Of("workshop.no-login.next"))
}

// Login keeps a login to a registry, if the registry accepts it.
func (s *Workshop) Login(ctx context.Context, host, user, password string) error {
	to, err := image.ParseLoginTarget(host)
	if err != nil {
		return err
	}
	if _, err := s.Store.Client().Login(ctx, nil, to, user, password); err != nil {
		return LoginFault(to, user, err)
	}
	return nil
}
