package vmlease

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
)

// FromSettings is the source that jadm.toml names. client trusts whoever signed the
// portal's certificate. Errors are faults.
func FromSettings(s *settings.Lease, client *http.Client) (Source, error) {
	secret := func(file string) (string, error) {
		if file == "" {
			return "", nil
		}
		return settings.ReadSecret(file)
	}
	password, err := secret(s.PasswordFile)
	if err != nil {
		return nil, err
	}
	token, err := secret(s.TokenFile)
	if err != nil {
		return nil, err
	}
	switch s.Source {
	case "csv":
		return Table{File: s.File, Fields: s.Fields, ShiftJIS: s.Encoding == "shift_jis", Zone: s.Location()}, nil
	case "json":
		return Document{File: s.File, URL: s.URL, web: newWeb(client, token), Items: s.Items, Fields: s.Fields, Zone: s.Location()}, nil
	case "aria":
		base, err := url.Parse(s.URL)
		if err != nil {
			return nil, fault.New("cannot ask for leases", err, "correct lease.url in jadm.toml")
		}
		return &Aria{Base: base, HTTP: client, User: s.User, Password: password, Domain: s.Domain, RefreshToken: token}, nil
	}
	return nil, fault.New("it is not known where leases of VMs are", errors.New("jadm.toml has no lease.source"),
		"name a CSV or JSON file from the portal, or Aria Automation, in [lease] of jadm.toml; docs/jadm.toml.md lists the keys")
}
