package image

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/store"
	"go.podman.io/image/v5/pkg/docker/config"
)

// user is the account that requests about ref are made with; empty for none.
func (c *Client) user(ref Reference) string {
	auth, err := config.GetCredentialsForRef(&c.base, ref.name)
	if err != nil {
		return ""
	}
	if auth.Username == "" && auth.IdentityToken != "" {
		return "your token"
	}
	return auth.Username
}

// credentialState changes whenever somebody logs in anew.
func (c *Client) credentialState() string {
	var state strings.Builder
	for _, file := range c.authFiles() {
		if info, err := os.Stat(file.path); err == nil {
			fmt.Fprintf(&state, "%s %d %d\n", file.path, info.Size(), info.ModTime().UnixNano())
		}
	}
	return state.String()
}

// loginNote says when jrun last logged in or out: credential helpers keep logins
// where the files' states do not tell.
const loginNote = "login"

// loginState changes with every login that jrun can know of. Failures that may be
// due to a login are remembered for as long as it is the same.
func (c *Client) loginState(st *store.Store) func() string {
	return func() string {
		stamp := ""
		if st != nil {
			_, _ = st.Note(loginNote, "", &stamp) // empty if there was none
		}
		return c.credentialState() + stamp
	}
}

// stampLogin changes the login's state.
func stampLogin(st *store.Store) {
	if st != nil {
		_ = st.SetNote(loginNote, "", time.Now().Format(time.RFC3339Nano)) // failures are forgotten soon anyway
	}
}

// OpenCredentials returns the files with credentials that others than their owner
// may read.
func (c *Client) OpenCredentials() []string {
	var open []string
	for _, file := range c.authFiles() {
		if info, err := os.Stat(file.path); err == nil && info.Size() > 0 && openToOthers(file.path) {
			open = append(open, file.path)
		}
	}
	return open
}
