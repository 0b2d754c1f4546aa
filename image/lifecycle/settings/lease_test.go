package settings_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLease(t *testing.T) {
	s, err := load(t, minimal+"[lease]\nsource = 'csv'\nfile = 'leases.csv'\ntime_zone = 'Asia/Tokyo'\nwarn_days = [7, 1, 7, 30]\n")
	if err != nil {
		t.Fatal(err)
	}
	if s.Lease.File != filepath.Join(filepath.Dir(s.File()), "leases.csv") || s.Lease.Location().String() != "Asia/Tokyo" {
		t.Errorf("read as %+v", s.Lease)
	}
	if diff := cmp.Diff([]int{1, 7, 30}, s.Lease.WarnDays); diff != "" {
		t.Errorf("days (-want +got):\n%s", diff)
	}
	s, err = load(t, minimal)
	if err != nil || s.Lease.Source != "" || s.Lease.ForgetDays != 7 || s.Lease.Location() != time.Local || len(s.Lease.WarnDays) != 3 {
		t.Errorf("without a section: %+v, %v", s.Lease, err)
	}
}

func TestLeaseMistakes(t *testing.T) {
	for text, why := range map[string]string{
		"source = 'xml'":  "not csv, json or aria",
		"file = 'x'":      "lease.source is missing",
		"source = 'csv'":  "lease.file is missing",
		"source = 'json'": "lease.file or lease.url",
		"source = 'json'\nfile = 'x'\nurl = 'https://x'": "not both",
		"source = 'aria'":                    "lease.url is missing",
		"source = 'aria'\nurl = 'https://x'": "lease.token_file must be there",
		"source = 'aria'\nurl = 'https://x'\nuser='u'\npassword_file='p'\ntoken_file='t'": "lease.token_file must be there",
		"source = 'aria'\nurl = 'http://x.example'\ntoken_file='t'":                       "in the clear",
		"source = 'aria'\nurl = 'https://u:geheim@x'\ntoken_file='t'":                     "not like",
		"fields = {vms = 'x'}":  `"vms"`,
		"time_zone = 'Nowhere'": "lease.time_zone",
		"encoding = 'euc'":      "utf-8 or shift_jis",
		"warn_days = []":        "lease.warn_days",
		"warn_days = [0]":       "lease.warn_days",
		"warn_days = [1000000]": "lease.warn_days",
		"forget_days = -1":      "lease.forget_days",
		"extend_most = 1000000": "lease.extend_most",
	} {
		_, err := load(t, minimal+"[lease]\n"+text+"\n")
		if err == nil || !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
