package desired

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/image/harbor"
)

// harborName is what Harbor lets projects and robots be called (src/lib/validator).
var harborName = regexp.MustCompile(`^[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

// longestName is Harbor's bound for names of projects, in bytes.
const longestName = 255

func checkName(what, name string) error {
	if len(name) > longestName || !harborName.MatchString(name) {
		return fmt.Errorf("no %s at Harbor is called %q: a name is of lower-case letters and digits, with single . _ - between", what, name)
	}
	return nil
}

// projectOf is the name of a person's project: the ID, in lower case.
func projectOf(id string) string { return strings.ToLower(id) }

var roles = []harbor.Role{harbor.ProjectAdmin, harbor.Maintainer, harbor.Developer, harbor.Guest, harbor.LimitedGuest}

// parseRole reads a role as harbor.Role writes it.
func parseRole(name string) (harbor.Role, error) {
	i := slices.IndexFunc(roles, func(r harbor.Role) bool { return r.String() == name })
	if i < 0 {
		return 0, fmt.Errorf("there is no role %q: write project admin, maintainer, developer, guest or limited guest", name)
	}
	return roles[i], nil
}

// lower reports whether a may do less than b. Roles that Harbor may get some day are
// more than all that are known, so that they are not taken away unasked.
func lower(a, b harbor.Role) bool { return slices.Index(roles, a) > slices.Index(roles, b) }

// normalDN is a DN in the form in which two are compared: Harbor keeps the directory's
// spelling, people write their own.
func normalDN(dn string) string {
	parts := strings.Split(dn, ",")
	for i, part := range parts {
		name, value, _ := strings.Cut(part, "=")
		parts[i] = strings.TrimSpace(name) + "=" + strings.TrimSpace(value)
	}
	return strings.ToLower(strings.Join(parts, ","))
}

// memberKey is whom a membership is for: a person or a group, in any spelling.
type memberKey string

func userKey(id string) memberKey  { return memberKey("u:" + strings.ToLower(id)) }
func groupKey(dn string) memberKey { return memberKey("g:" + normalDN(dn)) }

// user is the ID, in lower case, of a person's key.
func (k memberKey) user() (id string, ok bool) { return strings.CutPrefix(string(k), "u:") }

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
