package mirror

import (
	"context"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/people"
)

// crowdLife is how long what the directory said of everybody is believed.
const crowdLife = 5 * time.Minute

// crowd is the directory for a round, which asks for nearly everybody: it asks once for
// all of them, again after a while, and not at all when nobody is asked for.
type crowd struct {
	of  Directory // may be nil
	now func() time.Time

	all   Directory
	asked time.Time
}

var _ Directory = (*crowd)(nil)

// whole is everybody; of itself where the directory can only tell one by one.
func (c *crowd) whole(ctx context.Context) (Directory, error) {
	if c.all != nil && c.now().Sub(c.asked) < crowdLife {
		return c.all, nil
	}
	c.all = c.of
	if d, ok := c.of.(people.Directory); ok {
		all, err := people.Snapshot(ctx, d)
		if err != nil {
			c.all = nil
			return nil, err
		}
		c.all = all
	}
	c.asked = c.now()
	return c.all, nil
}

// Person looks one up.
func (c *crowd) Person(ctx context.Context, id string) (people.Person, error) {
	all, err := c.whole(ctx)
	if err != nil {
		return people.Person{}, err
	}
	return all.Person(ctx, id)
}

// Group looks one up.
func (c *crowd) Group(ctx context.Context, dn string) (people.Group, error) {
	all, err := c.whole(ctx)
	if err != nil {
		return people.Group{}, err
	}
	return all.Group(ctx, dn)
}
