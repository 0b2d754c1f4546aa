package harbor

import (
	"context"
	"strings"
)

// Harbor's words when it refuses a push with DENIED (readonly/readonly.go,
// pkg/quota/errors.go).
const (
	saysReadOnly = "The system is in read only mode"
	saysQuota    = "adding " // so many bytes of storage resource, which …
)

// forbidden explains a 403. It is about pushes; nothing of it can be repeated,
// so without Harbor's words its state must do.
func (d *detective) forbidden(ctx context.Context) Cause {
	switch {
	case d.reading():
		return Unknown
	case strings.HasPrefix(d.found.Message, saysReadOnly):
		return ReadOnly
	case strings.HasPrefix(d.found.Message, saysQuota):
		d.found.Quota, d.found.Err = d.quota(ctx)
		return QuotaExceeded
	}
	info, err := d.hasty().SystemInfo(ctx)
	if err == nil && info.ReadOnly {
		return ReadOnly
	}
	quota, err := d.quota(ctx)
	if quota != nil && quota.Left() == 0 {
		d.found.Quota = quota
		return QuotaExceeded
	}
	d.found.Err = err
	return Unknown
}

// quota is nil when there is none, or it may not be seen.
func (d *detective) quota(ctx context.Context) (*Usage, error) {
	summary, err := d.hasty().Summary(ctx, d.q.Project)
	return summary.Quota, err
}
