package people

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/fault"
)

// CSV is a directory in a file. It may be used by several goroutines.
type CSV struct {
	path string

	mu     sync.Mutex
	known  []Person
	state  os.FileInfo // of the file when it was read
	parsed bool
}

var _ Directory = (*CSV)(nil)

// OpenCSV is the directory in a file, which is read when somebody is asked for.
func OpenCSV(path string) *CSV { return &CSV{path: path} }

// mostCSV bounds the file, in bytes: 100,000 people have about 10 MB.
const mostCSV = 256 << 20

// all are the people of the file as it is now. A file that cannot be read is an error,
// never nobody.
func (c *CSV) all() ([]Person, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, err := os.Open(c.path)
	if err != nil {
		return nil, fault.Newf(err, "correct people.csv in jadm.toml, or make the file", "cannot read who there is in %s", c.path)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fault.Newf(err, "look at the file: ls -l "+c.path, "cannot read who there is in %s", c.path)
	}
	if c.parsed && os.SameFile(info, c.state) && info.Size() == c.state.Size() && info.ModTime().Equal(c.state.ModTime()) {
		return c.known, nil
	}
	if info.Size() > mostCSV {
		return nil, fault.Newf(fmt.Errorf("it has %d bytes, more than %d", info.Size(), int64(mostCSV)), "is this the right file? people.csv in jadm.toml", "cannot use the people in %s", c.path)
	}
	known, err := ParseCSV(f, time.Local)
	if err == nil && len(known) == 0 {
		err = errNobody
	}
	if err != nil {
		return nil, fault.Newf(err, "correct the file; its columns are: "+strings.Join(columns, ","), "cannot use the people in %s", c.path)
	}
	c.known, c.state, c.parsed = known, info, true
	return known, nil
}

// errNobody is for a directory without anybody in it.
var errNobody = errors.New("there is nobody in it")

// Person looks one up.
func (c *CSV) Person(_ context.Context, id string) (Person, error) {
	all, err := c.all()
	if err != nil {
		return Person{}, err
	}
	i := slices.IndexFunc(all, func(p Person) bool { return strings.EqualFold(p.ID, id) })
	if i < 0 {
		return Person{}, fmt.Errorf("looking for %q in %s: %w", id, c.path, ErrUnknown)
	}
	return all[i].clone(), nil
}

// People are all of them, in the order of the file.
func (c *CSV) People(context.Context) iter.Seq2[Person, error] {
	return func(yield func(Person, error) bool) {
		all, err := c.all()
		if err != nil {
			yield(Person{}, err)
			return
		}
		for _, p := range all {
			if !yield(p.clone(), nil) {
				return
			}
		}
	}
}

// Group is who names it among their groups.
func (c *CSV) Group(_ context.Context, name string) (Group, error) {
	all, err := c.all()
	if err != nil {
		return Group{}, err
	}
	group := Group{GID: -1}
	for _, p := range all {
		if i := slices.IndexFunc(p.Groups, func(g string) bool { return strings.EqualFold(g, name) }); i >= 0 {
			group.DN = p.Groups[i]
			group.Members = append(group.Members, p.ID)
		}
	}
	if group.DN == "" {
		return Group{}, fmt.Errorf("looking for the group %q in %s: %w", name, c.path, ErrUnknown)
	}
	return group, nil
}

func (p Person) clone() Person {
	p.Groups = slices.Clone(p.Groups)
	return p
}
