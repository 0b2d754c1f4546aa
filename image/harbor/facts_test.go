package harbor_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// tokenClaims are the subject of a token and the actions of its first scope.
func tokenClaims(tgt *target, token string) (subject string, actions []string) {
	tgt.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		tgt.Fatalf("the token is %q", token)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	tgt.check(err)
	var claims struct {
		Subject string `json:"sub"`
		Access  []struct {
			Actions []string `json:"actions"`
		} `json:"access"`
	}
	tgt.check(json.Unmarshal(text, &claims))
	if len(claims.Access) > 0 {
		actions = claims.Access[0].Actions
	}
	return claims.Subject, actions
}

// quotaMessage is what a refused push said, as a body.
func quotaMessage(tgt *target, err error) string {
	tgt.Helper()
	var refused *transport.Error
	if !errors.As(err, &refused) {
		tgt.Fatalf("the push was not refused: %v", err)
	}
	return string(must(json.Marshal(map[string]any{"errors": refused.Errors})))
}
