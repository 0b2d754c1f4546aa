package people

import (
	"errors"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
)

// Open is the site's directory. It asks nothing yet. Errors are faults.
func Open(s *settings.People) (Directory, error) {
	switch {
	case s.LDAP.URL != "":
		return OpenLDAP(s.LDAP)
	case s.CSV != "":
		return OpenCSV(s.CSV), nil
	}
	return nil, fault.New("cannot tell who there is", errors.New("jadm.toml has neither people.csv nor people.ldap.url"),
		"write one of them into jadm.toml; docs/jadm.toml.md has examples")
}
