package provenance

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
)

// Report is what a job or a person tells the site about an image of a registry
// (store.Tell): that it was used, or that it is cited and must stay. The site knows
// nothing else of what is in users' parts of the store.
type Report struct {
	Version   int           `json:"version"` // of Record
	Kind      ReportKind    `json:"kind"`
	UID       int           `json:"uid"`
	User      string        `json:"user,omitempty"` // for people
	Time      time.Time     `json:"time"`
	Reference string        `json:"reference"`          // in full
	Digest    digest.Digest `json:"digest"`             // of the manifest
	Resolved  digest.Digest `json:"resolved,omitempty"` // what the reference stood for: the same, or an index
	Reason    string        `json:"reason,omitempty"`   // of a pin
	Record    *Record       `json:"record,omitempty"`   // of a use, unless records are kept private
}

// ReportKind says what a report is about.
type ReportKind string

// The kinds.
const (
	Used  ReportKind = "used"
	Pin   ReportKind = "pin"
	Unpin ReportKind = "unpin"
)

// MostReason is how long the reason of a pin may be, in bytes.
const MostReason = 2000

// UseOf is the report of a run; withRecord makes the whole record a part of it.
func UseOf(r Record, withRecord bool) Report {
	report := Report{Version: Version, Kind: Used, UID: r.UID, User: r.User, Time: r.Started,
		Reference: r.Image.Reference, Digest: r.Image.Digest, Resolved: r.Image.Resolved}
	if withRecord {
		report.Record = &r
	}
	return report
}

// Encode is the inverse of ParseReport.
func (r Report) Encode() ([]byte, error) {
	r.Version = Version
	if r.Record != nil {
		whole := *r.Record
		whole.Version, whole.NotUTF8 = Version, whole.NotUTF8 || !whole.isUTF8()
		r.Record = &whole
	}
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encoding a report: %w", err)
	}
	return append(b, '\n'), nil
}

// ParseReport reads a report, which may be anybody's. Where there is a record it is of
// the same user, time and image as the report.
func ParseReport(b []byte) (Report, error) {
	var r Report
	if err := json.Unmarshal(b, &r); err != nil {
		return Report{}, fmt.Errorf("decoding a report: %w", err)
	}
	err := r.check()
	if err == nil && r.Record != nil {
		err = r.checkRecord()
	}
	if err != nil {
		return Report{}, fmt.Errorf("decoding a report: %w", err)
	}
	return r, nil
}

func (r Report) check() error {
	switch {
	case r.Version != Version:
		return fmt.Errorf("it has version %d, this jrun reads version %d", r.Version, Version)
	case r.Kind != Used && r.Kind != Pin && r.Kind != Unpin:
		return fmt.Errorf("it is of the kind %q", r.Kind)
	case r.Time.IsZero() || r.Reference == "":
		return errors.New("it names no time or no image")
	case r.Kind == Pin && r.Reason == "":
		return errors.New("it pins without a reason")
	case len(r.Reason) > MostReason:
		return errors.New("its reason is too long")
	}
	if r.Resolved != "" {
		if err := r.Resolved.Validate(); err != nil {
			return err
		}
	}
	return r.Digest.Validate()
}

func (r Report) checkRecord() error {
	b, err := json.Marshal(r.Record)
	if err != nil {
		return err
	}
	whole, err := Parse(b)
	if err != nil {
		return err
	}
	if same := UseOf(whole, false); r.Kind != Used || same.UID != r.UID || !same.Time.Equal(r.Time) ||
		same.Reference != r.Reference || same.Digest != r.Digest || same.Resolved != r.Resolved {
		return errors.New("its record is about something else")
	}
	return nil
}
