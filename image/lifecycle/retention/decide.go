package retention

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
)

// Item is a tag of a repository, or an artifact that has none any more.
type Item struct {
	Repository string          `json:"repository"`    // within the project
	Tag        string          `json:"tag,omitempty"` // empty for an artifact without any
	Digest     digest.Digest   `json:"digest"`
	Children   []digest.Digest `json:"children,omitempty"` // of an index
	SizeBytes  int64           `json:"sizeBytes"`
	Pushed     time.Time       `json:"pushed"`
	Used       time.Time       `json:"used,omitzero"` // by a job or a pull; zero if that is not known
	Running    bool            `json:"running,omitempty"`
	Immutable  bool            `json:"immutable,omitempty"`
	Pin        string          `json:"pin,omitempty"` // why it is cited
}

// Name is the item as people write it.
func (i Item) Name() string {
	if i.Tag == "" {
		return i.Repository + "@" + i.Digest.String()
	}
	return i.Repository + ":" + i.Tag
}

// Verdict is what becomes of an item.
type Verdict struct {
	Item
	Keep bool     `json:"keep"`
	Why  []string `json:"why"` // each rule that keeps it; or why none does
}

// Decide says what becomes of the items of one repository at the time now, in whose
// location days and months begin. The verdicts come back with the newest first. It is a
// function of its arguments.
func Decide(items []Item, r Rules, s Safety, now time.Time) []Verdict {
	items = slices.Clone(items)
	slices.SortFunc(items, func(a, b Item) int {
		return cmp.Or(b.Pushed.Compare(a.Pushed), cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.Digest, b.Digest))
	})
	verdicts := make([]Verdict, len(items))
	buckets := r.buckets()
	for i, item := range items {
		v := Verdict{Item: item}
		if r.IsEmpty() {
			v.Why = append(v.Why, "no rule removes anything here")
		}
		if item.Tag != "" {
			v.Why = append(v.Why, byTime(item, buckets, now)...)
			v.Why = append(v.Why, byName(item, r.Tags)...)
		}
		v.Why = append(v.Why, byAge(item, r, now)...)
		v.Why = append(v.Why, inAnyCase(item, s, now)...)
		if item.Pin != "" && (r.Pinned || item.Tag == "") {
			v.Why = append(v.Why, "cited: "+item.Pin)
		}
		v.Keep = len(v.Why) > 0
		verdicts[i] = v
	}
	keepLastOfCited(verdicts)
	for i, v := range verdicts {
		if !v.Keep {
			verdicts[i].Why = []string{whyNot(v.Item, now)}
		}
	}
	return verdicts
}

func byTime(item Item, buckets []*bucket, now time.Time) []string {
	var why []string
	for _, b := range buckets {
		if b.keeps(item.Pushed.In(now.Location())) {
			why = append(why, b.name)
		}
	}
	return why
}

func byName(item Item, patterns []string) []string {
	for _, pattern := range patterns {
		if ok, err := path.Match(pattern, item.Tag); ok && err == nil {
			return []string{"its name is like " + pattern}
		}
	}
	return nil
}

func byAge(item Item, r Rules, now time.Time) []string {
	var why []string
	if r.Within > 0 && now.Sub(item.Pushed) < r.Within {
		why = append(why, "pushed "+ago(item.Pushed, now))
	}
	if r.UsedWithin > 0 {
		switch {
		case now.Sub(item.Used) < r.UsedWithin:
			why = append(why, "used "+ago(item.Used, now))
		case now.Sub(item.Pushed) < r.UsedWithin:
			why = append(why, "pushed "+ago(item.Pushed, now)+", which counts as a use")
		}
	}
	return why
}

// inAnyCase is what no rule can remove.
func inAnyCase(item Item, s Safety, now time.Time) []string {
	var why []string
	if now.Sub(item.Pushed) < s.Grace {
		why = append(why, "only just pushed")
	}
	switch {
	case item.Running:
		why = append(why, "a job is using it")
	case now.Sub(item.Used) < s.LongestJob:
		why = append(why, "a job may still be using it")
	}
	if item.Immutable {
		why = append(why, "immutable in Harbor")
	}
	return why
}

// keepLastOfCited lets a cited digest have a name: the newest, if no other is kept.
func keepLastOfCited(verdicts []Verdict) {
	named := map[digest.Digest]bool{}
	for _, v := range verdicts {
		if v.Keep && v.Tag != "" {
			named[v.Digest] = true
		}
	}
	for i, v := range verdicts {
		if v.Pin != "" && v.Tag != "" && !named[v.Digest] {
			named[v.Digest] = true
			verdicts[i].Keep = true
			verdicts[i].Why = append(verdicts[i].Why, "the last tag of what is cited: "+v.Pin)
		}
	}
}

func whyNot(item Item, now time.Time) string {
	var words []string
	if item.Tag == "" {
		words = append(words, "it has no tag any more")
	}
	if item.Used.IsZero() {
		words = append(words, "never used, pushed "+ago(item.Pushed, now))
	} else {
		words = append(words, "last used "+ago(item.Used, now))
	}
	return strings.Join(words, "; ")
}

// ago is a time before now, in whole days.
func ago(t, now time.Time) string {
	switch days := int(now.Sub(t).Hours() / 24); {
	case now.Before(t):
		return "at a time to come"
	case days == 0:
		return "today"
	case days == 1:
		return "1 day ago"
	default:
		return fmt.Sprintf("%d days ago", days)
	}
}
