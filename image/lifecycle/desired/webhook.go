package desired

import (
	"slices"

	"github.com/jrun-hpc/jrun/image/harbor"
)

// Webhook is somebody who is told of what happens in projects, such as jadm serve.
type Webhook struct {
	Address string `toml:"address"` // https://…; http:// only to this machine, or with PlainHTTP
	// SecretFile holds, in its first line, what Harbor sends as Authorization.
	SecretFile string   `toml:"secret_file"`
	Events     []string `toml:"events"` // pushes, deletions, ended scans and retention, if it is empty
	// PlainHTTP allows the secret to cross a network in the clear, where that network
	// is trusted.
	PlainHTTP bool `toml:"plain_http"`
	// SkipCertVerify makes Harbor believe whoever answers.
	SkipCertVerify bool `toml:"skip_cert_verify"`

	secret string
}

// knownEvents are those that Harbor 2.15 has.
var knownEvents = []string{
	harbor.EventPush, "PULL_ARTIFACT", harbor.EventDelete, harbor.EventQuotaFull, harbor.EventQuotaNear,
	"SCANNING_FAILED", "SCANNING_STOPPED", harbor.EventScanned, "REPLICATION", harbor.EventRetention,
}

// defaultEvents are what jadm serve wants to hear of.
var defaultEvents = []string{harbor.EventPush, harbor.EventDelete, harbor.EventScanned, harbor.EventRetention}

// policy is the webhook as Harbor has it.
func (w *Webhook) policy(name string) harbor.Webhook {
	return harbor.Webhook{
		Name: name, Enabled: true, Events: sorted(w.Events),
		Targets: []harbor.WebhookTarget{{Type: "http", Address: w.Address, AuthHeader: w.secret, SkipCertVerify: w.SkipCertVerify}},
	}
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}
