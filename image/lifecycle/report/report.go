package report

import (
	"cmp"
	"slices"
	"time"
)

// Report is how much room everything takes.
type Report struct {
	Time     time.Time `json:"time"`
	Harbor   string    `json:"harbor"`
	Store    string    `json:"store,omitempty"`
	Projects []Project `json:"projects"` // the largest first
	People   []Person  `json:"people"`   // the largest first
	Ages     []Age     `json:"ages"`     // the youngest first
	// Unreadable is how many users' own parts of the store could not be looked into.
	Unreadable int      `json:"unreadable"`
	Missing    []string `json:"missing,omitempty"` // what else is not known, and why
}

// Project is one of Harbor's, with its part of the store.
type Project struct {
	Name         string    `json:"name"`
	Owner        string    `json:"owner"`
	HarborBytes  int64     `json:"harborBytes"` // as its quota counts: shared layers once
	QuotaBytes   int64     `json:"quotaBytes"`  // -1 for none
	SumBytes     int64     `json:"sumBytes"`    // of its images, each for itself
	Images       int       `json:"images"`
	Tags         int       `json:"tags"`
	Objects      int       `json:"objects"`      // in the store
	StoreBytes   int64     `json:"storeBytes"`   // theirs
	DeletedBytes int64     `json:"deletedBytes"` // of those that can be had back
	LastPush     time.Time `json:"lastPush,omitzero"`
	LastUse      time.Time `json:"lastUse,omitzero"`
}

// Total is what the project takes on both sides.
func (p Project) Total() int64 { return p.HarborBytes + p.StoreBytes + p.DeletedBytes }

// Person is somebody who owns projects or a part of the store.
type Person struct {
	Name        string `json:"name"`
	Projects    int    `json:"projects"`
	HarborBytes int64  `json:"harborBytes"`
	StoreBytes  int64  `json:"storeBytes"` // in the site's part, with what is deleted
	OwnBytes    int64  `json:"ownBytes"`   // in their own part, if that can be read
}

// Total is all of it.
func (p Person) Total() int64 { return p.HarborBytes + p.StoreBytes + p.OwnBytes }

// Age is what was last used so long ago.
type Age struct {
	Days     int   `json:"days"` // less than so many; 0 for longer than all others
	SumBytes int64 `json:"sumBytes"`
	Images   int   `json:"images"`
}

// ageDays are the ends of the ages, in days.
var ageDays = []int{30, 90, 180, 365, 730, 0}

func newAges() []Age {
	var all []Age
	for _, days := range ageDays {
		all = append(all, Age{Days: days})
	}
	return all
}

// addAge counts an image.
func (r *Report) addAge(last time.Time, bytes int64) {
	days := r.Time.Sub(last).Hours() / 24
	for i := range r.Ages {
		if end := r.Ages[i].Days; end == 0 || days < float64(end) {
			r.Ages[i].SumBytes += bytes
			r.Ages[i].Images++
			return
		}
	}
}

// sum adds up people from projects and what is known of their own parts.
func (r *Report) sum(own map[string]int64) {
	byName := map[string]*Person{}
	person := func(name string) *Person {
		if byName[name] == nil {
			byName[name] = &Person{Name: name}
		}
		return byName[name]
	}
	for _, p := range r.Projects {
		who := person(p.Owner)
		who.Projects++
		who.HarborBytes += p.HarborBytes
		who.StoreBytes += p.StoreBytes + p.DeletedBytes
	}
	for name, bytes := range own {
		person(name).OwnBytes += bytes
	}
	r.People = []Person{}
	for _, p := range byName {
		r.People = append(r.People, *p)
	}
	slices.SortFunc(r.People, func(a, b Person) int { return cmp.Or(cmp.Compare(b.Total(), a.Total()), cmp.Compare(a.Name, b.Name)) })
	slices.SortFunc(r.Projects, func(a, b Project) int { return cmp.Or(cmp.Compare(b.Total(), a.Total()), cmp.Compare(a.Name, b.Name)) })
}
