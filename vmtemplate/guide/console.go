package guide

import (
	"fmt"
	"io"
	"os"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/inside"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
)

// session is a run on a console: on a terminal of its own where a person types, and
// on pipes where lines come from a file.
func session(c flow.Console) (s workspace.Session, done func(), err error) {
	if !c.Interactive() {
		return piped(c)
	}
	sizes, ended := make(chan inside.Size), make(chan struct{})
	size := func() inside.Size {
		columns, rows := c.Size()
		return inside.Size{Rows: uint16(rows), Columns: uint16(columns)}
	}
	go func() {
		for {
			select {
			case <-ended:
				return
			case <-c.Resized():
			}
			select {
			case <-ended:
				return
			case sizes <- size():
			}
		}
	}()
	s.Terminal = &inside.Terminal{In: io.NopCloser(c), Out: c, Size: size(), Sizes: sizes}
	return s, func() { close(ended) }, nil
}

// piped copies lines in and output out.
func piped(c flow.Console) (s workspace.Session, done func(), err error) {
	in, typed, err := os.Pipe()
	if err != nil {
		return s, nil, fmt.Errorf("making a pipe: %w", err)
	}
	said, out, err := os.Pipe()
	if err != nil {
		in.Close()
		typed.Close()
		return s, nil, fmt.Errorf("making a pipe: %w", err)
	}
	go func() {
		_, _ = io.Copy(typed, c)
		typed.Close()
	}()
	all := make(chan struct{})
	go func() {
		defer close(all)
		_, _ = io.Copy(c, said)
	}()
	s.Stdin, s.Stdout, s.Stderr = in, out, out
	return s, func() {
		in.Close()
		out.Close()
		<-all
		said.Close()
	}, nil
}
