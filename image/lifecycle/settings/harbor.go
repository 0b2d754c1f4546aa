package settings

import (
	"errors"
	"fmt"
	"net/url"
)

// Harbor says which one, and as whom.
type Harbor struct {
	URL          string `toml:"url"`           // https://harbor.example.ac.jp
	User         string `toml:"user"`          // an administrator of Harbor
	PasswordFile string `toml:"password_file"` // 0600; its first line
	CAFile       string `toml:"ca_file"`       // PEM, if the system does not know who signed Harbor's certificate

	base *url.URL
}

// Base is URL, parsed.
func (h *Harbor) Base() *url.URL { return h.base }

// Host is the registry's name in references: the host, with the port if the URL has one.
func (h *Harbor) Host() string { return h.base.Host }

func (h *Harbor) complete(abs func(string) string) error {
	h.PasswordFile, h.CAFile = abs(h.PasswordFile), abs(h.CAFile)
	base, err := url.Parse(h.URL)
	switch {
	case err != nil:
		return fmt.Errorf("harbor.url: %w", err)
	case h.URL == "":
		return errors.New("harbor.url is missing")
	case base.Host == "" || base.User != nil || base.Scheme != "https" && base.Scheme != "http":
		return fmt.Errorf("harbor.url is %q, not like https://harbor.example.ac.jp", base.Redacted())
	case base.Scheme == "http" && !IsLoopback(base.Hostname()):
		return fmt.Errorf("harbor.url is %q: passwords would be sent in the clear; write https", h.URL)
	case h.User == "":
		return errors.New("harbor.user is missing")
	case h.PasswordFile == "":
		return errors.New("harbor.password_file is missing")
	}
	h.base = base
	return nil
}
