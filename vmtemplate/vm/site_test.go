package vm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// example parses site.toml with replacements: what stands first by what stands second.
func example(t *testing.T, changes ...string) (*Site, error) {
	t.Helper()
	text := Example
	for i := 0; i+1 < len(changes); i += 2 {
		if strings.Count(text, changes[i]) == 0 {
			t.Fatalf("site.toml has no %q", changes[i])
		}
		text = strings.Replace(text, changes[i], changes[i+1], 1)
	}
	return parse(text, "testdata", "site.toml")
}

func mustParse(t *testing.T, changes ...string) *Site {
	t.Helper()
	s, err := example(t, changes...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestWrongValues: whatever is wrong is told by its name.
func TestWrongValues(t *testing.T) {
	for name, test := range map[string]struct{ from, to, says string }{
		"a misspelt key":              {"swap_mib ", "swap_mb ", `"machine.swap_mb"`},
		"no TOML":                     {"[machine]", "[machine", "site.toml"},
		"a host name with a space":    {`"jbuild-{user}"`, `"jbuild {user}"`, "machine.hostname"},
		"a host name of 60":           {`"jbuild-{user}"`, `"` + strings.Repeat("j", 60) + `"`, "machine.hostname"},
		"capital letters":             {`"jbuild-{user}"`, `"JBUILD-{user}"`, "machine.hostname"},
		"no domain":                   {`domain        = ""`, `domain = "-x.jp"`, "machine.domain"},
		"another language":            {`language      = "ja"`, `language = "fr"`, "machine.language"},
		"no time zone":                {"Asia/Tokyo", "Asia/Kanazawa", "machine.timezone"},
		"a mirror that is no address": {`mirror        = ""`, `mirror = "ftp.jaist.ac.jp"`, "machine.mirror"},
		"25 o'clock":                  {"04:30", "25:30", "machine.reboot_at"},
		"swap below nothing":          {"= 2048 ", "= -1 ", "machine.swap_mib"},
		"root":                        {`"student"`, `"root"`, "user.name"},
		"a name with capitals":        {`"student"`, `"Student"`, "user.name"},
		"a private key":               {`["ssh-ed25519`, `["-----BEGIN`, "user.ssh_keys"},
		"a key with options":          {`["ssh-ed25519`, `["command=\"x\" ssh-ed25519`, "user.ssh_keys"},
		"no key":                      {`ssh_keys = [`, "ssh_keys = []\nhidden = [", `"user.hidden"`},
		"no CA":                       {`ca = ""`, `ca = "none.pem"`, "registry.ca"},
		"jbuild's misspelt key":       {"base_projects", "base_project", `"base_project"`},
		"no registry":                 {`registry      = "harbor.example.ac.jp"`, `registry = ""`, "jbuild.registry"},
		"a registry's address":        {`= "harbor.example.ac.jp"`, `= "https://harbor.example.ac.jp"`, "jbuild.registry"},
		"the page twice":              {"[jbuild.job]", "[jbuild.web]\n[jbuild.job]", "jbuild.web"},
		"root's port":                 {"8787", "443", "page.port"},
		"a page in clear":             {"network = false", "network = true", "page.cert"},
		"a certificate somewhere":     {`cert    = ""`, `cert = "cert.pem"`, "page.cert"},
		"no CPU":                      {"cpus       = 2", "cpus = 0", `size "small"`},
		"a small disk":                {"disk_gib   = 40 ", "disk_gib = 2 ", "disk_gib is 2"},
		"the same size":               {`"large"`, `"small"`, "twice"},
		"no title":                    {`"Small: 2 CPUs, 4 GB"`, `""`, "title"},
		"a lease that is too long":    {"days     = 30", "days = 100", "lease: days (100)"},
		"an expression":               {`"vm-network"`, `"${env.x}"`, "vsphere.network"},
		"no image":                    {`image       = "jbuild"`, `image = ""`, "aria.image"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := example(t, test.from, test.to)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want %q", err, test.says)
			}
		})
	}
}

// TestAllAtOnce: who corrects one value learns of the next at the same time.
func TestAllAtOnce(t *testing.T) {
	_, err := example(t, "8787", "80", "04:30", "noon")
	if err == nil || !strings.Contains(err.Error(), "page.port") || !strings.Contains(err.Error(), "machine.reboot_at") {
		t.Error(err)
	}
}

// TestCA: certificates go to users; a key beside them does not.
func TestCA(t *testing.T) {
	dir := t.TempDir()
	const certificate = "-----BEGIN CERTIFICATE-----\nMTIz\n-----END CERTIFICATE-----\n"
	for name, test := range map[string]struct{ content, says string }{
		"a CA":       {"its name\n" + certificate, ""},
		"with a key": {certificate + strings.ReplaceAll(certificate, "CERTIFICATE", "PRIVATE KEY"), "private key"},
		"empty":      {"", "no certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, "ca.pem")
			if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := parse(strings.Replace(Example, `ca = ""`, `ca = "ca.pem"`, 1), dir, "site.toml")
			if test.says == "" {
				if err != nil || s.ca != certificate {
					t.Errorf("%v, %v", s, err)
				}
			} else if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want %q", err, test.says)
			}
		})
	}
}
