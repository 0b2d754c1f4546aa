package vm

import (
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
	"golang.org/x/crypto/ssh"
)

// Example is site.toml, which is where to begin.
//
//go:embed site.toml
var Example string

// Site is every value that a site sets. The comments of site.toml say what they are.
type Site struct {
	Machine  Machine        `toml:"machine"`
	User     User           `toml:"user"`
	Registry Registry       `toml:"registry"`
	JBuild   map[string]any `toml:"jbuild"` // jbuild.toml, word by word
	Page     Page           `toml:"page"`
	Sizes    []Size         `toml:"size"`
	Lease    Lease          `toml:"lease"`
	VSphere  VSphere        `toml:"vsphere"`
	Aria     Aria           `toml:"aria"`

	config site.Config // JBuild, as jbuild understands it
	ca     string      // content of Registry.CA
}

// Machine is what all of a site's machines have in common.
type Machine struct {
	Hostname     string `toml:"hostname"` // {user} is the user's name
	Domain       string `toml:"domain"`
	Language     string `toml:"language"`
	Timezone     string `toml:"timezone"`
	Mirror       string `toml:"mirror"`
	Security     string `toml:"security"`
	RebootAt     string `toml:"reboot_at"` // HH:MM
	SwapMiB      int    `toml:"swap_mib"`
	SSHPasswords bool   `toml:"ssh_passwords"`
	Sudo         bool   `toml:"sudo"`
}

// User is whose a machine is, where no portal asks.
type User struct {
	Name    string   `toml:"name"`
	SSHKeys []string `toml:"ssh_keys"` // lines of authorized_keys
}

// Registry is how the registry's certificate is trusted.
type Registry struct {
	CA string `toml:"ca"`
}

// Page is where jbuild web listens.
type Page struct {
	Port    int    `toml:"port"`
	Network bool   `toml:"network"`
	Cert    string `toml:"cert"` // files of the machine
	Key     string `toml:"key"`
}

// Size is one choice of the portal.
type Size struct {
	Name      string `toml:"name"`
	Title     string `toml:"title"`
	CPUs      int    `toml:"cpus"`
	MemoryGiB int    `toml:"memory_gib"`
	DiskGiB   int    `toml:"disk_gib"`
}

// MemoryMiB is the memory in the unit that hypervisors want.
func (s Size) MemoryMiB() int { return s.MemoryGiB << 10 }

// Lease is how long a machine lives, in days.
type Lease struct {
	Days    int `toml:"days"`
	MaxDays int `toml:"max_days"`
	Total   int `toml:"total"`
	Grace   int `toml:"grace"`
}

// VSphere is where Packer works.
type VSphere struct {
	Server         string `toml:"server"`
	User           string `toml:"user"`
	Datacenter     string `toml:"datacenter"`
	Cluster        string `toml:"cluster"`
	Datastore      string `toml:"datastore"`
	Folder         string `toml:"folder"`
	Network        string `toml:"network"`
	Template       string `toml:"template"`
	ContentLibrary string `toml:"content_library"`
	Item           string `toml:"item"`
}

// Aria is what the portal calls things.
type Aria struct {
	Image      string `toml:"image"`
	NetworkTag string `toml:"network_tag"`
}

// Load reads and checks a site's file. All that is wrong with it is told at once.
func Load(file string) (*Site, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the site's values: %w", err)
	}
	return parse(string(text), filepath.Dir(file), file)
}

// parse is Load of what is in a file; paths in it are relative to dir.
func parse(text, dir, file string) (*Site, error) {
	var s Site
	known, err := toml.Decode(text, &s)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	for _, key := range known.Undecoded() {
		if key[0] != "jbuild" {
			return nil, fmt.Errorf("%s: there is no value %q; site.toml in vmtemplate/vm has all there are", file, key)
		}
	}
	var wrong []error
	for _, check := range []func(string) []error{s.checkMachine, s.checkUser, s.checkRegistry, s.checkJBuild, s.checkPage, s.checkSizes, s.checkLease, s.checkNames} {
		wrong = append(wrong, check(dir)...)
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("%s:\n%w", file, errors.Join(wrong...))
	}
	return &s, nil
}

var (
	label    = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	account  = regexp.MustCompile(accountPattern)
	clock    = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
	address  = regexp.MustCompile(`^https?://[A-Za-z0-9.:/_~-]+$`)
	sizeName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
)

// accountPattern is what useradd(8) of Debian, Harbor and host names take alike. The form of
// the portal checks it as well.
const accountPattern = `^[a-z]([a-z0-9-]{0,29}[a-z0-9])?$`

// mostLabel is the longest part of a host's name, RFC 1035 2.3.4.
const mostLabel = 63

func (s *Site) checkMachine(string) (wrong []error) {
	m := s.Machine
	name := strings.ReplaceAll(m.Hostname, "{user}", "u")
	if !label.MatchString(name) || len(name) > mostLabel-30 {
		wrong = append(wrong, fmt.Errorf("machine.hostname %q must be small letters, digits, hyphens and {user}, with room for a name", m.Hostname))
	}
	if m.Domain != "" {
		for part := range strings.SplitSeq(m.Domain, ".") {
			if !label.MatchString(part) {
				wrong = append(wrong, fmt.Errorf("machine.domain %q is not a domain", m.Domain))
				break
			}
		}
	}
	if !slices.Contains(message.Languages, m.Language) {
		wrong = append(wrong, fmt.Errorf("machine.language %q must be one of %s", m.Language, strings.Join(message.Languages, ", ")))
	}
	if _, err := time.LoadLocation(m.Timezone); err != nil || m.Timezone == "" || m.Timezone == "Local" {
		wrong = append(wrong, fmt.Errorf("machine.timezone %q is not one: Asia/Tokyo is", m.Timezone))
	}
	for key, value := range map[string]string{"mirror": m.Mirror, "security": m.Security} {
		if value != "" && !address.MatchString(value) {
			wrong = append(wrong, fmt.Errorf("machine.%s %q must be an address, such as http://deb.debian.org/debian", key, value))
		}
	}
	if m.RebootAt != "" && !clock.MatchString(m.RebootAt) {
		wrong = append(wrong, fmt.Errorf("machine.reboot_at %q must be a time, such as 04:30, or empty", m.RebootAt))
	}
	if m.SwapMiB < 0 {
		wrong = append(wrong, fmt.Errorf("machine.swap_mib is %d", m.SwapMiB))
	}
	return wrong
}

func (s *Site) checkUser(string) (wrong []error) {
	if !account.MatchString(s.User.Name) || s.User.Name == "root" {
		wrong = append(wrong, fmt.Errorf("user.name %q must be an account's name: small letters, digits and hyphens", s.User.Name))
	}
	if len(s.User.SSHKeys) == 0 {
		wrong = append(wrong, errors.New("user.ssh_keys is empty: nobody could come in"))
	}
	for i, key := range s.User.SSHKeys {
		if _, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(key)); err != nil || len(options) > 0 || len(rest) > 0 {
			wrong = append(wrong, fmt.Errorf("user.ssh_keys: number %d is not one line as in a .pub file", i+1))
		}
	}
	return wrong
}

func (s *Site) checkRegistry(dir string) (wrong []error) {
	if s.Registry.CA == "" {
		return nil
	}
	file := s.Registry.CA
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return []error{fmt.Errorf("registry.ca: %w", err)}
	}
	var certificates strings.Builder
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return []error{fmt.Errorf("registry.ca: %s holds a %s; only certificates may go to users", file, strings.ToLower(block.Type))}
		}
		certificates.Write(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))
	}
	if certificates.Len() == 0 {
		return []error{fmt.Errorf("registry.ca: %s holds no certificate in PEM", file)}
	}
	s.ca = certificates.String()
	return nil
}

// checkJBuild has jbuild's own reader look at its part.
func (s *Site) checkJBuild(string) (wrong []error) {
	if _, there := s.JBuild["web"]; there {
		return []error{errors.New("jbuild.web is made from [page] and from whose machine it is")}
	}
	text, err := s.jbuildTOML("u")
	if err != nil {
		return []error{fmt.Errorf("jbuild: %w", err)}
	}
	known, err := toml.Decode(text, &s.config)
	if err != nil {
		return []error{fmt.Errorf("jbuild: %w", err)}
	}
	for _, key := range known.Undecoded() {
		wrong = append(wrong, fmt.Errorf("jbuild: jbuild.toml has no value %q", key))
	}
	if s.config.Registry == "" || strings.ContainsAny(s.config.Registry, "/ ") {
		wrong = append(wrong, fmt.Errorf("jbuild.registry %q must be the registry's host", s.config.Registry))
	}
	if s.config.Language != "" && !slices.Contains(message.Languages, s.config.Language) {
		wrong = append(wrong, fmt.Errorf("jbuild.language %q must be one of %s", s.config.Language, strings.Join(message.Languages, ", ")))
	}
	return wrong
}

// Ports below are root's; see ip_unprivileged_port_start.
const (
	firstPort = 1024
	lastPort  = 65535
)

func (s *Site) checkPage(string) (wrong []error) {
	if s.Page.Port < firstPort || s.Page.Port > lastPort {
		wrong = append(wrong, fmt.Errorf("page.port is %d: users' services have %d to %d", s.Page.Port, firstPort, lastPort))
	}
	if s.Page.Network && (s.Page.Cert == "" || s.Page.Key == "") {
		wrong = append(wrong, errors.New("page.network is true, but page.cert and page.key name no certificate: passwords would go over the network in clear"))
	}
	for key, file := range map[string]string{"cert": s.Page.Cert, "key": s.Page.Key} {
		if file != "" && !filepath.IsAbs(file) {
			wrong = append(wrong, fmt.Errorf("page.%s %q must be an absolute path in the machine", key, file))
		}
	}
	return wrong
}

func (s *Site) checkSizes(string) (wrong []error) {
	if len(s.Sizes) == 0 {
		return []error{errors.New("there is no [[size]]")}
	}
	seen := map[string]bool{}
	for i, size := range s.Sizes {
		switch {
		case !sizeName.MatchString(size.Name):
			wrong = append(wrong, fmt.Errorf("size %d: name %q must be small letters, digits and hyphens", i+1, size.Name))
		case seen[size.Name]:
			wrong = append(wrong, fmt.Errorf("size %q is there twice", size.Name))
		case size.Title == "":
			wrong = append(wrong, fmt.Errorf("size %q has no title, which people choose by", size.Name))
		case size.CPUs < 1 || size.MemoryGiB < 1:
			wrong = append(wrong, fmt.Errorf("size %q: cpus and memory_gib must be 1 or more", size.Name))
		case size.DiskGiB < 10:
			wrong = append(wrong, fmt.Errorf("size %q: disk_gib is %d, but one image alone can take 10", size.Name, size.DiskGiB))
		}
		seen[size.Name] = true
	}
	return wrong
}

func (s *Site) checkLease(string) []error {
	l := s.Lease
	if l.Days < 1 || l.Days > l.MaxDays || l.MaxDays > l.Total || l.Grace < 1 {
		return []error{fmt.Errorf("lease: days (%d), max_days (%d) and total (%d) must not become smaller in this order, and grace (%d) must be 1 or more", l.Days, l.MaxDays, l.Total, l.Grace)}
	}
	return nil
}

// checkNames: names that others gave. Aria and Packer would evaluate ${…} in them.
func (s *Site) checkNames(string) (wrong []error) {
	v := s.VSphere
	for _, one := range [][2]string{
		{"vsphere.server", v.Server}, {"vsphere.user", v.User}, {"vsphere.datacenter", v.Datacenter}, {"vsphere.cluster", v.Cluster},
		{"vsphere.datastore", v.Datastore}, {"vsphere.folder", v.Folder}, {"vsphere.network", v.Network}, {"vsphere.template", v.Template},
		{"vsphere.content_library", v.ContentLibrary}, {"vsphere.item", v.Item}, {"aria.image", s.Aria.Image}, {"aria.network_tag", s.Aria.NetworkTag},
	} {
		if one[1] == "" {
			wrong = append(wrong, fmt.Errorf("%s is empty", one[0]))
		}
		if strings.ContainsFunc(one[1], func(r rune) bool { return r < ' ' }) || strings.Contains(one[1], "${") || strings.Contains(one[1], "%{") {
			wrong = append(wrong, fmt.Errorf("%s %q has characters that Packer or Aria would evaluate", one[0], one[1]))
		}
	}
	return wrong
}

// jbuildTOML is /etc/jbuild/jbuild.toml of somebody's machine.
func (s *Site) jbuildTOML(owner string) (string, error) {
	all := maps.Clone(s.JBuild)
	if all == nil {
		all = map[string]any{}
	}
	web := map[string]any{"owner": owner, "listen": s.listen(), "hosts": s.hosts(owner)}
	if s.Page.Cert != "" {
		web["cert"], web["key"] = s.Page.Cert, s.Page.Key
	}
	all["web"] = web
	var b strings.Builder
	encoder := toml.NewEncoder(&b)
	encoder.Indent = ""
	if err := encoder.Encode(all); err != nil {
		return "", fmt.Errorf("writing jbuild.toml: %w", err)
	}
	return b.String(), nil
}

// listen is where the page is.
func (s *Site) listen() string {
	if s.Page.Network {
		return fmt.Sprintf("0.0.0.0:%d", s.Page.Port)
	}
	return fmt.Sprintf("127.0.0.1:%d", s.Page.Port)
}

// hostname is the first part of a machine's name.
func (s *Site) hostname(owner string) string {
	return strings.ReplaceAll(s.Machine.Hostname, "{user}", owner)
}

// hosts are the names of somebody's machine, the longest first.
func (s *Site) hosts(owner string) []string {
	name := s.hostname(owner)
	if s.Machine.Domain == "" {
		return []string{name}
	}
	return []string{name + "." + s.Machine.Domain, name}
}

// reports: there is somebody to tell what is not uploaded.
func (s *Site) reports() bool {
	report, _ := s.JBuild["report"].(map[string]any)
	address, _ := report["url"].(string)
	return address != ""
}
