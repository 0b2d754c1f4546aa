package desired

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/quantity"
)

// Robot is an account for programs in one project, such as the compute nodes.
type Robot struct {
	// Rights are pull, push, or Harbor's own names such as artifact:read; pull alone
	// if empty.
	Rights []string `toml:"rights"`
	// Days is its life, after which Harbor refuses it; -1 for ever. 90 if it is left
	// out.
	Days int64 `toml:"days"`
	// RenewBefore is how long before its end jadm renews it; a sixth of its life if it
	// is left out.
	RenewBefore quantity.Age `toml:"renew_before"`
	// KeepSecret makes the renewal prolong its life only. Set it where the secret has
	// been copied to places that jadm cannot write.
	KeepSecret bool `toml:"keep_secret"`
	// Credential is the file for its login, with {project} and {robot} in it; empty for
	// one in jadm's state.
	Credential string `toml:"credential"`
}

// defaultDays is a robot's life.
const defaultDays = 90

const day = 24 * time.Hour

// renewBefore is RenewBefore, or its default.
func (r *Robot) renewBefore() time.Duration {
	if r.RenewBefore > 0 {
		return time.Duration(r.RenewBefore)
	}
	return time.Duration(r.Days) * day / 6
}

// access are the rights as Harbor writes them, sorted.
func (r *Robot) access() []harbor.Access {
	var all []harbor.Access
	for _, right := range r.Rights {
		resource, action, ok := strings.Cut(right, ":")
		if !ok {
			resource, action = "repository", right
		}
		all = append(all, harbor.Access{Resource: resource, Action: action})
	}
	return sortedAccess(all)
}

func sortedAccess(all []harbor.Access) []harbor.Access {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b harbor.Access) int { return strings.Compare(rightOf(a), rightOf(b)) })
	return slices.Compact(all)
}

// rightOf is one right as the file writes it.
func rightOf(a harbor.Access) string {
	if a.Resource == "repository" {
		return a.Action
	}
	return a.Resource + ":" + a.Action
}

func rights(all []harbor.Access) string {
	var names []string
	for _, a := range sortedAccess(all) {
		names = append(names, rightOf(a))
	}
	return strings.Join(names, ", ")
}

// life is a number of days for people.
func life(days int64) string {
	if days < 0 {
		return "for ever"
	}
	return fmt.Sprintf("%d days", days)
}
