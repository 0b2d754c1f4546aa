package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/provenance"
	"github.com/jrun-hpc/jrun/image/store"
)

// isOfRegistry reports whether a record is of an image that somebody else may remove
// from where it came: only of those the site is told.
func (s *session) isOfRegistry(r provenance.Record) bool {
	if r.Image.Source == provenance.FromFile || r.Image.Digest == "" {
		return false
	}
	ref, err := image.ParseReference(r.Image.Reference)
	return err == nil && ref.Kind() == image.Registry
}

// sharesRecords reports whether the site may have copies of records, and not only know
// which image was used when.
func (c config) sharesRecords() bool { return c.ShareRecords == nil || *c.ShareRecords }

// tellUse tells the site of a run, whose record this process has written for all others
// of the job. It must not keep a job from running.
func (s *session) tellUse(r provenance.Record) {
	report, err := provenance.UseOf(r, s.config.sharesRecords()).Encode()
	if err == nil && len(report) > store.MostReportBytes {
		report, err = provenance.UseOf(r, false).Encode()
	}
	if err == nil {
		err = s.store.Tell(report)
	}
	s.mentionUntold(err)
}

// tellUseOnce tells the site of a use that left no record, at most once a day.
func (s *session) tellUseOnce(r provenance.Record) {
	report, err := provenance.UseOf(r, false).Encode()
	if err == nil {
		err = s.store.TellOnce(r.Image.Reference+"@"+r.Image.Digest.String(), report)
	}
	s.mentionUntold(err)
}

func (s *session) mentionUntold(err error) {
	if err != nil && !errors.Is(err, store.ErrNobodyToTell) {
		s.report.detail("the site does not know of this run: " + err.Error())
	}
}

// errNotOfRegistry says that there is nothing to tell a site.
var errNotOfRegistry = fmt.Errorf("the image is of no registry: %w", store.ErrNobodyToTell)

// tellPin asks the site to keep, or not to keep any longer, an image of a registry: its
// tag there, and its object in the site's part of the store. name is what was typed,
// which may be a digest: then it is the image that the object was made from.
func (s *session) tellPin(kind provenance.ReportKind, object store.Object, name, reason string) error {
	reference := object.Meta.Reference
	if ref, err := image.ParseReference(name); err == nil && ref.Kind() == image.Registry && !isDigestHead(name) {
		if canonical, err := s.client.Canonical(ref); err == nil {
			reference = canonical
		}
	}
	if ref, err := image.ParseReference(reference); err != nil || ref.Kind() != image.Registry {
		return errNotOfRegistry
	}
	resolved := object.Meta.Index
	if resolved == "" {
		resolved = object.Digest
	}
	report, err := provenance.Report{
		Kind: kind, UID: os.Getuid(), User: cmp.Or(os.Getenv("LOGNAME"), os.Getenv("USER")), Time: time.Now().UTC(),
		Reference: reference, Digest: object.Digest, Resolved: resolved, Reason: reason,
	}.Encode()
	if err != nil {
		return err
	}
	return s.store.Tell(report)
}
