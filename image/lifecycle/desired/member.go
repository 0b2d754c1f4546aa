package desired

import (
	"strings"

	"github.com/jrun-hpc/jrun/image/harbor"
)

// Members are who belongs to a project, by role. An entry is a person's ID; "local:NAME"
// for an account of Harbor's own, which the directory does not have; a group of LDAP, by
// its DN; "group:NAME" for the people whom the directory has in a group now; or
// "everybody", which is everybody whom the directory knows.
type Members struct {
	Admins        []string `toml:"admins"`
	Maintainers   []string `toml:"maintainers"`
	Developers    []string `toml:"developers"`
	Guests        []string `toml:"guests"`
	LimitedGuests []string `toml:"limited_guests"`
}

// everybody stands for all people.
const everybody = "everybody"

// memberList is the entries of one role.
type memberList struct {
	key     string // of the file
	role    harbor.Role
	entries []string
}

// lists are from the highest role to the lowest.
func (m Members) lists() []memberList {
	return []memberList{
		{"admins", harbor.ProjectAdmin, m.Admins}, {"maintainers", harbor.Maintainer, m.Maintainers},
		{"developers", harbor.Developer, m.Developers}, {"guests", harbor.Guest, m.Guests},
		{"limited_guests", harbor.LimitedGuest, m.LimitedGuests},
	}
}

// isDN tells a group of LDAP from a person.
func isDN(entry string) bool { return strings.Contains(entry, "=") }

// expanded is the group whose people are meant one by one.
func expanded(entry string) (group string, ok bool) { return strings.CutPrefix(entry, "group:") }

// local is an account of Harbor's own.
func local(entry string) (name string, ok bool) { return strings.CutPrefix(entry, "local:") }
