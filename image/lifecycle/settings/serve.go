package settings

import (
	"errors"
	"fmt"
	"net"
	"path"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/quantity"
)

// Serve is about jadm serve: where it listens, and what it makes ready.
type Serve struct {
	// Listen is the address, 127.0.0.1:8480 if it is left out. Others than loopback
	// want a certificate.
	Listen            string `toml:"listen"`
	WebhookSecretFile string `toml:"webhook_secret_file"` // 0600; what Harbor sends as Authorization
	TLSCert           string `toml:"tls_cert"`            // PEM; read again when it changes
	TLSKey            string `toml:"tls_key"`
	// MetricsTokenFile, if it is given, has what Prometheus must send as bearer token.
	MetricsTokenFile string `toml:"metrics_token_file"`

	// PollEvery is how often everything is compared, whether Harbor told of a change
	// or not: 15m. A member who was removed can read images for as long.
	PollEvery quantity.Age `toml:"poll_every"`

	// Jobs is how many images are converted at once: 1. Each takes up to half a
	// gigabyte of memory and the CPUs that there are.
	Jobs int `toml:"jobs"`

	// Include and Exclude say which repositories are converted before jobs ask for
	// them: patterns (* and ?) of a project, or of project/repository. All if Include
	// is empty. What is excluded is fetched by the jobs that want it.
	Include []string `toml:"include"`
	Exclude []string `toml:"exclude"`

	// Platforms are those of the compute servers: os/architecture or
	// os/architecture/variant. Those of this machine if it is empty.
	Platforms []string `toml:"platforms"`

	MaxSize quantity.Bytes `toml:"max_size"` // of an image in the registry; larger ones are left to the jobs. 0 for any
	MinFree quantity.Bytes `toml:"min_free"` // of the store's file system: with less, nothing is converted; 10G

	// UndeleteFor is how long a converted image stays after its registry's has gone,
	// to be had back: 7d.
	UndeleteFor quantity.Age `toml:"undelete_for"`

	// ApplyEvery is how often jadm serve does what jadm apply does, without --adopt and
	// --prune: new people get their projects, and robots are renewed. 0, which is the
	// default: never.
	ApplyEvery quantity.Age `toml:"apply_every"`
	// RetainEvery is how often it does what jadm retain does: 0, which is the default, is
	// never. Look at jadm retain --dry-run first.
	RetainEvery quantity.Age `toml:"retain_every"`
}

// Defaults of Serve.
const (
	defaultListen   = "127.0.0.1:8480"
	defaultPoll     = 15 * time.Minute
	shortestPoll    = time.Second
	shortestTask    = time.Minute // of apply_every and retain_every
	defaultMinFree  = 10 << 30
	defaultUndelete = 7 * 24 * time.Hour
	mostJobs        = 64
)

func (s *Serve) complete(abs func(string) string) error {
	for _, file := range []*string{&s.WebhookSecretFile, &s.TLSCert, &s.TLSKey, &s.MetricsTokenFile} {
		*file = abs(*file)
	}
	if s.Listen == "" {
		s.Listen = defaultListen
	}
	if s.PollEvery == 0 {
		s.PollEvery = quantity.Age(defaultPoll)
	}
	if s.Jobs == 0 {
		s.Jobs = 1
	}
	if s.MinFree == 0 {
		s.MinFree = defaultMinFree
	}
	if s.UndeleteFor == 0 {
		s.UndeleteFor = quantity.Age(defaultUndelete)
	}
	switch {
	case s.Jobs < 1 || s.Jobs > mostJobs:
		return fmt.Errorf("serve.jobs is %d, not 1 to %d", s.Jobs, mostJobs)
	case time.Duration(s.PollEvery) < shortestPoll:
		return fmt.Errorf("serve.poll_every is %s: Harbor would do nothing else", &s.PollEvery)
	case s.ApplyEvery != 0 && time.Duration(s.ApplyEvery) < shortestTask || s.RetainEvery != 0 && time.Duration(s.RetainEvery) < shortestTask:
		return errors.New("serve.apply_every and serve.retain_every are a minute at least, or 0 for never")
	case (s.TLSCert == "") != (s.TLSKey == ""):
		return errors.New("serve.tls_cert and serve.tls_key belong together")
	}
	if err := s.checkListen(); err != nil {
		return err
	}
	for key, patterns := range map[string][]string{"include": s.Include, "exclude": s.Exclude} {
		for _, p := range patterns {
			if _, err := path.Match(p, ""); err != nil || p == "" {
				return fmt.Errorf("serve.%s: %q is no pattern; write lab-* or shared/python", key, p)
			}
		}
	}
	for _, p := range s.Platforms {
		if words := strings.Split(p, "/"); len(words) < 2 || len(words) > 3 || words[0] == "" || words[1] == "" {
			return fmt.Errorf("serve.platforms: %q is not like linux/amd64", p)
		}
	}
	return nil
}

// checkListen lets passwords and secrets travel in the clear on this machine only.
func (s *Serve) checkListen() error {
	host, _, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return fmt.Errorf("serve.listen: %w", err)
	}
	if !IsLoopback(host) && s.TLSCert == "" {
		return fmt.Errorf("serve.listen is %s: secrets would be sent in the clear; name serve.tls_cert and serve.tls_key, or listen on 127.0.0.1 behind a proxy", s.Listen)
	}
	return nil
}
