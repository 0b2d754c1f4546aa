package desired

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/quantity"
)

// quotaKey is the quota's name among the rules that jadm has set.
const quotaKey = "quota"

// project compares whether it is there, and whose it is.
func (d *differ) project() {
	c := Change{Subject: "project " + d.target.name}
	switch {
	case d.actual == nil:
		c.Kind, c.After, c.rank = "project.create", d.target.describe(), rankCreate
		c.act = createProject{target: d.target}
		d.add(c)
	case d.foreign():
		c.Kind, c.rank, c.Needs = "project.adopt", rankAdopt, NeedsAdopt
		c.After, c.Reason = "jadm's", "it was there before"
		c.act = adoptProject{d.target.person, d.actual.ID}
		d.add(c)
	}
}

// describe is what a new project gets when it is made, on one line.
func (t *target) describe() string {
	words := []string{"private"}
	if asText(t.rules.Public) == "true" {
		words[0] = "public"
	}
	if t.rules.Quota != nil {
		words = append(words, "quota "+t.rules.Quota.String())
	}
	for _, r := range t.rules.switches() {
		switch {
		case r.key == "public" || r.key == "severity" || r.want != "true":
		case r.key == "prevent_vul":
			words = append(words, "no vulnerabilities from "+*t.rules.Severity+" on")
		default:
			words = append(words, r.words)
		}
	}
	return strings.Join(words, ", ")
}

// createProject makes a project with its rules and its quota.
type createProject struct{ target *target }

func (p createProject) do(ctx context.Context, j *job) error {
	t := p.target
	n := harbor.NewProject{Name: t.name}
	j.owned = Owned{Project: t.name, Made: true, Person: t.person, Rules: map[string][]string{}}
	for _, r := range t.rules.switches() {
		if r.want != "" {
			*field(&n.Metadata, r.key) = r.want
			j.owned.Rules[r.key] = []string{r.want}
		}
	}
	if t.rules.Quota != nil {
		n.StorageLimitBytes = int64(*t.rules.Quota)
		j.owned.Rules[quotaKey] = []string{fmt.Sprint(n.StorageLimitBytes)}
	}
	if err := j.save(); err != nil {
		return err
	}
	if err := j.Client.CreateProject(ctx, n); err != nil {
		if definite(err) {
			j.owned = Owned{Project: t.name}
		}
		if harbor.Status(err) == http.StatusConflict {
			err = fault.Newf(err, "run it again", "somebody else has just made the project %s", t.name)
		}
		return j.failed(err)
	}
	made, err := j.Client.Project(ctx, t.name)
	if err != nil {
		return err
	}
	j.owned.ID = made.ID
	return j.save()
}

// adoptProject writes down that a project is jadm's from now on.
type adoptProject struct {
	person string
	id     int64
}

func (p adoptProject) do(_ context.Context, j *job) error {
	j.owned = Owned{Project: j.owned.Project, ID: p.id, Adopted: true, Person: p.person}
	return j.save()
}

// deleteProject removes an empty project; Harbor refuses to remove another.
type deleteProject struct{}

func (deleteProject) do(ctx context.Context, j *job) error {
	err := gone(j.Client.DeleteProject(ctx, j.owned.Project))
	if harbor.Status(err) == http.StatusPreconditionFailed {
		return fault.Newf(err, "look at what is in it, and run it again", "the project %s is not empty any more, and stays", j.owned.Project)
	}
	if err != nil {
		return err
	}
	return j.State.Remove(ownedKind, j.owned.Project)
}

// rules compares the switches of a project that is there.
func (d *differ) rules() {
	for _, r := range d.target.rules.switches() {
		is := valueOf(d.actual.Metadata, r.key)
		if r.want == "" || is == r.want {
			continue
		}
		c := Change{
			Kind: "project.rule", Subject: fmt.Sprintf("%s of %s", r.words, d.target.name), Before: onOff(is), After: onOff(r.want),
			rank: rankRule, act: setRule{r.key, r.want},
		}
		if r.weaker(is, r.want) && !d.owned.set(r.key, is) {
			c.Needs, c.Reason = NeedsPrune, "somebody else has set it more strictly"
		}
		d.add(c)
	}
}

// onOff is a switch for people.
func onOff(value string) string {
	switch value {
	case "true":
		return "on"
	case "false":
		return "off"
	case "":
		return "not set"
	}
	return value
}

// setRule sets one switch.
type setRule struct{ key, value string }

func (r setRule) do(ctx context.Context, j *job) error {
	if err := j.setting(r.key, r.value); err != nil {
		return err
	}
	if err := j.Client.UpdateMetadata(ctx, j.owned.Project, metadata(r.key, r.value)); err != nil {
		return err
	}
	j.owned.Rules[r.key] = []string{r.value}
	return j.save()
}

// quota compares the quota of a project that is there.
func (d *differ) quota() {
	is, want := d.actual.Quota.Hard.StorageBytes, d.target.rules.Quota
	if want == nil || d.actual.QuotaID == 0 || is == int64(*want) {
		return
	}
	c := Change{
		Kind: "project.quota", Subject: "quota of " + d.target.name, Before: Quota(is).String(), After: want.String(),
		rank: rankQuota, act: setQuota{d.actual.QuotaID, int64(*want)},
	}
	if used := d.actual.Quota.Used.StorageBytes; *want > 0 && used > int64(*want) {
		c.Reason = quantity.Size(used) + " are in use already: nothing can be pushed then"
	}
	if less(int64(*want), is) && !d.owned.set(quotaKey, fmt.Sprint(is)) {
		c.Needs, c.Reason = NeedsPrune, "somebody else has given more"
	}
	d.add(c)
}

// less compares quotas, where -1 is no limit.
func less(a, b int64) bool { return a >= 0 && (b < 0 || a < b) }

// setQuota sets a limit.
type setQuota struct{ id, bytes int64 }

func (q setQuota) do(ctx context.Context, j *job) error {
	value := fmt.Sprint(q.bytes)
	if err := j.setting(quotaKey, value); err != nil {
		return err
	}
	if err := j.Client.UpdateQuota(ctx, q.id, q.bytes); err != nil {
		return err
	}
	j.owned.Rules[quotaKey] = []string{value}
	return j.save()
}
