package guide

import (
	"context"
	"errors"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/registry"
	"github.com/jrun-hpc/jrun/vmtemplate/upload"
	"github.com/jrun-hpc/jrun/vmtemplate/workshop"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
)

// Upload implements flow.Uploader. The session has asked whether a tag may be replaced.
func (e *Engine) Upload(ctx context.Context, name, reference string, report func(flow.Transfer)) (done flow.Uploaded, err error) {
	target, err := upload.ParseTarget(reference)
	if err != nil {
		return done, err
	}
	err = e.in(name, func(w *workspace.Workspace) error {
		report(flow.Transfer{Phase: message.Of("guide.preparing")})
		result, err := e.Shop.Push(ctx, w, workspace.ImageOptions{}, target, workshop.PushOptions{Overwrite: true, Progress: func(p upload.Progress) { report(transfer(p)) }})
		if err != nil {
			return errors.Join(e.pushKind(ctx, target, err), err)
		}
		done = flow.Uploaded{Digest: result.Digest.String(), Sent: result.Counts.Wire}
		return nil
	})
	return done, err
}

func transfer(p upload.Progress) flow.Transfer {
	if p.ToSend == 0 {
		return flow.Transfer{Phase: message.Of("guide.compressing", message.Bytes(p.Compressed))}
	}
	there := p.Existing + p.Mounted
	return flow.Transfer{Phase: message.Of("guide.sending"), Done: p.Sent + there, All: p.ToSend + there, There: there}
}

// pushKind is what the session decides by, of a push that failed.
func (e *Engine) pushKind(ctx context.Context, target upload.Target, err error) error {
	var quota *upload.QuotaError
	if errors.As(err, &quota) {
		return flow.ErrNoSpace
	}
	var refused *registry.RefusalError
	if !errors.As(err, &refused) {
		if registry.Passing(err) {
			return flow.ErrUnreachable
		}
		return nil
	}
	access, unknown := e.Shop.Access()
	if unknown != nil {
		return unknown
	}
	r := e.Shop.Registry(access)
	subject := registry.Subject{Repository: target.Repository, Reference: target.Tag, Method: "PUT"}
	return e.kind(ctx, r, subject, err)
}
