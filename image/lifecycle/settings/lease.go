package settings

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"
)

// Lease says where the ends of personal VMs are known, and what is done before them.
type Lease struct {
	Source string `toml:"source"` // csv, json or aria; empty: this site has no leases
	File   string `toml:"file"`   // of csv and json
	URL    string `toml:"url"`    // of aria, and of json where it is no file

	Encoding string            `toml:"encoding"`  // of csv: utf-8 (the default) or shift_jis
	TimeZone string            `toml:"time_zone"` // of times without one, such as Asia/Tokyo; the machine's if empty
	Items    string            `toml:"items"`     // of json: where the list is, such as data.vms; empty: it is the whole
	Fields   map[string]string `toml:"fields"`    // vm, owner, host, ends, destroyed → what they are called in the list

	User         string `toml:"user"`          // of aria
	Domain       string `toml:"domain"`        // of User, if it is of no local account
	PasswordFile string `toml:"password_file"` // 0600; its first line
	TokenFile    string `toml:"token_file"`    // 0600; an API (refresh) token in place of User, or for json a Bearer token
	CAFile       string `toml:"ca_file"`       // PEM, if the system does not know who signed the certificate

	WarnDays []int `toml:"warn_days"` // before the end; 14, 7, 2
	Remind   bool  `toml:"remind"`    // write once, shortly, to those of whom nothing would be lost

	ForgetDays int `toml:"forget_days"` // how long a VM is missing in the list before its reports are forgotten; 7
	ReportDays int `toml:"report_days"` // how old a report of a machine that no list knows may get; 180

	ExtendCommand []string `toml:"extend_command"` // program and arguments that extend a lease; see package vmlease
	ExtendDays    int      `toml:"extend_days"`    // by how much; 7
	ExtendMost    int      `toml:"extend_most"`    // how often; once if left out

	location *time.Location
}

// LeaseFields are those that Fields may name.
var LeaseFields = []string{"vm", "owner", "host", "ends", "destroyed"}

// Location is TimeZone, found.
func (l *Lease) Location() *time.Location { return l.location }

func (l *Lease) complete(abs func(string) string) error {
	l.File, l.PasswordFile, l.TokenFile, l.CAFile = abs(l.File), abs(l.PasswordFile), abs(l.TokenFile), abs(l.CAFile)
	if err := l.completeNumbers(); err != nil {
		return err
	}
	l.location = time.Local
	if l.TimeZone != "" {
		var err error
		if l.location, err = time.LoadLocation(l.TimeZone); err != nil {
			return fmt.Errorf("lease.time_zone: %w", err)
		}
	}
	for name := range l.Fields {
		if !slices.Contains(LeaseFields, name) {
			return fmt.Errorf("lease.fields has %q, which is none of %v", name, LeaseFields)
		}
	}
	return l.completeSource()
}

// mostDays bounds what is counted in days: more is a mistake, or seconds.
const mostDays = 3660

func (l *Lease) completeNumbers() error {
	if l.WarnDays == nil {
		l.WarnDays = []int{14, 7, 2}
	}
	slices.Sort(l.WarnDays)
	l.WarnDays = slices.Compact(l.WarnDays)
	if len(l.WarnDays) == 0 || l.WarnDays[0] < 1 || l.WarnDays[len(l.WarnDays)-1] > mostDays {
		return fmt.Errorf("lease.warn_days is %v, not like [14, 7, 2]", l.WarnDays)
	}
	for _, n := range []struct {
		name     string
		days     *int
		fallback int
	}{{"forget_days", &l.ForgetDays, 7}, {"report_days", &l.ReportDays, 180}, {"extend_days", &l.ExtendDays, 7}, {"extend_most", &l.ExtendMost, 1}} {
		if *n.days == 0 {
			*n.days = n.fallback
		}
		if *n.days < 1 || *n.days > mostDays {
			return fmt.Errorf("lease.%s is %d, not between 1 and %d", n.name, *n.days, mostDays)
		}
	}
	return nil
}

func (l *Lease) completeSource() error {
	if l.URL != "" {
		at, err := url.Parse(l.URL)
		switch {
		case err != nil:
			return fmt.Errorf("lease.url: %w", err)
		case at.Host == "" || at.User != nil || at.Scheme != "https" && at.Scheme != "http":
			return fmt.Errorf("lease.url is %q, not like https://portal.example.ac.jp", at.Redacted())
		case at.Scheme == "http" && !IsLoopback(at.Hostname()):
			return fmt.Errorf("lease.url is %q: it would be asked in the clear; write https", l.URL)
		}
	}
	if l.Encoding != "" && l.Encoding != "utf-8" && l.Encoding != "shift_jis" {
		return fmt.Errorf("lease.encoding is %q, not utf-8 or shift_jis", l.Encoding)
	}
	switch l.Source {
	case "":
		if l.File != "" || l.URL != "" {
			return errors.New("lease.source is missing: csv, json or aria")
		}
	case "csv":
		if l.File == "" {
			return errors.New("lease.file is missing")
		}
	case "json":
		if (l.File == "") == (l.URL == "") {
			return errors.New("lease.file or lease.url must be there, and not both")
		}
	case "aria":
		if l.URL == "" {
			return errors.New("lease.url is missing")
		}
		if (l.TokenFile == "") == (l.User == "" || l.PasswordFile == "") {
			return errors.New("lease.token_file must be there, or lease.user and lease.password_file")
		}
	default:
		return fmt.Errorf("lease.source is %q, not csv, json or aria", l.Source)
	}
	return nil
}
