package flow

import (
	"context"
	"errors"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// logIn sees to it that there is a login that works, unless the user goes on without
// one.
func (s *Session) logIn(ctx context.Context) error {
	if s.user != "" || s.offline {
		return errNothingAsked
	}
	for {
		kept, err := s.keptLogin(ctx)
		switch {
		case err == nil:
			s.user = kept
			s.Face.Tell(Notice{ID: "logged-in", Kind: Success, Title: message.Of("flow.login.done", s.Registry.Host(), kept)})
			return nil
		case errors.Is(err, ErrNoLogin):
			return s.askLogin(ctx)
		case errors.Is(err, ErrWrongLogin):
			s.Face.Tell(Notice{ID: "login-old", Kind: Warning, Title: message.Of("flow.login.old"), Body: []message.Text{message.Of("flow.login.old.body")}})
			return s.askLogin(ctx)
		case isRegistrys(err):
			if err := s.askWithoutRegistry(ctx, err); err != nil || s.offline {
				return err
			}
		default:
			return err
		}
	}
}

// isRegistrys reports whether an error is one that waiting may mend.
func isRegistrys(err error) bool {
	return errors.Is(err, ErrUnreachable) || errors.Is(err, ErrLocked)
}

func (s *Session) keptLogin(ctx context.Context) (user string, err error) {
	err = s.Face.Work(ctx, message.Of("flow.login.trying", s.Registry.Host()), func(ctx context.Context, _ func(Progress)) error {
		user, err = s.Registry.User(ctx)
		return err
	})
	return user, err
}

// askLogin asks for a name and a password until the registry accepts them.
func (s *Session) askLogin(ctx context.Context) error {
	var user, password string
	return sequence(ctx,
		func(ctx context.Context) (err error) {
			user, err = s.Face.Ask(ctx, Question{
				Asked:   Asked{ID: "user", Title: message.Of("flow.login.user", s.Registry.Host()), Label: message.Of("flow.login.user.label"), Help: message.Of("flow.login.user.help"), Flag: "jbuild login --username NAME"},
				Default: user,
				Check:   func(_ context.Context, typed string) Verdict { return Verdict{Bad: needed(typed)} },
			})
			return err
		},
		func(ctx context.Context) error {
			for {
				var err error
				password, err = s.Face.Ask(ctx, Question{
					Asked:  Asked{ID: "password", Title: message.Of("flow.login.password", user), Help: message.Of("flow.login.password.help"), Flag: "jbuild login --password-stdin"},
					Secret: true,
					Check:  func(_ context.Context, typed string) Verdict { return Verdict{Bad: needed(typed)} },
				})
				if err != nil {
					return err
				}
				if again, err := s.tryLogin(ctx, user, password); !again {
					return err
				}
			}
		},
	)
}

// needed says that something must be typed.
func needed(typed string) message.Text {
	if typed == "" {
		return message.Of("flow.needed")
	}
	return message.Text{}
}

// tryLogin reports whether the password is to be asked again.
func (s *Session) tryLogin(ctx context.Context, user, password string) (again bool, err error) {
	for {
		err := s.Face.Work(ctx, message.Of("flow.login.trying", s.Registry.Host()), func(ctx context.Context, _ func(Progress)) error {
			return s.Registry.Login(ctx, user, password)
		})
		switch {
		case err == nil:
			s.user = user
			s.Face.Tell(Notice{ID: "logged-in", Kind: Success, Title: message.Of("flow.login.done", s.Registry.Host(), user)})
			return false, nil
		case errors.Is(err, ErrWrongLogin):
			s.Face.Tell(Notice{ID: "login-wrong", Kind: Failure, Title: message.Of("flow.login.wrong"), Body: []message.Text{message.Of("flow.login.wrong.body")}})
			return true, nil
		case isRegistrys(err):
			if err := s.askWithoutRegistry(ctx, err); err != nil || s.offline {
				return false, err
			}
		default:
			return false, err
		}
	}
}

// askWithoutRegistry asks what to do when the registry does not answer; nil means try
// again, or go on, when s.offline is set.
func (s *Session) askWithoutRegistry(ctx context.Context, cause error) error {
	n := Notice{ID: "registry-down", Kind: Warning, Title: message.Of("flow.registry.down", s.Registry.Host()), Body: []message.Text{message.Of("flow.reason", cause), message.Of("flow.registry.down.body")}}
	if errors.Is(cause, ErrLocked) {
		n = Notice{ID: "locked", Kind: Warning, Title: message.Of("flow.login.locked"), Body: []message.Text{message.Of("flow.login.locked.body")}}
	}
	s.Face.Tell(n)
	next, err := s.Face.Choose(ctx, Choice{
		Asked:   Asked{ID: "offline", Title: message.Of("flow.offline"), Flag: "jbuild login"},
		Default: "again",
		Rows: []Row{
			{Key: "again", Cells: []message.Text{message.Of("flow.offline.again")}, Note: message.Of("flow.offline.again.note")},
			{Key: "offline", Cells: []message.Text{message.Of("flow.offline.offline")}, Note: message.Of("flow.offline.offline.note")},
		},
	})
	s.offline = err == nil && next == "offline"
	return err
}

// needLogin is logIn for what cannot be done without.
func (s *Session) needLogin(ctx context.Context) error {
	s.offline = false
	err := s.logIn(ctx)
	s.offline = s.user == ""
	if s.offline && err == nil {
		return ErrBack
	}
	return err
}
