package settings

import "errors"

// People says where people are known: LDAP, or a CSV file.
type People struct {
	CSV  string `toml:"csv"`  // a file as package people describes it
	LDAP LDAP   `toml:"ldap"` // [people.ldap]
}

func (p *People) complete(abs func(string) string) error {
	p.CSV = abs(p.CSV)
	if p.CSV != "" && p.LDAP.URL != "" {
		return errors.New("people.csv and people.ldap.url are both set: people come from one of them")
	}
	return p.LDAP.complete(abs)
}
