package upload

import (
	"context"
	"net/http"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/registry"
	"github.com/opencontainers/go-digest"
)

// Kind is what a Finding is about.
type Kind int

// Kinds of findings.
const (
	// Refused is a registry that would not take the image: no right, no project, no
	// login, read-only, ill. Finding.Cause says which, where it is a Harbor.
	Refused Kind = iota + 1
	// Exists is a tag that stands for an image: to be replaced, or not.
	Exists
	// Immutable is one that must not be replaced.
	Immutable
	// NoRoom is a project with less room than the image needs.
	NoRoom
	// LittleRoom is a project that would be nearly full.
	LittleRoom
)

// Finding is something that a person should know before an upload.
type Finding struct {
	Kind Kind
	// Stops is when the upload cannot go well; the others are questions.
	Stops bool
	// Cause of a refusal; harbor.NotHarbor and Unknown tell nothing.
	Cause harbor.Cause
	// Err says what it is, and what to do about it: a message.Error.
	Err error
}

// Answer is yes, no, or that it cannot be told.
type Answer int

// Answers.
const (
	Unknown Answer = iota
	Yes
	No
)

// Tag is what the target stands for now.
type Tag struct {
	Digest    digest.Digest // "unknown" when the registry does not say
	Pushed    time.Time     // zero when it is not known
	Size      int64         // bytes, compressed; 0 when it is not known
	Immutable Answer
}

// Report is what Inspect has found out.
type Report struct {
	Harbor  bool
	MayPush Answer
	Tag     *Tag          // nil: the tag is free, or it could not be seen
	Quota   *harbor.Usage // nil: there is none, or it may not be seen
	// Findings are in the order in which they are to be told.
	Findings []Finding
}

// Stops is the first finding with which the upload cannot go well; nil if there is none.
func (r Report) Stops() *Finding {
	for i := range r.Findings {
		if r.Findings[i].Stops {
			return &r.Findings[i]
		}
	}
	return nil
}

// nearlyFullPercent of a quota is when Harbor begins to warn its administrators.
const nearlyFullPercent = 85

// Inspect asks whether an image of so many bytes (compressed; 0 if that is not known)
// could be uploaded, and sends none. The error is of ctx only: all else is a finding.
// It may ask for another login, as Push does.
func Inspect(ctx context.Context, bytes int64, o Options) (Report, error) {
	i := &inspection{o: o, r: o.registry(), bytes: bytes}
	i.may(ctx)
	if i.report.MayPush != No {
		i.tag(ctx)
		i.room(ctx)
	}
	return i.report, ctx.Err()
}

type inspection struct {
	o      Options
	r      *registry.Registry
	bytes  int64
	report Report
}

func (i *inspection) found(kind Kind, stops bool, err error) {
	i.report.Findings = append(i.report.Findings, Finding{Kind: kind, Stops: stops, Err: err})
}

// may begins an upload and ends it: that is what is refused to whoever may not push,
// by every registry, and by a Harbor that is read-only.
func (i *inspection) may(ctx context.Context) {
	t := i.o.Target
	path := "/v2/" + t.Repository + "/blobs/uploads/"
	scopes := []string{registry.Scope(t.Repository, "pull", "push")}
	got, err := i.r.Patiently(ctx, registry.Request{Method: http.MethodPost, Path: path, Scopes: scopes, Wanted: []int{http.StatusAccepted}})
	_, i.report.Harbor = i.r.Harbor(ctx)
	if err != nil {
		i.report.MayPush = No
		subject := registry.Subject{Repository: t.Repository, Reference: t.Tag, Method: http.MethodPost}
		cause := i.r.Cause(ctx, subject, err)
		i.report.Findings = append(i.report.Findings, Finding{Kind: Refused, Stops: true, Cause: cause, Err: i.r.Explain(ctx, subject, err)})
		return
	}
	i.report.MayPush = Yes
	if at, err := i.r.Location(got); err == nil {
		// Harbor lets only those who may delete; its registry removes it by itself.
		_, _ = i.r.Do(ctx, registry.Request{Method: http.MethodDelete, URL: at, Scopes: scopes, Optional: true, Wanted: []int{http.StatusNoContent}})
	}
}

// tag looks at what the target stands for.
func (i *inspection) tag(ctx context.Context) {
	t := i.o.Target
	d, err := tagged(ctx, i.r, t)
	if err != nil {
		subject := registry.Subject{Repository: t.Repository, Reference: t.Tag, Method: http.MethodHead}
		i.report.Findings = append(i.report.Findings, Finding{Kind: Refused, Stops: true, Cause: i.r.Cause(ctx, subject, err), Err: i.r.Explain(ctx, subject, err)})
		return
	}
	if d == "" {
		return
	}
	i.report.Tag = &Tag{Digest: d}
	i.details(ctx)
	switch {
	case i.report.Tag.Immutable == Yes:
		i.found(Immutable, true, message.Fail(message.Of("registry.immutable", t.String()), nil, message.Of("registry.immutable.next")))
	case i.report.Tag.Pushed.IsZero():
		i.found(Exists, false, tagExists(t, d))
	default:
		i.found(Exists, false, tagExistsSince(t, d, i.report.Tag.Pushed))
	}
}

// details are what a Harbor knows besides.
func (i *inspection) details(ctx context.Context) {
	c, ok := i.r.Harbor(ctx)
	if !ok {
		return
	}
	t := i.o.Target
	artifact, err := c.Artifact(ctx, t.Project(), t.repository(), t.Tag)
	if err != nil {
		return // robots may not see it
	}
	tag := i.report.Tag
	tag.Digest, tag.Size, tag.Pushed, tag.Immutable = artifact.Digest, artifact.SizeBytes, artifact.Pushed, No
	for _, known := range artifact.Tags {
		if known.Name == t.Tag {
			tag.Pushed = known.Pushed
			if known.Immutable {
				tag.Immutable = Yes
			}
		}
	}
}

// room looks at the project's quota.
func (i *inspection) room(ctx context.Context) {
	c, ok := i.r.Harbor(ctx)
	if !ok {
		return
	}
	summary, err := c.Summary(ctx, i.o.Target.Project())
	if err != nil || summary.Quota == nil || summary.Quota.Left() < 0 {
		return
	}
	q := summary.Quota
	i.report.Quota = q
	switch left := q.Left(); {
	case left == 0 || i.bytes > left:
		i.found(NoRoom, true, quotaError(i.o.Target.Project(), i.bytes, left))
	case (q.Used.StorageBytes+i.bytes)*100 >= q.Hard.StorageBytes*nearlyFullPercent:
		i.found(LittleRoom, false, message.Fail(message.Of("upload.little-room", i.o.Target.Project(), message.Bytes(left)), nil, message.Of("registry.quota.next")))
	}
}
