package settings

import (
	"fmt"
	"net/mail"
	"slices"
	"time"

	"github.com/jrun-hpc/jrun/quantity"
)

// Leaving is about people who leave.
type Leaving struct {
	NoticesDays []int `toml:"notices_days"` // days before the date on which the leaver has a notice: [90, 30, 7]
	// Undelete is how long everything can be had back: between the date and the removal,
	// and again after the removal; 30d.
	Undelete quantity.Age `toml:"undelete"`
	// HandOver is what becomes of the images: supervisor (copied into the supervisor's
	// project, and into the archive when that cannot be; the default), archive, or both.
	HandOver string `toml:"hand_over"`

	BundleDir      string `toml:"bundle_dir"`      // where bundles are made; "bundles" below Settings.State
	ArchiveDir     string `toml:"archive_dir"`     // where they stay for good; "archive" below Settings.State
	ArchiveProject string `toml:"archive_project"` // of Harbor, which gets copies of what is archived; none without it

	AdminMail   string `toml:"admin_mail"`   // who hears of what fails for trouble_days
	TroubleDays int    `toml:"trouble_days"` // 3
}

const (
	leavingUndelete = 30 * 24 * time.Hour
	leastUndelete   = 24 * time.Hour
	troubleDays     = 3
)

func (l *Leaving) complete(abs func(string) string) error {
	l.BundleDir, l.ArchiveDir = abs(l.BundleDir), abs(l.ArchiveDir)
	if l.NoticesDays == nil {
		l.NoticesDays = []int{90, 30, 7}
	}
	if l.Undelete == 0 {
		l.Undelete = quantity.Age(leavingUndelete)
	}
	if l.HandOver == "" {
		l.HandOver = "supervisor"
	}
	if l.TroubleDays == 0 {
		l.TroubleDays = troubleDays
	}
	switch {
	case slices.ContainsFunc(l.NoticesDays, func(days int) bool { return days < 1 || days > mostDays }):
		return fmt.Errorf("leaving.notices_days is %v: each is a number of days between 1 and %d", l.NoticesDays, mostDays)
	case time.Duration(l.Undelete) < leastUndelete:
		return fmt.Errorf("leaving.undelete is %s: it is a day at least", (&l.Undelete).String())
	case !slices.Contains([]string{"supervisor", "archive", "both"}, l.HandOver):
		return fmt.Errorf("leaving.hand_over is %q, not supervisor, archive or both", l.HandOver)
	case l.TroubleDays < 1 || l.TroubleDays > mostDays:
		return fmt.Errorf("leaving.trouble_days is %d, not between 1 and %d", l.TroubleDays, mostDays)
	case l.BundleDir != "" && l.BundleDir == l.ArchiveDir:
		return fmt.Errorf("leaving.bundle_dir and leaving.archive_dir are both %q", l.BundleDir)
	}
	if _, err := mail.ParseAddress(l.AdminMail); err != nil && l.AdminMail != "" {
		return fmt.Errorf("leaving.admin_mail is %q: %w", l.AdminMail, err)
	}
	return nil
}
