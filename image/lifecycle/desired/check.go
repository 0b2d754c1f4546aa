package desired

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
)

// checker looks for what means nothing. It keeps the first mistake.
type checker struct {
	text  string
	known toml.MetaData
	err   error
}

// say keeps a mistake at a key.
func (c *checker) say(err error, key ...string) {
	if err != nil && c.err == nil {
		c.err = at(c.text, key, fmt.Errorf("%s: %w", toml.Key(key), err))
	}
}

func (c *checker) sayf(key []string, format string, args ...any) {
	c.say(fmt.Errorf(format, args...), key...)
}

// under is a key within another.
func under(key []string, more ...string) []string { return append(slices.Clone(key), more...) }

func (c *checker) file(f *File) {
	for _, name := range sortedKeys(f.Webhooks) {
		c.webhook(f.Webhooks[name], "webhook", name)
	}
	c.keep(f.Retention, "retention")
	for _, kind := range []struct {
		key      string
		projects map[string]*Project
	}{{"shared", f.Shared}, {"lab", f.Labs}} {
		for _, name := range sortedKeys(kind.projects) {
			p, key := kind.projects[name], []string{kind.key, name}
			c.say(checkName("project", name), key...)
			c.rules(f, p.Rules, key)
			c.keep(p.Retention, under(key, "retention")...)
			c.members(p.Members, key)
			c.robots(p.Robots, key)
		}
	}
	for _, name := range sortedKeys(f.Labs) {
		if f.Shared[name] != nil {
			c.sayf([]string{"lab", name}, "the project is a shared one, too")
		}
	}
	if f.People != nil {
		c.people(f)
	}
	if f.People == nil && len(f.Persons) > 0 {
		c.sayf([]string{"person", sortedKeys(f.Persons)[0]}, "there is no [people], so that nobody has a project of their own")
	}
}

func (c *checker) people(f *File) {
	key := []string{"people"}
	if f.People.Role == "" {
		f.People.Role = roles[0].String()
	}
	_, err := parseRole(f.People.Role)
	c.say(err, "people", "role")
	c.rules(f, f.People.Rules, key)
	c.keep(f.People.Retention, "people", "retention")
	c.members(f.People.Members, key)
	c.robots(f.People.Robots, key)
	seen := map[string]string{}
	for _, id := range sortedKeys(f.Persons) {
		if other, doubled := seen[strings.ToLower(id)]; doubled {
			c.sayf([]string{"person", id}, "it is the same person as %s", other)
		}
		seen[strings.ToLower(id)] = id
		c.keep(f.Persons[id].Retention, "person", id, "retention")
		c.rules(f, f.People.over(f.Persons[id]), []string{"person", id})
	}
}

// rules checks what holds in the end, at the key of who said something last.
func (c *checker) rules(f *File, r Rules, key []string) {
	if r.Severity != nil && !slices.Contains(severities, *r.Severity) {
		c.sayf(under(key, "severity"), "there is no severity %q: write %s", *r.Severity, strings.Join(severities, ", "))
	}
	switch on := r.PreventVul; {
	case on != nil && *on && r.Severity == nil:
		c.sayf(under(key, "prevent_vul"), "say from which severity on: severity = \"high\"")
	case on != nil && !*on && r.Severity != nil && c.known.IsDefined(under(key, "severity")...):
		c.sayf(under(key, "severity"), "it contradicts prevent_vul = false")
	}
	if r.Retention != nil && r.HarborRetention != nil {
		c.sayf(under(key, "harbor_retention"), "it contradicts retention: Harbor would delete what jadm keeps because jobs use it")
	}
	c.harborRetention(r.HarborRetention, under(key, "harbor_retention"))
	for i, pattern := range r.ImmutableTags {
		if pattern == "" || slices.Contains(r.ImmutableTags[:i], pattern) {
			c.sayf(under(key, "immutable_tags"), "the pattern %q is empty or doubled", pattern)
		}
	}
	if len(r.ImmutableTags) > mostHarborRules {
		c.sayf(under(key, "immutable_tags"), "Harbor has at most %d patterns", mostHarborRules)
	}
	if r.Webhooks != nil {
		for _, name := range *r.Webhooks {
			if f.Webhooks[name] == nil {
				c.sayf(under(key, "webhooks"), "there is no [webhook.%s]", name)
			}
		}
	}
}

func (c *checker) keep(k *Keep, key ...string) {
	if k == nil {
		return
	}
	if !c.known.IsDefined(under(key, "keep_pinned")...) {
		k.Pinned = true
	}
	switch {
	case k.negative():
		c.sayf(key, "a number is negative")
	case k.keepsNothing():
		c.sayf(key, "it would keep nothing but what is pinned: add a rule such as keep_last = 5, or remove the table to keep all")
	}
}

func (c *checker) harborRetention(r *HarborRetention, key []string) {
	if r == nil {
		return
	}
	switch {
	case min(r.Latest, r.PulledDays, r.PushedDays) < 0:
		c.sayf(key, "a number is negative")
	case r.Latest+r.PulledDays+r.PushedDays == 0 && len(r.Tags) == 0:
		c.sayf(key, "it would keep nothing: add a rule such as keep_latest = 5")
	case len(r.policy(0).Rules) > mostHarborRules:
		c.sayf(under(key, "keep_tags"), "Harbor has at most %d rules", mostHarborRules)
	case slices.Contains(r.Tags, ""):
		c.sayf(under(key, "keep_tags"), "a pattern is empty")
	case r.Cron != "" && len(strings.Fields(r.Cron)) != 6:
		c.sayf(under(key, "cron"), "%q is not six fields, seconds first, as in \"0 30 3 * * *\"", r.Cron)
	}
}

func (c *checker) members(m Members, key []string) {
	seen := map[string]string{}
	for _, list := range m.lists() {
		for _, entry := range list.entries {
			group, isGroup := expanded(entry)
			account, isLocal := local(entry)
			if entry == "" || strings.TrimSpace(entry) != entry || isGroup && group == "" || isLocal && account == "" {
				c.sayf(under(key, list.key), "%q is no person and no group", entry)
			}
			same := strings.ToLower(entry)
			if isLocal {
				same = strings.ToLower(account)
			}
			if isDN(entry) {
				same = normalDN(entry)
			}
			if other, doubled := seen[same]; doubled && other == list.key {
				c.sayf(under(key, list.key), "%q is there twice", entry)
			} else if doubled {
				c.sayf(under(key, list.key), "%q is among %s, too", entry, other)
			}
			seen[same] = list.key
		}
	}
}

func (c *checker) robots(robots map[string]*Robot, key []string) {
	for _, name := range sortedKeys(robots) {
		r, key := robots[name], under(key, "robot", name)
		c.say(checkName("robot", name), key...)
		if len(r.Rights) == 0 {
			r.Rights = []string{"pull"}
		}
		for _, right := range r.Rights {
			if !knownRight(right) {
				c.sayf(under(key, "rights"), "there is no right %q: write pull, push, or RESOURCE:ACTION as Harbor calls them", right)
			}
		}
		if slices.Contains(r.Rights, "push") && !slices.Contains(r.Rights, "pull") {
			c.sayf(under(key, "rights"), "who may push must be allowed to pull: add pull")
		}
		if r.Days == 0 && !c.known.IsDefined(under(key, "days")...) {
			r.Days = defaultDays
		}
		if r.Days < -1 || r.Days == 0 || r.Days > 36500 {
			c.sayf(under(key, "days"), "%d is no number of days: write 90, or -1 for ever", r.Days)
		}
		if r.Days > 0 && int64(r.renewBefore()/day) >= r.Days {
			c.sayf(under(key, "renew_before"), "it would be renewed each time, as it lives for %s only", life(r.Days))
		}
		rest := strings.NewReplacer("{project}", "", "{robot}", "").Replace(r.Credential)
		switch {
		case strings.ContainsAny(rest, "{}\x00"):
			c.sayf(under(key, "credential"), "%q has something in braces that is neither {project} nor {robot}", r.Credential)
		case key[0] == "people" && r.Credential != "" && !strings.Contains(r.Credential, "{project}"):
			c.sayf(under(key, "credential"), "all people would have one file: write {project} into it")
		case len(robots) > 1 && r.Credential != "" && !strings.Contains(r.Credential, "{robot}"):
			c.sayf(under(key, "credential"), "there are several robots: write {robot} into it")
		}
	}
}

func knownRight(right string) bool {
	resource, action, ok := strings.Cut(right, ":")
	if !ok {
		return right == "pull" || right == "push"
	}
	return resource != "" && action != "" && !strings.ContainsAny(right, " \t\n")
}

func (c *checker) webhook(w *Webhook, key ...string) {
	address, err := url.Parse(w.Address)
	switch {
	case err != nil:
		c.say(errors.New("the address is no URL"), under(key, "address")...)
	case address.Host == "" || address.User != nil || address.Scheme != "http" && address.Scheme != "https":
		c.sayf(under(key, "address"), "the address is not like https://jadm.example.ac.jp/webhook")
	case address.Scheme == "http" && w.SecretFile != "" && !w.PlainHTTP && !settings.IsLoopback(address.Hostname()):
		c.sayf(under(key, "address"), "the secret would be sent in the clear: write https, or plain_http = true if the network is trusted")
	}
	if len(w.Events) == 0 {
		w.Events = defaultEvents
	}
	for _, event := range w.Events {
		if !slices.Contains(knownEvents, event) {
			c.sayf(under(key, "events"), "there is no event %q: write %s", event, strings.Join(knownEvents, ", "))
		}
	}
}
