package settings

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/quantity"
)

// Usage is about what is known of images' use, and what goes because of it.
type Usage struct {
	// Names are those by which jobs know the registry, when they are not harbor.url's
	// host alone: an alias, a name with a port.
	Names []string `toml:"names"`

	// LongestJob is how long a job may run. An image of a user's own is taken for in use
	// for so long after a job has started with it, as its end is not known; 31d.
	LongestJob *quantity.Age `toml:"longest_job"`

	// Grace is how long what was pushed stays, whatever the rules say; 24h.
	Grace *quantity.Age `toml:"grace"`

	// UndeleteFor is how long what a rule has removed can be had back: a tag, an object of
	// the store. Until then it takes its room; 30d.
	UndeleteFor *quantity.Age `toml:"undelete_for"`

	// PinsPerUser is how many images one user may pin; 200.
	PinsPerUser int `toml:"pins_per_user"`

	// IgnorePulls: that an image was pulled from Harbor is no use. Say so where a scanner
	// pulls all of them; what jobs use is known in any case.
	IgnorePulls bool `toml:"ignore_pulls"`

	// Keep is the rule for projects that have none of their own.
	Keep Keep `toml:"keep"`
}

// Keep says which tags stay, each for itself; without any all do. Package retention
// explains them.
type Keep struct {
	Last       int           `toml:"keep_last"`
	Hourly     int           `toml:"keep_hourly"`
	Daily      int           `toml:"keep_daily"`
	Weekly     int           `toml:"keep_weekly"`
	Monthly    int           `toml:"keep_monthly"`
	Yearly     int           `toml:"keep_yearly"`
	Within     *quantity.Age `toml:"keep_within"`
	UsedWithin *quantity.Age `toml:"keep_used_within"`
	Pinned     bool          `toml:"keep_pinned"`
	Tags       []string      `toml:"keep_tags"`
}

func (u *Usage) complete(func(string) string) error {
	const day = quantity.Age(24 * time.Hour)
	for _, age := range []struct {
		value     **quantity.Age
		otherwise quantity.Age
	}{{&u.LongestJob, 31 * day}, {&u.Grace, day}, {&u.UndeleteFor, 30 * day}} {
		if *age.value == nil {
			value := age.otherwise
			*age.value = &value
		}
	}
	switch {
	case u.PinsPerUser < 0:
		return errors.New("usage.pins_per_user is less than nothing")
	case min(u.Keep.Last, u.Keep.Hourly, u.Keep.Daily, u.Keep.Weekly, u.Keep.Monthly, u.Keep.Yearly) < 0:
		return errors.New("usage.keep has a number that is less than nothing")
	}
	if u.PinsPerUser == 0 {
		u.PinsPerUser = 200
	}
	for _, name := range u.Names {
		if name == "" || strings.ContainsAny(name, "/ ") {
			return fmt.Errorf("usage.names has %q, which is no registry's name: write harbor.example.ac.jp or harbor:8443", name)
		}
	}
	return nil
}
