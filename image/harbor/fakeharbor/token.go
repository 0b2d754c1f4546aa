package fakeharbor

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

const (
	tokenLife   = 1800 * time.Second
	tokenLeeway = 60 * time.Second
)

// serveToken is Harbor's token service. Whoever names a scope gets a token,
// even nobody: only what it is good for differs.
func (s *Server) serveToken(w http.ResponseWriter, r *http.Request, who *identity) {
	if r.Method != http.MethodGet {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	var scopes []string
	for _, part := range r.URL.Query()["scope"] {
		scopes = append(scopes, strings.Fields(part)...)
	}
	if len(scopes) == 0 && !who.known() {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	granted := &identity{user: who.user, robot: who.robot, token: map[string][]string{}, expires: time.Now().Add(tokenLife + tokenLeeway)}
	access := []object{}
	for _, scope := range scopes {
		kind, rest, _ := strings.Cut(scope, ":")
		name := rest
		if i := strings.LastIndex(rest, ":"); i >= 0 {
			name = rest[:i]
		}
		actions := []string{}
		if kind == "repository" {
			actions = s.grant(who, granted, name)
		}
		access = append(access, object{"type": kind, "name": name, "actions": actions})
	}
	claims := object{"iss": "harbor-token-issuer", "aud": r.URL.Query().Get("service"), "exp": time.Now().Add(tokenLife).Unix(), "jti": rand.Text(), "access": access}
	if who.known() {
		claims["sub"] = who.name()
	}
	text := jwt(claims)
	s.tokens[text] = granted
	reply(w, http.StatusOK, object{"token": text, "access_token": "", "expires_in": int(tokenLife / time.Second), "issued_at": time.Now().UTC().Format(time.RFC3339)})
}

// grant gives all that who may do in the project of a repository, not what was
// asked for, and in the whole project.
func (s *Server) grant(who, token *identity, repository string) []string {
	actions := []string{}
	name, _, ok := strings.Cut(repository, "/")
	p := s.project(name)
	if !ok || p == nil {
		return actions
	}
	for _, action := range []string{"pull", "push", "delete"} {
		if s.may(who, p, "repository", action) {
			actions = append(actions, action)
		}
	}
	token.token[p.name] = actions
	return actions
}

// jwt looks like a token, to whom it may concern; its signature is nonsense.
func jwt(claims object) string {
	part := func(o object) string {
		text, err := json.Marshal(o)
		if err != nil {
			misuse("%v", err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	return part(object{"alg": "RS256", "typ": "JWT"}) + "." + part(claims) + "." + base64.RawURLEncoding.EncodeToString([]byte(rand.Text()))
}

// bearer is who a token was given to, with the rights of then: it survives the
// end of a membership, and of a robot.
func (s *Server) bearer(token string) *identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	who := s.tokens[token]
	if who == nil || time.Now().After(who.expires) {
		return &identity{}
	}
	return who
}

// ExpireTokens ends all tokens that have been given out.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}
