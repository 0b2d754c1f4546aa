package desired

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/quantity"
)

// Rules are what holds in a project. What is nil or empty is left as Harbor has it.
type Rules struct {
	Public     *bool   `toml:"public"`       // everybody may pull
	Quota      *Quota  `toml:"quota"`        // of its storage
	ScanOnPush *bool   `toml:"scan_on_push"` // for vulnerabilities
	PreventVul *bool   `toml:"prevent_vul"`  // nobody may pull what has a vulnerability of Severity or above
	Severity   *string `toml:"severity"`     // none, low, medium, high, critical
	Cosign     *bool   `toml:"cosign"`       // nobody may pull what has no cosign signature
	Notation   *bool   `toml:"notation"`     // … no notation signature

	Retention       *Keep            `toml:"retention"`        // by jadm, which knows what jobs use
	HarborRetention *HarborRetention `toml:"harbor_retention"` // by Harbor itself, which does not

	ImmutableTags []string  `toml:"immutable_tags"` // patterns of tags that nobody may move or remove
	Webhooks      *[]string `toml:"webhooks"`       // names of File.Webhooks; nil for all
}

// Quota is a number of bytes; -1 for no limit.
type Quota int64

// UnmarshalText reads "200G" or "none".
func (q *Quota) UnmarshalText(text []byte) error {
	if string(text) == "none" {
		*q = -1
		return nil
	}
	var b quantity.Bytes
	if err := b.UnmarshalText(text); err != nil {
		return fmt.Errorf("%q is no quota: write 200G, 1.5T or none", text)
	}
	if b == 0 {
		return errors.New("a quota of 0 cannot be: write a size, or none for no limit")
	}
	*q = Quota(b)
	return nil
}

func (q Quota) String() string {
	if q < 0 {
		return "none"
	}
	return quantity.Size(int64(q))
}

// severities from the strictest gate to the laxest.
var severities = []string{"none", "low", "medium", "high", "critical"}

// over is r with everything that o says.
func (r Rules) over(o *Rules) Rules {
	if o == nil {
		return r
	}
	set(&r.Public, o.Public)
	set(&r.Quota, o.Quota)
	set(&r.ScanOnPush, o.ScanOnPush)
	set(&r.PreventVul, o.PreventVul)
	set(&r.Severity, o.Severity)
	set(&r.Cosign, o.Cosign)
	set(&r.Notation, o.Notation)
	set(&r.Webhooks, o.Webhooks)
	if o.Retention != nil || o.HarborRetention != nil {
		r.Retention, r.HarborRetention = o.Retention, o.HarborRetention
	}
	if o.ImmutableTags != nil {
		r.ImmutableTags = o.ImmutableTags
	}
	return r
}

func set[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

// rulesOf are those of a person's project.
func (f *File) rulesOf(person string) Rules {
	for id, own := range f.Persons {
		if strings.EqualFold(id, person) {
			return f.People.over(own)
		}
	}
	return f.People.Rules
}

// rule is one of a project's switches at Harbor.
type rule struct {
	key   string // of Harbor's metadata
	words string // for people
	want  string // "" leaves it
	// weaker reports whether going from one value to the other gives up protection.
	weaker func(from, to string) bool
}

func switchedOff(from, to string) bool { return from == "true" && to != "true" }
func switchedOn(from, to string) bool  { return from != "true" && to == "true" }

// laxer knows that an unknown severity may be anything.
func laxer(from, to string) bool {
	return slices.Index(severities, to) > slices.Index(severities, from)
}

// switches are the rules that Harbor keeps as metadata, in the order in which they are
// shown.
func (r Rules) switches() []rule {
	severity := ""
	if r.Severity != nil {
		severity = *r.Severity
	}
	return []rule{
		{"public", "public access", asText(r.Public), switchedOn},
		{"auto_scan", "scan on push", asText(r.ScanOnPush), switchedOff},
		{"severity", "severity of the vulnerability gate", severity, laxer},
		{"prevent_vul", "vulnerability gate", asText(r.gate()), switchedOff},
		{"enable_content_trust_cosign", "cosign signatures required", asText(r.Cosign), switchedOff},
		{"enable_content_trust", "notation signatures required", asText(r.Notation), switchedOff},
	}
}

// gate is PreventVul; a severity alone means it, too.
func (r Rules) gate() *bool {
	if r.PreventVul == nil && r.Severity != nil {
		on := true
		return &on
	}
	return r.PreventVul
}

func asText(b *bool) string {
	if b == nil {
		return ""
	}
	return fmt.Sprint(*b)
}

// metadata has the value of one rule.
func metadata(key, value string) harbor.Metadata {
	var m harbor.Metadata
	*field(&m, key) = value
	return m
}

// field is where a rule's value is.
func field(m *harbor.Metadata, key string) *string {
	return map[string]*string{
		"public": &m.Public, "auto_scan": &m.AutoScan, "severity": &m.Severity, "prevent_vul": &m.PreventVulnerable,
		"enable_content_trust_cosign": &m.ContentTrustCosign, "enable_content_trust": &m.ContentTrust,
	}[key]
}

// valueOf is a rule's value at Harbor, where an unset switch is off.
func valueOf(m harbor.Metadata, key string) string {
	value := strings.ToLower(*field(&m, key))
	if value == "" && key != "severity" {
		return "false"
	}
	return value
}
