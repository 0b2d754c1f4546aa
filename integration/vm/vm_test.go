//go:build vm

package vm

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/integration/ordinary"
	"golang.org/x/crypto/ssh"
)

// image is the machine's, which make vm-image makes.
func image(t *testing.T) string {
	t.Helper()
	file, err := filepath.Abs(cmp.Or(os.Getenv("VM_IMAGE"), "../../bin/vm/jbuild.qcow2"))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatalf("%v: run make vm-image first", err)
	}
	t.Logf("the image has %d MiB", info.Size()>>20)
	return file
}

// TestMachine is a user's first day with a machine that starts by its BIOS, and a start by
// UEFI.
func TestMachine(t *testing.T) {
	l := newLab(t.Context(), t)
	file := image(t)
	for firmware, test := range map[string]func(*testing.T, *machine, *lab){"bios": firstDay, "uefi": byUEFI} {
		if wanted := os.Getenv("VM_FIRMWARE"); wanted != "" && wanted != firmware {
			continue
		}
		t.Run(firmware, func(t *testing.T) {
			m := boot(t, file, firmware, l.seed, student, l.key)
			m.reach(t.Context())
			t.Logf("login after %v", time.Since(m.started).Round(time.Second))
			test(t, m, l)
		})
	}
}

func byUEFI(_ *testing.T, m *machine, _ *lab) {
	m.sh("test -d /sys/firmware/efi", "")
	m.sh("findmnt --noheadings /boot/efi", "")
}

func firstDay(t *testing.T, m *machine, l *lab) {
	m.sh("cloud-init status --wait", "")
	t.Logf("everything is there after %v", time.Since(m.started).Round(time.Second))
	run := func(name string, test func(*testing.T, *machine, *lab)) {
		t.Run(name, func(t *testing.T) {
			inner := *m
			inner.t = t
			test(t, &inner, l)
		})
	}
	run("fresh", fresh)
	run("closed", closed)
	run("build", build)
	run("doctor", doctor)
	run("page", page)
}

// fresh: what is the machine's own was made at its start, and it is what its site wants.
func fresh(t *testing.T, m *machine, _ *lab) {
	if state := strings.TrimSpace(m.sh("systemctl is-system-running --wait || :", "")); state != "running" {
		t.Errorf("the machine is %s:\n%s", state, m.sh("systemctl --failed --no-legend", ""))
	}
	for command, want := range map[string]string{
		"hostname":                               "jbuild-student",
		"cat /etc/default/locale":                "LANG=ja_JP.UTF-8",
		"readlink /etc/localtime":                "/usr/share/zoneinfo/Asia/Tokyo",
		"findmnt --noheadings --output FSTYPE /": "ext4",
		"grep -c ^student: /etc/subuid /etc/subgid | tr '\\n' ' '": "/etc/subuid:1 /etc/subgid:1",
		"loginctl show-user student --property Linger --value":     "yes",
		"stat -c %a /dev/fuse": "666",
	} {
		if got := strings.TrimSpace(m.sh(command, "")); got != want {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
	// cloud-init leaves out what it does not understand, and says so in one line.
	if said, err := os.ReadFile(m.console()); err != nil || strings.Contains(string(said), "Invalid cloud-config") {
		t.Errorf("cloud-init takes its configuration for wrong, see the console (%v)", err)
	}
	if id := strings.TrimSpace(m.sh("cat /etc/machine-id", "")); len(id) != 32 {
		t.Errorf("the machine-id is %q", id)
	}
	if motd := m.sh("cat /etc/motd", ""); !strings.Contains(motd, "計算サーバ") {
		t.Errorf("the login message is %q", motd)
	}
	// The disk of 20 GiB is used, and the swap file of the site is there.
	if out := m.sh("df --output=size --block-size=1G / | tail -1", ""); !slices.Contains([]string{"19", "20"}, strings.TrimSpace(out)) {
		t.Errorf("the file system has %s GiB of 20", strings.TrimSpace(out))
	}
	if out := m.sh("cat /proc/swaps", ""); !strings.Contains(out, "/swap.img") {
		t.Errorf("there is no swap: %s", out)
	}
	if out := m.sh("ls /etc/ssh/", ""); strings.Count(out, "_key.pub") != 2 {
		t.Errorf("ssh's host keys: %s", out)
	}
}

// closed: what is not for its user is closed.
func closed(t *testing.T, m *machine, _ *lab) {
	if client, err := m.dial(ssh.Password(""), ssh.Password(password)); err == nil {
		client.Close()
		t.Error("ssh takes passwords")
	}
	root := *m
	root.user = "root"
	if client, err := root.dial(ssh.PublicKeys(m.signer)); err == nil {
		client.Close()
		t.Error("root may log in")
	}
	if out, err := m.try("sudo -n true", ""); err == nil {
		t.Errorf("the user is root without the site's word: %s", out)
	}
	// What listens beyond loopback is ssh, and the rest would be behind the firewall.
	for line := range strings.Lines(m.sh("ss -H -lntu", "")) {
		fields := strings.Fields(line)
		address := fields[4]
		if host, port, _ := net.SplitHostPort(address); !strings.HasPrefix(host, "127.") && host != "[::1]" && host != "::1" && port != "22" && port != "68" && port != "546" {
			t.Errorf("somebody listens at %s", address)
		}
	}
	if out := m.sh("systemctl is-active nftables", ""); strings.TrimSpace(out) != "active" {
		t.Errorf("the firewall is %s", out)
	}
	if _, err := m.client.Listen("tcp", "0.0.0.0:4444"); err == nil {
		t.Error("ssh -R works")
	}
}

// build: an image is made and uploaded in the machine, and jrun runs it out here.
func build(t *testing.T, m *machine, l *lab) {
	started := time.Now()
	m.sh("jbuild login --username "+student+" --password-stdin", password)
	m.sh("jbuild new --base base/debian:12 --name made", "")
	m.sh("jbuild run made -- sh -c 'echo made in a machine >/etc/made && chgrp 4321 /etc/made'", "")
	m.sh("jbuild push made made:1", "")
	t.Logf("an image was made and uploaded in %v", time.Since(started).Round(time.Second))

	user, err := ordinary.Current(cmp.Or(os.Getenv("JRUN_TEST_USER"), "jrun-test"))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/var/tmp", "jrun-vm-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	jrun, err := ordinary.CopyBinary("../..", dir)
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(dir, "home")
	runtime := filepath.Join(dir, "run") // where the login is kept
	for _, d := range []string{home, runtime} {
		if err := user.Mkdir(d); err != nil {
			t.Fatal(err)
		}
	}
	outside := func(stdin string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), jrun, args...)
		cmd.Env = []string{"HOME=" + home, "USER=" + user.Name, "PATH=/usr/bin:/bin", "LANG=C.UTF-8", "XDG_RUNTIME_DIR=" + runtime, "JRUN_STORE=" + filepath.Join(home, "store")}
		cmd.Dir, cmd.Stdin = home, strings.NewReader(stdin)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user.Credential()}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("jrun %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	outside(password, "login", "--username", student, "--password-stdin", l.registry.Host)
	if out := outside("", "run", l.registry.Host+"/"+student+"/made:1", "--", "cat", "/etc/made"); !strings.Contains(out, "made in a machine") {
		t.Errorf("jrun: %s", out)
	}
}

// doctor: the machine is sound, and says what is not perfect.
func doctor(t *testing.T, m *machine, _ *lab) {
	var findings []struct{ Check, Status, Detail, Why string }
	if err := json.Unmarshal([]byte(m.sh("jbuild doctor --json", "")), &findings); err != nil {
		t.Fatal(err)
	}
	status := map[string]string{}
	for _, f := range findings {
		status[f.Check] = f.Status
	}
	for _, check := range []string{"config", "namespaces", "subordinate ids", "newuidmap", "fuse", "space", "registry", "login", "restart", "firewall", "page"} {
		if status[check] != "ok" {
			t.Errorf("%s: %q in %+v", check, status[check], findings)
		}
	}
	// A registry that is away ends it with a status of its own.
	if out, err := m.try("mkdir -p ~/.config/jbuild && echo 'registry = \"127.0.0.1:9\"' >~/.config/jbuild/jbuild.toml; jbuild doctor --lang en; s=$?; rm ~/.config/jbuild/jbuild.toml; exit $s", ""); err == nil || !strings.Contains(out, "FAILED") {
		t.Errorf("a registry that is away: %v\n%s", err, out)
	}
}

// page: systemd starts it for whoever comes, and it tells nothing to who has no invitation.
func page(t *testing.T, m *machine, _ *lab) {
	client := &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return m.client.DialContext(ctx, network, address) // as ssh -L does
		},
	}}
	defer client.CloseIdleConnections()
	ask := func(method, url, body string, headers ...string) (*http.Response, string) {
		request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer, string(text)
	}
	const address = "http://127.0.0.1:8787"
	started := time.Now()
	if answer, text := ask("GET", address+"/", ""); answer.StatusCode != http.StatusOK || !strings.Contains(text, "<html") {
		t.Fatalf("the page: %s\n%s", answer.Status, text)
	}
	t.Logf("the page came after %v", time.Since(started).Round(100*time.Millisecond))
	if state := strings.TrimSpace(m.sh("systemctl --user is-active jbuild-web.service", "")); state != "active" {
		t.Errorf("the page's service is %s", state)
	}
	for _, path := range []string{"/api/session", "/api/desk", "/api/images", "/api/bench/files"} {
		if answer, text := ask("GET", address+path, ""); answer.StatusCode != http.StatusUnauthorized || strings.Contains(text, "made") {
			t.Errorf("%s without a session: %s\n%s", path, answer.Status, text)
		}
	}
	var told struct{ Link string }
	if err := json.Unmarshal([]byte(m.sh("jbuild web --link --json", "")), &told); err != nil {
		t.Fatal(err)
	}
	_, invitation, _ := strings.Cut(told.Link, "#invitation=")
	body, err := json.Marshal(map[string]string{"invitation": invitation})
	if err != nil {
		t.Fatal(err)
	}
	login := func() (*http.Response, string) {
		return ask("POST", address+"/api/login", string(body), "Content-Type", "application/json", "Origin", address)
	}
	answer, text := login()
	if answer.StatusCode != http.StatusOK || len(answer.Cookies()) != 1 {
		t.Fatalf("the invitation: %s\n%s", answer.Status, text)
	}
	if again, text := login(); again.StatusCode != http.StatusForbidden {
		t.Errorf("the invitation a second time: %s\n%s", again.Status, text)
	}
	cookie := answer.Cookies()[0]
	if answer, text := ask("GET", address+"/api/session", "", "Cookie", cookie.Name+"="+cookie.Value); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("a session's cookie without its proof: %s\n%s", answer.Status, text)
	}
	var in struct{ Session string }
	if err := json.Unmarshal([]byte(text), &in); err != nil {
		t.Fatal(err)
	}
	if answer, text := ask("GET", address+"/api/session", "", "Cookie", cookie.Name+"="+cookie.Value, "X-Jbuild-Session", in.Session); answer.StatusCode != http.StatusNoContent {
		t.Errorf("a session: %s\n%s", answer.Status, text)
	}
}
