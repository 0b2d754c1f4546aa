package upload

import (
	"context"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/opencontainers/go-digest"
)

// TagExistsError is a tag that stands for another image, and may not be moved without
// a yes. It unwraps to a message.Error.
type TagExistsError struct {
	Target Target
	Digest digest.Digest // of what is there; "unknown" if the registry does not say
	told   error
}

func (e *TagExistsError) Error() string { return e.told.Error() }

// Unwrap returns what a person is told.
func (e *TagExistsError) Unwrap() error { return e.told }

func tagExists(t Target, d digest.Digest) error {
	return existing(t, d, message.Of("upload.exists", t.String()))
}

func tagExistsSince(t Target, d digest.Digest, pushed time.Time) error {
	return existing(t, d, message.Of("upload.exists-since", t.String(), message.Time(pushed)))
}

func existing(t Target, d digest.Digest, what message.Text) error {
	return &TagExistsError{Target: t, Digest: d, told: message.Fail(what, nil, message.Of("upload.exists.next"), message.Of("upload.exists.overwrite"))}
}

// QuotaError is a project without room for what is to be sent. It unwraps to a
// message.Error.
type QuotaError struct {
	Project    string
	Need, Left int64 // bytes; Need is 0 when it is not known
	told       error
}

func (e *QuotaError) Error() string { return e.told.Error() }

// Unwrap returns what a person is told.
func (e *QuotaError) Unwrap() error { return e.told }

func quotaError(project string, need, left int64) error {
	what := message.Of("upload.quota", project, message.Bytes(need), message.Bytes(left))
	if need == 0 {
		what = message.Of("upload.full", project)
	}
	return &QuotaError{Project: project, Need: need, Left: left, told: message.Fail(what, nil, message.Of("registry.quota.next"), message.Of("registry.quota.more", project))}
}

// room compares what is to be sent with what the project has left. Harbor counts a
// blob once for each project, and the manifest as well. A registry that does not tell
// is not asked twice.
func (p *pusher) room(ctx context.Context, missing []*blob, manifest int64) error {
	if len(missing) == 0 {
		return nil
	}
	c, ok := p.r.Harbor(ctx)
	if !ok {
		return nil
	}
	need := manifest
	for _, b := range missing {
		need += b.size
	}
	summary, err := c.Summary(ctx, p.o.Target.Project())
	if err != nil || summary.Quota == nil {
		return nil //nolint:nilerr // whoever may push and not see the quota learns of it from the registry
	}
	if left := summary.Quota.Left(); left >= 0 && need > left {
		return quotaError(p.o.Target.Project(), need, left)
	}
	return nil
}
