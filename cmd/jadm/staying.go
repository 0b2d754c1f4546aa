package main

import (
	"context"
	"iter"

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
	left, err := leaving.IsFrozen(s.documents, p.ID)
	p.Disabled = p.Disabled || left
	return p, err
}

// People implements people.Directory.
func (s staying) People(ctx context.Context) iter.Seq2[people.Person, error] {
	return func(yield func(people.Person, error) bool) {
		all, err := s.snapshot(s.Directory)
		if err != nil {
			yield(people.Person{}, err)
			return
		}
		for p, err := range all.People(ctx) {
			if !yield(p, err) {
				return
			}
		}
	}
}

// Snapshot is what people.Snapshot asks for.
func (s staying) Snapshot(ctx context.Context) (people.Directory, error) {
	all, err := people.Snapshot(ctx, s.Directory)
	if err != nil {
		return nil, err
	}
	return s.snapshot(all)
}

// snapshot reads who has left once, for a directory that is asked about many.
func (s staying) snapshot(d people.Directory) (stayed, error) {
	_, ids, err := leaving.FrozenIn(s.documents)
	left := map[string]bool{}
	for _, id := range ids {
		left[id] = true
	}
	return stayed{d, left}, err
}

// stayed is staying, with those who had left at a time.
type stayed struct {
	people.Directory
	left map[string]bool // by ID
}

// Person implements people.Directory.
func (s stayed) Person(ctx context.Context, id string) (people.Person, error) {
	p, err := s.Directory.Person(ctx, id)
	return s.end(p), err
}

// People implements people.Directory.
func (s stayed) People(ctx context.Context) iter.Seq2[people.Person, error] {
	return func(yield func(people.Person, error) bool) {
		for p, err := range s.Directory.People(ctx) {
			if !yield(s.end(p), err) {
				return
			}
		}
	}
}

// end locks the account of somebody who has left.
func (s stayed) end(p people.Person) people.Person {
	p.Disabled = p.Disabled || s.left[p.ID]
	return p
}
