package vm

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/jrun-hpc/jrun/vmtemplate/aria"
	cloudinit "github.com/jrun-hpc/jrun/vmtemplate/cloud-init"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/packer"
	"golang.org/x/crypto/ssh"

	_ "embed"
)

//go:embed machine/seal.sh
var sealScript string

// buildKeyFile is the private key with which Packer comes in. It is made once.
const buildKeyFile = "packer/build_key"

// Render writes everything that hypervisors and portals want into dir:
//
//	cloud-init/{user-data,meta-data}               for QEMU, Proxmox, OpenStack
//	packer/{jbuild.pkr.hcl,site.sh,seal.sh,seed/,plugins/,build_key}
//	aria/{cloud-template.yaml,lease-policy.json}
//
// Files of the same names are written over, but for packer/site.sh and packer/build_key,
// which belong to the site.
func (s *Site) Render(dir string) error {
	key, err := buildKey(filepath.Join(dir, buildKeyFile))
	if err != nil {
		return err
	}
	rendered, err := s.files(key)
	if err != nil {
		return err
	}
	for name, content := range rendered {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("making a directory: %w", err)
		}
		if _, err := os.Stat(path); err == nil && name == "packer/site.sh" {
			continue
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return fmt.Errorf("writing what was rendered: %w", err)
		}
	}
	return nil
}

// buildKey makes a key pair if there is none in file, and is its public half.
func buildKey(file string) (public string, err error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		_, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			return "", fmt.Errorf("making Packer's key: %w", err)
		}
		block, err := ssh.MarshalPrivateKey(private, "packer")
		if err != nil {
			return "", fmt.Errorf("making Packer's key: %w", err)
		}
		text = pem.EncodeToMemory(block)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return "", fmt.Errorf("making a directory: %w", err)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return "", fmt.Errorf("writing Packer's key: %w", err)
		}
	} else if err != nil {
		return "", fmt.Errorf("reading Packer's key: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return "", fmt.Errorf("reading Packer's key %s: %w", file, err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))) + " packer", nil
}

// files are what Render writes, by name.
func (s *Site) files(buildKey string) (map[string]string, error) {
	userData, metaData, err := s.seed()
	if err != nil {
		return nil, err
	}
	form, err := s.form()
	if err != nil {
		return nil, err
	}
	files := map[string]string{
		"cloud-init/user-data":  userData,
		"cloud-init/meta-data":  metaData,
		"packer/seal.sh":        sealScript,
		"packer/seed/meta-data": "instance-id: packer\nlocal-hostname: packer\n",
	}
	for _, one := range []struct {
		templates fs.FS
		name      string
		data      any
		file      string
	}{
		{packer.Templates, "jbuild.pkr.hcl.tmpl", machineBeingMade{Site: s, First: s.Sizes[0]}, "packer/jbuild.pkr.hcl"},
		{packer.Templates, "plugins.pkr.hcl.tmpl", nil, "packer/plugins/plugins.pkr.hcl"},
		{packer.Templates, "site.sh.tmpl", nil, "packer/site.sh"},
		{packer.Templates, "seed.tmpl", machineBeingMade{BuildKey: buildKey}, "packer/seed/user-data"},
		{aria.Templates, "cloud-template.yaml.tmpl", form, "aria/cloud-template.yaml"},
		{aria.Templates, "lease-policy.json.tmpl", form, "aria/lease-policy.json"},
	} {
		text, err := fs.ReadFile(one.templates, one.name)
		if err != nil {
			return nil, fmt.Errorf("reading a template: %w", err)
		}
		if files[one.file], err = fill(one.name, string(text), "[[", "]]", one.data); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// machineBeingMade is what Packer's templates see.
type machineBeingMade struct {
	Site     *Site
	First    Size
	BuildKey string
}

// fill executes a template.
func fill(name, text, left, right string, data any) (string, error) {
	t, err := template.New(name).Delims(left, right).Option("missingkey=error").Funcs(template.FuncMap{
		"q":      quote,
		"indent": indent,
	}).Parse(text)
	if err != nil {
		return "", fmt.Errorf("reading the template %s: %w", name, err)
	}
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		return "", fmt.Errorf("filling the template %s: %w", name, err)
	}
	return b.String(), nil
}

// quote is a string as JSON has it, which YAML and HCL read too.
func quote(text string) (string, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return "", fmt.Errorf("quoting: %w", err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// indent puts spaces before each line that is not empty.
func indent(spaces int, text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		if strings.TrimSpace(line) != "" {
			b.WriteString(strings.Repeat(" ", spaces))
		}
		b.WriteString(line)
	}
	return b.String()
}

// person is what user-data is rendered for: somebody, or what a portal puts in their place.
type person struct {
	Site *Site

	Name       string
	SSHKeys    []string
	Password   string
	Hostname   string
	InstanceID string

	JBuildTOML string
	Motd       string
}

func (p person) Domain() string { return p.Site.Machine.Domain }
func (p person) Listen() string { return p.Site.listen() }
func (p person) Sudo() bool     { return p.Site.Machine.Sudo }
func (p person) CA() string     { return p.Site.ca }
func (p person) Reports() bool  { return p.Site.reports() }
func (p person) Mirror() string {
	return orDefault(p.Site.Machine.Mirror, "http://deb.debian.org/debian")
}
func (p person) Security() string {
	return orDefault(p.Site.Machine.Security, "http://deb.debian.org/debian-security")
}

// Locale is one of those that the machine has; see machine/setup.sh.
func (p person) Locale() string {
	if p.Site.Machine.Language == "ja" {
		return "ja_JP.UTF-8"
	}
	return "en_US.UTF-8"
}

func orDefault(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

func (s *Site) person(name string, keys []string) (person, error) {
	config, err := s.jbuildTOML(name)
	if err != nil {
		return person{}, err
	}
	return person{
		Site: s, Name: name, SSHKeys: keys,
		Hostname:   s.hostname(name),
		JBuildTOML: config,
		Motd:       s.printer().Say("vm.motd", s.config.Registry),
	}, nil
}

func (s *Site) printer() *message.Printer {
	p, _ := message.For(s.Machine.Language)
	return p
}

// seed is what the user of site.toml needs, on a seed disk or pasted into a form.
func (s *Site) seed() (userData, metaData string, err error) {
	p, err := s.person(s.User.Name, s.User.SSHKeys)
	if err != nil {
		return "", "", err
	}
	p.InstanceID = p.Hostname + "-1"
	if userData, err = fill("user-data.tmpl", cloudinit.UserData, "{{", "}}", p); err != nil {
		return "", "", err
	}
	metaData, err = fill("meta-data.tmpl", cloudinit.MetaData, "{{", "}}", p)
	return userData, metaData, err
}

// form is what Aria's templates see.
type form struct {
	Site           *Site
	First          Size
	AccountPattern string
	Hostname       string
	CloudConfig    string
	Words          formWords
}

// formWords are the form's labels, in the site's language.
type formWords struct {
	Account, AccountHelp, Key, KeyHelp, Password, Size, Lease, LeaseHelp, Policy string
}

// What Aria evaluates when somebody has filled in the form.
const (
	ariaAccount  = "${input.account}"
	ariaKey      = "${input.sshKey}"
	ariaPassword = "${input.password}"
)

func (s *Site) form() (*form, error) {
	p, err := s.person(ariaAccount, []string{ariaKey})
	if err != nil {
		return nil, err
	}
	if s.Machine.SSHPasswords {
		p.Password = ariaPassword
	}
	config, err := fill("user-data.tmpl", cloudinit.UserData, "{{", "}}", p)
	if err != nil {
		return nil, err
	}
	if strings.Contains(strings.NewReplacer(ariaAccount, "", ariaKey, "", ariaPassword, "").Replace(config), "${") {
		return nil, errors.New("a value of the site has ${ in it, which Aria would evaluate; write it without braces")
	}
	say := s.printer()
	return &form{
		Words: formWords{
			Account: say.Say("vm.aria.account"), AccountHelp: say.Say("vm.aria.account.help", s.config.Registry),
			Key: say.Say("vm.aria.key"), KeyHelp: say.Say("vm.aria.key.help"), Password: say.Say("vm.aria.password"),
			Size: say.Say("vm.aria.size"), Lease: say.Say("vm.aria.lease"), LeaseHelp: say.Say("vm.aria.lease.help", s.Lease.MaxDays),
			Policy: say.Say("vm.aria.policy", s.Lease.Days, s.Lease.MaxDays, s.Lease.Grace),
		},
		Site: s, First: s.Sizes[0], AccountPattern: accountPattern,
		Hostname: p.Hostname, CloudConfig: config,
	}, nil
}

// Choice is an expression of Aria's that has a number of the size that was chosen.
func (f *form) Choice(field string) string {
	number := func(s Size) int {
		return map[string]int{"CPUs": s.CPUs, "MemoryMiB": s.MemoryMiB(), "DiskGiB": s.DiskGiB}[field]
	}
	last := len(f.Site.Sizes) - 1
	expression := fmt.Sprint(number(f.Site.Sizes[last]))
	for i := last - 1; i >= 0; i-- {
		expression = fmt.Sprintf("input.size == '%s' ? %d : %s", f.Site.Sizes[i].Name, number(f.Site.Sizes[i]), expression)
		if i > 0 {
			expression = "(" + expression + ")"
		}
	}
	return "${" + expression + "}"
}
