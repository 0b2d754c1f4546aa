package settings_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestServeDefaults(t *testing.T) {
	s, err := load(t, minimal)
	if err != nil {
		t.Fatal(err)
	}
	if s.Serve.Listen != "127.0.0.1:8480" || time.Duration(s.Serve.PollEvery) != 15*time.Minute || s.Serve.Jobs != 1 || time.Duration(s.Serve.UndeleteFor) != 7*24*time.Hour || s.Serve.MinFree != 10<<30 {
		t.Errorf("they are %+v", s.Serve)
	}
}

func TestServe(t *testing.T) {
	s, err := load(t, minimal+`
[serve]
listen = "0.0.0.0:8443"
tls_cert = "cert.pem"
tls_key = "/etc/key.pem"
webhook_secret_file = "hook"
poll_every = "1h"
jobs = 2
include = ["lab-*"]
platforms = ["linux/amd64", "linux/arm64/v8"]
max_size = "50G"
`)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(s.File())
	if diff := cmp.Diff([]string{filepath.Join(dir, "cert.pem"), "/etc/key.pem", filepath.Join(dir, "hook")}, []string{s.Serve.TLSCert, s.Serve.TLSKey, s.Serve.WebhookSecretFile}); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
}

func TestServeMistakes(t *testing.T) {
	for name, tt := range map[string]struct{ line, why string }{
		"in the clear":     {`listen = "0.0.0.0:80"`, "in the clear"},
		"any address":      {`listen = ":8480"`, "in the clear"},
		"no port":          {`listen = "127.0.0.1"`, "missing port"},
		"half a pair":      {`tls_cert = "x"`, "belong together"},
		"too many jobs":    {`jobs = 1000`, "not 1 to 64"},
		"fewer than none":  {`jobs = -1`, "not 1 to 64"},
		"too often":        {`poll_every = "1ms"`, "nothing else"},
		"no pattern":       {`include = ["[x"]`, "no pattern"},
		"an empty pattern": {`exclude = [""]`, "no pattern"},
		"no platform":      {`platforms = ["amd64"]`, "not like linux/amd64"},
		"a long platform":  {`platforms = ["linux/arm64/v8/x"]`, "not like linux/amd64"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := load(t, minimal+"[serve]\n"+tt.line); err == nil || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("error is %v", err)
			}
		})
	}
}
