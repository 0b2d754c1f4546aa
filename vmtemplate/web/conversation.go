package web

import (
	"context"
	"errors"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
)

// Converse holds the session until ctx ends: on a terminal it ends when the user leaves,
// but a page stays, so that it begins anew then. session makes one on the desk.
func (s *Server) Converse(ctx context.Context, session func() *flow.Session) error {
	for {
		err := session().Run(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !errors.Is(err, flow.ErrInterrupted) && !errors.Is(err, flow.ErrBack) {
			return err
		}
	}
}
