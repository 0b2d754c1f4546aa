package image

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

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

// authFiles are the files in which credentials are looked for, in that order.
func (c *Client) authFiles() []string {
	if c.opts.AuthFile != "" {
		return []string{c.opts.AuthFile}
	}
	var files []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		files = append(files, filepath.Join(dir, "containers", "auth.json"))
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return files
	}
	configDir := os.Getenv("XDG_CONFIG_HOME")
	if configDir == "" {
		configDir = filepath.Join(home, ".config")
	}
	docker := os.Getenv("DOCKER_CONFIG")
	if docker == "" {
		docker = filepath.Join(home, ".docker")
	}
	return append(files, filepath.Join(configDir, "containers", "auth.json"), filepath.Join(docker, "config.json"))
}

// credentialState changes whenever somebody logs in anew.
func (c *Client) credentialState() string {
	var state strings.Builder
	for _, file := range c.authFiles() {
		if info, err := os.Stat(file); err == nil {
			fmt.Fprintf(&state, "%s %d %d\n", file, info.Size(), info.ModTime().UnixNano())
		}
	}
	return state.String()
}

// OpenCredentials returns the files with credentials that others than their owner
// may read.
func (c *Client) OpenCredentials() []string {
	var open []string
	for _, file := range c.authFiles() {
		info, err := os.Stat(file)
		if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 && info.Size() > 0 {
			open = append(open, file)
		}
	}
	return open
}
