package vm

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the golden files")

func rendered(t *testing.T, s *Site) map[string]string {
	t.Helper()
	files, err := s.files("ssh-ed25519 AAAA packer")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestGolden: what a site gets, to be read by people.
func TestGolden(t *testing.T) {
	for name, got := range rendered(t, mustParse(t)) {
		golden := filepath.Join("testdata", "rendered", name)
		if *update {
			if err := errors.Join(os.MkdirAll(filepath.Dir(golden), 0o755), os.WriteFile(golden, []byte(got), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// userData is what the tests look at of cloud-init's file.
type userData struct {
	Hostname string
	FQDN     string
	Users    []struct {
		Name       string
		LockPasswd bool `yaml:"lock_passwd"`
		Sudo       string
		Keys       []string `yaml:"ssh_authorized_keys"`
	}
	SSHPasswords bool                       `yaml:"ssh_pwauth"`
	CA           struct{ Trusted []string } `yaml:"ca_certs"`
	Chpasswd     struct {
		Users []struct{ Name, Password string }
	}
	Swap struct{ Size string }
	APT  struct {
		Sources string `yaml:"sources_list"`
	}
	WriteFiles []struct{ Path, Content string } `yaml:"write_files"`
	RunCmd     [][]string
}

func decode(t *testing.T, text string) (u userData, files map[string]string) {
	t.Helper()
	if !strings.HasPrefix(text, "#cloud-config\n") {
		t.Errorf("it begins with %.20q", text)
	}
	if err := yaml.Unmarshal([]byte(text), &u); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	files = map[string]string{}
	for _, f := range u.WriteFiles {
		files[f.Path] = f.Content
	}
	return u, files
}

// TestUserData: each value arrives where it has an effect.
func TestUserData(t *testing.T) {
	s := mustParse(t,
		`domain        = ""`, `domain = "vm.example.ac.jp"`,
		`mirror        = ""`, `mirror = "http://ftp.jaist.ac.jp/debian"`,
		"sudo          = false", "sudo = true",
		"network = false", "network = true",
		`cert    = ""`, `cert = "/etc/ssl/page.pem"`, `key     = ""`, `key = "/etc/ssl/page.key"`,
		`"student"`, `"hanako"`, "= 2048 ", "= 512 ", `"04:30"`, `""`)
	s.ca = "-----BEGIN CERTIFICATE-----\nMTIz\n-----END CERTIFICATE-----\n"
	u, files := decode(t, rendered(t, s)["cloud-init/user-data"])
	if u.Hostname != "jbuild-hanako" || u.FQDN != "jbuild-hanako.vm.example.ac.jp" || u.Swap.Size != "512M" || u.SSHPasswords {
		t.Errorf("%+v", u)
	}
	if len(u.Users) != 1 || u.Users[0].Name != "hanako" || !u.Users[0].LockPasswd || u.Users[0].Sudo == "" || !slices.Equal(u.Users[0].Keys, s.User.SSHKeys) {
		t.Errorf("%+v", u.Users)
	}
	if len(u.CA.Trusted) != 1 || u.CA.Trusted[0] != s.ca {
		t.Errorf("the CA: %q", u.CA.Trusted)
	}
	if want := "deb http://ftp.jaist.ac.jp/debian bookworm main\ndeb http://ftp.jaist.ac.jp/debian bookworm-updates main\ndeb http://deb.debian.org/debian-security bookworm-security main\n"; u.APT.Sources != want {
		t.Errorf("apt: %q", u.APT.Sources)
	}
	var config site.Config
	if known, err := toml.Decode(files[site.File], &config); err != nil || len(known.Undecoded()) > 0 {
		t.Errorf("jbuild.toml: %v, %v", err, known.Undecoded())
	}
	if want := (site.Web{Owner: "hanako", Listen: "0.0.0.0:8787", Hosts: []string{"jbuild-hanako.vm.example.ac.jp", "jbuild-hanako"}, Cert: "/etc/ssl/page.pem", Key: "/etc/ssl/page.key"}); !cmp.Equal(config.Web, want) {
		t.Errorf("jbuild.toml's page: %+v", config.Web)
	}
	if config.Registry != "harbor.example.ac.jp" || config.Job.Select != "1:ncpus=4:mem=8gb" {
		t.Errorf("jbuild.toml: %+v", config)
	}
	for file, want := range map[string]string{
		"/etc/nftables.d/page.nft":                        "add element inet jbuild open { 8787 }\n",
		"/etc/systemd/user/jbuild-web.socket.d/site.conf": "[Socket]\nListenStream=\nListenStream=0.0.0.0:8787\n",
		"/etc/apt/apt.conf.d/60site":                      "Unattended-Upgrade::Automatic-Reboot \"false\";\n",
		"/etc/default/locale":                             "LANG=ja_JP.UTF-8\n",
		"/var/lib/systemd/linger/hanako":                  "",
	} {
		if got, there := files[file]; !there || got != want {
			t.Errorf("%s: %q, %v", file, got, there)
		}
	}
	if _, there := files["/etc/jbuild/report"]; there {
		t.Error("there is nobody to report to")
	}
}

// TestLanguages: the login message and the form are in the site's language.
func TestLanguages(t *testing.T) {
	for language, want := range map[string][2]string{"ja": {"質問に答え", "アカウント名"}, "en": {"questions lead", "Account name"}} {
		files := rendered(t, mustParse(t, `language      = "ja"`, fmt.Sprintf(`language = %q`, language)))
		if _, written := decode(t, files["cloud-init/user-data"]); !strings.Contains(written["/etc/motd"], want[0]) {
			t.Errorf("%s: %s", language, written["/etc/motd"])
		}
		if form := files["aria/cloud-template.yaml"]; !strings.Contains(form, want[1]) {
			t.Errorf("%s: the form: %s", language, form)
		}
	}
}

func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(filepath.Join("..", "aria", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON is a YAML document as JSON's decoder has it.
func asJSON(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

// TestAria: the cloud template and the policy have the shape that Aria documents, and what
// is broken in them is found.
func TestAria(t *testing.T) {
	template, policy := schema(t, "cloud-template.schema.json"), schema(t, "lease-policy.schema.json")
	for _, changes := range [][]string{nil, {"ssh_passwords = false", "ssh_passwords = true"}, {"# Sizes to choose", "[[size]]\nname = \"huge\"\ntitle = \"Huge\"\ncpus = 32\nmemory_gib = 64\ndisk_gib = 500\n# Sizes to choose"}} {
		files := rendered(t, mustParse(t, changes...))
		if err := template.Validate(asJSON(t, files["aria/cloud-template.yaml"])); err != nil {
			t.Errorf("%v\n%s", err, files["aria/cloud-template.yaml"])
		}
		if err := policy.Validate(asJSON(t, files["aria/lease-policy.json"])); err != nil {
			t.Errorf("%v\n%s", err, files["aria/lease-policy.json"])
		}
	}
	text := rendered(t, mustParse(t))["aria/cloud-template.yaml"]
	for from, to := range map[string]string{
		"formatVersion: 1": "formatVersion: 2", "cpuCount:": "cpus:", "type: Cloud.vSphere.Network": "type: Cloud.Vsphere.Network",
		"${resource.network.id}": "network", "minimum: 1": "pattern: x", "#cloud-config": "# cloud-config", "        const:": "        value:",
	} {
		if !strings.Contains(text, from) {
			t.Fatalf("the template has no %q", from)
		}
		if template.Validate(asJSON(t, strings.Replace(text, from, to, 1))) == nil {
			t.Errorf("%q instead of %q is not found", to, from)
		}
	}
}

// TestAriaCloudConfig: what the portal fills in makes a machine of whoever has asked.
func TestAriaCloudConfig(t *testing.T) {
	var template struct {
		Inputs    map[string]map[string]any
		Resources map[string]struct{ Properties map[string]any }
	}
	text := rendered(t, mustParse(t, "ssh_passwords = false", "ssh_passwords = true"))["aria/cloud-template.yaml"]
	if err := yaml.Unmarshal([]byte(text), &template); err != nil {
		t.Fatal(err)
	}
	config, _ := template.Resources["machine"].Properties["cloudConfig"].(string)
	filled := strings.NewReplacer("${input.account}", "taro", "${input.sshKey}", "ssh-ed25519 AAAA taro", "${input.password}", "pass word").Replace(config)
	if strings.Contains(filled, "${") {
		t.Errorf("Aria would not know what to put here: %s", filled)
	}
	for input := range template.Inputs {
		if input != "size" && !strings.Contains(text, "${input."+input+"}") && !strings.Contains(text, "input."+input+")") {
			t.Errorf("nobody uses %s", input)
		}
	}
	u, files := decode(t, filled)
	if u.Hostname != "jbuild-taro" || u.Users[0].Name != "taro" || u.Users[0].LockPasswd || !u.SSHPasswords || u.Chpasswd.Users[0].Password != "pass word" {
		t.Errorf("%+v", u)
	}
	if !strings.Contains(files[site.File], `owner = "taro"`) {
		t.Error(files[site.File])
	}
	if _, there := files["/var/lib/systemd/linger/taro"]; !there {
		t.Error("the user does not linger")
	}
	// A value that Aria would evaluate is refused.
	s := mustParse(t)
	s.JBuild["data"] = "${HOME}/x"
	if _, err := s.files("key"); err == nil || !strings.Contains(err.Error(), "${") {
		t.Errorf("an expression: %v", err)
	}
}

func TestChoice(t *testing.T) {
	s := mustParse(t)
	s.Sizes = append(s.Sizes, Size{Name: "huge", Title: "Huge", CPUs: 32, MemoryGiB: 64, DiskGiB: 500})
	f, err := s.form()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.Choice("CPUs"), "${input.size == 'small' ? 2 : (input.size == 'large' ? 8 : 32)}"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// program is a program that a test needs, which integration/setup.sh test installs.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%v: integration/setup.sh test installs it", err)
	}
	return path
}

// TestPacker: Packer understands what is rendered for it.
func TestPacker(t *testing.T) {
	packer := program(t, "packer")
	dir := t.TempDir()
	if err := mustParse(t).Render(dir); err != nil {
		t.Fatal(err)
	}
	validate := func() (string, error) {
		cmd := exec.CommandContext(t.Context(), packer, "validate", "-var", "vsphere_password=x", ".")
		cmd.Dir = filepath.Join(dir, "packer")
		cmd.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "HOME="+dir)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := validate(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	file := filepath.Join(dir, "packer", "jbuild.pkr.hcl")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.Replace(text, []byte("content_library_destination"), []byte("content_library"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := validate(); err == nil {
		t.Errorf("a block that there is not is taken:\n%s", out)
	}
}

// TestRenderAgain: what is the site's own stays.
func TestRenderAgain(t *testing.T) {
	dir := t.TempDir()
	s := mustParse(t)
	if err := s.Render(dir); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(dir, buildKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(dir, "packer", "site.sh")
	if err := os.WriteFile(own, []byte("apt-get install -y zabbix-agent\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Render(dir); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(filepath.Join(dir, buildKeyFile)); err != nil || !bytes.Equal(again, key) {
		t.Errorf("the key is another: %v", err)
	}
	if text, err := os.ReadFile(own); err != nil || !strings.Contains(string(text), "zabbix") {
		t.Errorf("the site's script is gone: %s, %v", text, err)
	}
	if info, err := os.Stat(filepath.Join(dir, buildKeyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode: %v, %v", info.Mode(), err)
	}
}

// TestSeed: the disk has the label and the names by which cloud-init finds it.
func TestSeed(t *testing.T) {
	xorriso := program(t, "xorriso")
	seed := filepath.Join(t.TempDir(), "seed.iso")
	s := mustParse(t)
	if err := s.Seed(t.Context(), seed); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), xorriso, "-indev", seed, "-pvd_info", "-find", "/", "-type", "f").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Volume Id    : cidata") || !strings.Contains(string(out), "/user-data'") || !strings.Contains(string(out), "/meta-data'") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestOVA: the parts are there in the order of the specification, are what the checksums
// say, and the disk is the image's.
func TestOVA(t *testing.T) {
	qemu := program(t, "qemu-img")
	dir := t.TempDir()
	raw, image, file := filepath.Join(dir, "raw"), filepath.Join(dir, "disk.qcow2"), filepath.Join(dir, "jbuild.ova")
	if err := os.WriteFile(raw, bytes.Repeat([]byte("disk"), 1<<18), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), qemu, "convert", "-O", "qcow2", raw, image).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := mustParse(t).OVA(t.Context(), image, file); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var names []string
	for r := tar.NewReader(f); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
		content, err := io.ReadAll(r)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, header.Name), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(names, []string{ovfName, mfName, vmdkName}) {
		t.Fatalf("the file has %v", names)
	}
	for _, name := range []string{ovfName, vmdkName} {
		sum, err := checksum(filepath.Join(dir, name))
		manifest, _ := os.ReadFile(filepath.Join(dir, mfName))
		if err != nil || !strings.Contains(string(manifest), fmt.Sprintf("SHA256(%s)= %s\n", name, sum)) {
			t.Errorf("%s: %s, %v, not in\n%s", name, sum, err, manifest)
		}
	}
	if out, err := exec.CommandContext(t.Context(), qemu, "compare", image, filepath.Join(dir, vmdkName)).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	descriptor, err := os.ReadFile(filepath.Join(dir, ovfName))
	if err != nil {
		t.Fatal(err)
	}
	var envelope struct {
		File struct {
			Href string `xml:"href,attr"`
			Size int64  `xml:"size,attr"`
		} `xml:"References>File"`
		Disk struct {
			Capacity int64  `xml:"capacity,attr"`
			Format   string `xml:"format,attr"`
		} `xml:"DiskSection>Disk"`
		Items []struct {
			ID, Parent string
			Type       int `xml:"ResourceType"`
			InstanceID string
			Quantity   int `xml:"VirtualQuantity"`
		} `xml:"VirtualSystem>VirtualHardwareSection>Item"`
	}
	if err := xml.Unmarshal(descriptor, &envelope); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, vmdkName))
	if err != nil {
		t.Fatal(err)
	}
	if envelope.File.Href != vmdkName || envelope.File.Size != info.Size() || envelope.Disk.Capacity != 1<<20 || !strings.HasSuffix(envelope.Disk.Format, "#streamOptimized") {
		t.Errorf("%+v", envelope)
	}
	ids, quantities := map[string]bool{}, map[int]int{}
	for _, item := range envelope.Items {
		if ids[item.InstanceID] || item.Parent != "" && !ids[item.Parent] {
			t.Errorf("%+v is twice, or its parent is missing", item)
		}
		ids[item.InstanceID] = true
		quantities[item.Type] = item.Quantity
	}
	if quantities[3] != 2 || quantities[4] != 4096 {
		t.Errorf("CPUs and MiB: %v", quantities)
	}
}
