package retention

import (
	"fmt"
	"path"
	"time"
)

// Rules say which tags of a repository stay. The zero value keeps everything.
type Rules struct {
	Last                                   int // tags that were pushed last
	Hourly, Daily, Weekly, Monthly, Yearly int // the last tag of each of so many hours, …

	Within     time.Duration // pushed less long ago
	UsedWithin time.Duration // used, or pushed, less long ago
	Pinned     bool          // all tags of what is cited, not only the last
	Tags       []string      // patterns of names, as path.Match has them
}

// IsEmpty reports whether no rule would keep anything, so that everything stays: keeping
// what is pinned alone is no reason to remove all else.
func (r Rules) IsEmpty() bool {
	return max(r.Last, r.Hourly, r.Daily, r.Weekly, r.Monthly, r.Yearly) == 0 && r.Within == 0 && r.UsedWithin == 0 && len(r.Tags) == 0
}

// Check refuses rules that mean nothing.
func (r Rules) Check() error {
	if min(r.Last, r.Hourly, r.Daily, r.Weekly, r.Monthly, r.Yearly) < 0 || r.Within < 0 || r.UsedWithin < 0 {
		return fmt.Errorf("a rule keeps less than nothing")
	}
	for _, pattern := range r.Tags {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("keep_tags has %q, which is no pattern: write v* or release-?", pattern)
		}
	}
	return nil
}

// Safety is what holds whatever the rules say.
type Safety struct {
	Grace      time.Duration // what was pushed less long ago stays
	LongestJob time.Duration // a job that began less long ago may still run
}

// bucket keeps the last tag of each of so many spans of time.
type bucket struct {
	left int
	name string
	span func(time.Time) int
	last int
}

func (r Rules) buckets() []*bucket {
	return []*bucket{
		{r.Last, "last", nil, 0},
		{r.Hourly, "hourly", func(t time.Time) int { return t.Year()*1_000_000 + int(t.Month())*10_000 + t.Day()*100 + t.Hour() }, -1},
		{r.Daily, "daily", func(t time.Time) int { return t.Year()*10_000 + int(t.Month())*100 + t.Day() }, -1},
		{r.Weekly, "weekly", func(t time.Time) int { year, week := t.ISOWeek(); return year*100 + week }, -1},
		{r.Monthly, "monthly", func(t time.Time) int { return t.Year()*100 + int(t.Month()) }, -1},
		{r.Yearly, "yearly", func(t time.Time) int { return t.Year() }, -1},
	}
}

// keeps reports whether the next tag, of tags from the newest, is kept.
func (b *bucket) keeps(pushed time.Time) bool {
	if b.left == 0 {
		return false
	}
	if b.span != nil {
		span := b.span(pushed)
		if span == b.last {
			return false
		}
		b.last = span
	}
	b.left--
	return true
}
