package vmlease

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// layouts are those that portals and spreadsheets write. One without a zone is in the
// site's.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05", "2006-01-02 15:04",
	"2006/1/2 15:04:05", "2006/1/2 15:04", "2006-01-02", "2006/1/2", "2006年1月2日",
}

// secondsEnd is where numbers begin to be milliseconds: the year 5138 in seconds.
const secondsEnd = 100_000_000_000

// moment reads a time; empty for never. A day alone is its beginning, because nobody
// knows when in the day a portal comes round. Numbers are seconds or milliseconds since
// 1970.
func moment(text string, zone *time.Location) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return checkedMoment(t)
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%.80q is no time, such as 2027-03-31 or 2027-03-31T09:00:00+09:00", text)
	}
	if n >= secondsEnd {
		return checkedMoment(time.UnixMilli(n).In(zone))
	}
	return checkedMoment(time.Unix(n, 0).In(zone))
}

// checkedMoment refuses years that JSON cannot write, and those before there were leases: a
// 0 is no end of 1970.
func checkedMoment(t time.Time) (time.Time, error) {
	if t.Year() < 1990 || t.Year() > 9999 {
		return time.Time{}, fmt.Errorf("a lease cannot end in the year %d", t.Year())
	}
	return t.UTC(), nil
}
