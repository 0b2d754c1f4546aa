package settings_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLeaving(t *testing.T) {
	s, err := load(t, minimal)
	if err != nil {
		t.Fatal(err)
	}
	if l := s.Leaving; len(l.NoticesDays) != 3 || time.Duration(l.Undelete) != 30*24*time.Hour || l.HandOver != "supervisor" || l.TroubleDays != 3 {
		t.Errorf("without a word it is %+v", l)
	}
	s, err = load(t, minimal+"[leaving]\nnotices_days = []\nundelete = \"60d\"\narchive_dir = \"a\"\nadmin_mail = \"a@example.ac.jp\"\n")
	if err != nil {
		t.Fatal(err)
	}
	if l := s.Leaving; len(l.NoticesDays) != 0 || time.Duration(l.Undelete) != 60*24*time.Hour || l.ArchiveDir != filepath.Join(filepath.Dir(s.File()), "a") {
		t.Errorf("it is %+v", l)
	}
	for name, tt := range map[string]struct{ line, why string }{
		"no notice":       {"notices_days = [30, 0]", "notices_days"},
		"no undelete":     {"undelete = \"1h\"", "a day at least"},
		"hand-over":       {"hand_over = \"nobody\"", "not supervisor"},
		"one directory":   {"bundle_dir = \"/b\"\narchive_dir = \"/b\"", "are both"},
		"no mail address": {"admin_mail = \"nobody\"", "admin_mail"},
		"never told":      {"trouble_days = -1", "trouble_days"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := load(t, minimal+"[leaving]\n"+tt.line+"\n"); err == nil || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("it says %v", err)
			}
		})
	}
}
