package main

import (
	"context"
	"iter"
	"slices"

	"github.com/jrun-hpc/jrun/image/lifecycle/leaving"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

// staying is the directory for those who give rights: who has left by jadm user leave is
// over, even if the directory has not heard of it. Without it jadm apply would make
// again what leaving has taken away.
type staying struct {
	people.Directory
	documents state.Dir
}

// Person implements people.Directory.
func (s staying) Person(ctx context.Context, id string) (people.Person, error) {
	p, err := s.Directory.Person(ctx, id)
	if err != nil {
		return p, err
	}
	_, ids, err := leaving.FrozenIn(s.documents)
	return end(p, ids), err
}

// People implements people.Directory.
func (s staying) People(ctx context.Context) iter.Seq2[people.Person, error] {
	return func(yield func(people.Person, error) bool) {
		_, ids, err := leaving.FrozenIn(s.documents)
		if err != nil {
			yield(people.Person{}, err)
			return
		}
		for p, err := range s.Directory.People(ctx) {
			if !yield(end(p, ids), err) {
				return
			}
		}
	}
}

// end locks the account of somebody who has left.
func end(p people.Person, left []string) people.Person {
	if slices.Contains(left, p.ID) {
		p.Disabled = true
	}
	return p
}
