package image

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/docker/distribution/registry/client/auth/challenge"
	"github.com/jrun-hpc/jrun/fault"
	"go.podman.io/image/v5/types"
)

// bearer is a token service, as a registry's challenge names it
// (distribution.github.io/distribution/spec/auth/token).
type bearer struct {
	Realm   string `json:"realm"`
	Service string `json:"service,omitempty"`
}

// bearerOf reads the challenge in an answer; ok is false when there is none.
func bearerOf(response *http.Response) (b bearer, ok bool) {
	for _, c := range challenge.ResponseChallenges(response) {
		if c.Scheme == "bearer" && c.Parameters["realm"] != "" {
			return bearer{Realm: c.Parameters["realm"], Service: c.Parameters["service"]}, true
		}
	}
	return bearer{}, false
}

// LoginError says that a token service has refused a login.
type LoginError struct {
	StatusCode int
	Message    string
	Took       time.Duration
}

func (e *LoginError) Error() string { return e.FaultText().String() }

// FaultText is what the error says.
func (e *LoginError) FaultText() fault.Text {
	if e.Message == "" {
		return fault.Say("the token service answered %d %s", e.StatusCode, http.StatusText(e.StatusCode))
	}
	return fault.Say("the token service answered %d %s: %s", e.StatusCode, http.StatusText(e.StatusCode), e.Message)
}

// token asks for the right to pull from repository; without one, only whether
// the login is right.
func (e *endpoint) token(ctx context.Context, b bearer, auth types.DockerAuthConfig, repository string, userAgent string) (string, error) {
	realm, err := url.Parse(b.Realm)
	if err != nil {
		return "", fmt.Errorf("asking the token service %q: %w", b.Realm, err)
	}
	query := url.Values{}
	if b.Service != "" {
		query.Set("service", b.Service)
	}
	if repository != "" {
		query.Set("scope", "repository:"+repository+":pull")
	}
	method, body := http.MethodGet, ""
	if auth.IdentityToken != "" {
		method = http.MethodPost
		query.Set("grant_type", "refresh_token")
		query.Set("refresh_token", auth.IdentityToken)
		query.Set("client_id", "jrun")
		body = query.Encode()
	} else {
		all := realm.Query()
		for key := range query {
			all.Set(key, query.Get(key))
		}
		if auth.Username != "" {
			all.Set("account", auth.Username)
		}
		realm.RawQuery = all.Encode()
	}
	watch := stopwatch{}
	request, err := http.NewRequestWithContext(watch.on(ctx), method, realm.String(), strings.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("asking the token service: %w", err)
	}
	request.Header.Set("User-Agent", userAgent)
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else if auth.Username != "" {
		request.SetBasicAuth(auth.Username, auth.Password)
	}
	response, err := e.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	if response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden {
		return "", &LoginError{StatusCode: response.StatusCode, Message: messageIn(text), Took: watch.took()}
	}
	if response.StatusCode != http.StatusOK {
		return "", newRefusal(response, text, watch.took())
	}
	return tokenIn(text)
}

// tokenIn reads the answer of a token service. Harbor's access_token is there and
// empty.
func tokenIn(text []byte) (string, error) {
	var answer struct {
		Token  string `json:"token"`
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	if answer.Token == "" {
		answer.Token = answer.Access
	}
	if answer.Token == "" {
		return "", fault.Because("the token service sent no token")
	}
	return answer.Token, nil
}
