package web

import (
	"errors"
	"net/http"

	"github.com/jrun-hpc/jrun/vmtemplate/web/guard"
)

// serveLogin takes {"invitation": WORD} or {"user": NAME, "password": PASSWORD}, and gives
// {"session": PROOF}.
func (s *Server) serveLogin(w http.ResponseWriter, r *http.Request) {
	var in struct{ Invitation, User, Password string }
	if !readJSON(w, r, &in) {
		return
	}
	var proof string
	var err error
	if in.Invitation != "" {
		proof, err = s.o.Guard.Redeem(w, in.Invitation)
	} else {
		proof, err = s.o.Guard.LogIn(r.Context(), w, in.User, in.Password)
	}
	p := s.words(r)
	var wait *guard.WaitError
	switch {
	case err == nil:
		writeJSON(w, http.StatusOK, map[string]string{"session": proof})
	case errors.Is(err, guard.ErrInvitation):
		writeJSON(w, http.StatusForbidden, failure{Error: "invitation", Text: p.Say("web.login.invitation"), Next: []string{p.Say("web.login.invitation.next")}})
	case errors.Is(err, guard.ErrOwner):
		writeJSON(w, http.StatusForbidden, failure{Error: "owner", Text: p.Say("web.login.owner")})
	case errors.As(err, &wait):
		writeJSON(w, http.StatusTooManyRequests, failure{Error: "wait", Text: p.Say("web.login.wait", int(wait.For.Seconds())+1)})
	default:
		s.fail(w, r, err)
	}
}

func (s *Server) serveLogout(w http.ResponseWriter, r *http.Request) {
	if err := s.o.Guard.End(w, r); err != nil {
		s.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
