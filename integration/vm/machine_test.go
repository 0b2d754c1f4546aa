//go:build vm

package vm

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// bootPatience is how long a machine may take to be ready; without KVM everything is
// twenty times as slow.
const bootPatience = 8 * time.Minute

// machine is a virtual machine that runs.
type machine struct {
	t       *testing.T
	dir     string
	user    string
	signer  ssh.Signer
	sshAddr string
	started time.Time
	client  *ssh.Client
	cmd     *exec.Cmd
	ended   chan struct{} // closed when QEMU has
}

// boot starts an image that nothing is written to, with a disk that is larger than what it
// was made for, and a seed disk.
func boot(t *testing.T, image, firmware, seed, user string, key ed25519.PrivateKey) *machine {
	t.Helper()
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, dir: t.TempDir(), user: user, signer: signer, sshAddr: freeAddress(t)}
	disk := filepath.Join(m.dir, "disk.qcow2")
	run(t, "qemu-img", "create", "-q", "-f", "qcow2", "-b", image, "-F", "qcow2", disk, "20G")
	args := []string{
		"-m", "2048", "-smp", "2", "-display", "none", "-monitor", "none", "-no-user-config",
		"-serial", "file:" + m.console(),
		"-drive", "file=" + disk + ",if=virtio,cache=unsafe",
		"-drive", "file=" + seed + ",if=virtio,format=raw,readonly=on",
		"-nic", "user,model=virtio,hostfwd=tcp:" + m.sshAddr + "-:22",
	}
	args = append(args, firmwareArgs(t, firmware, m.dir)...)
	accel := os.Getenv("VM_ACCEL")
	if accel == "" || accel == "kvm" {
		if m.start(append([]string{"-accel", "kvm", "-cpu", "host"}, args...)); m.stays() {
			t.Log("with KVM")
			return m
		}
		if accel == "kvm" {
			t.Fatal(m.problem("QEMU has ended at once with KVM"))
		}
	}
	t.Log("KVM cannot be used here, or was not asked for: with TCG, which is slow")
	if m.start(append([]string{"-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max"}, args...)); !m.stays() {
		t.Fatal(m.problem("QEMU has ended at once"))
	}
	return m
}

// firmwareArgs have the machine start by UEFI, if that is wanted; QEMU's own is a BIOS.
func firmwareArgs(t *testing.T, firmware, dir string) []string {
	t.Helper()
	if firmware == "bios" {
		return nil
	}
	const code, vars = "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"
	text, err := os.ReadFile(vars)
	if err != nil {
		t.Fatalf("%v: run integration/setup.sh vm", err)
	}
	own := filepath.Join(dir, "vars.fd")
	if err := os.WriteFile(own, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{
		"-machine", "q35",
		"-drive", "if=pflash,format=raw,readonly=on,file=" + code,
		"-drive", "if=pflash,format=raw,file=" + own,
	}
}

func (m *machine) console() string { return filepath.Join(m.dir, "console") }

func (m *machine) start(args []string) {
	m.t.Helper()
	log, err := os.Create(filepath.Join(m.dir, "qemu"))
	if err != nil {
		m.t.Fatal(err)
	}
	defer log.Close()
	m.cmd = exec.Command("qemu-system-x86_64", args...)
	m.cmd.Stdout, m.cmd.Stderr = log, log
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	m.started = time.Now()
	if err := m.cmd.Start(); err != nil {
		m.t.Fatalf("%v: run integration/setup.sh vm", err)
	}
	cmd, ended := m.cmd, make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	m.ended = ended
	m.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
}

// stays reports whether QEMU has not ended at once, as it does when KVM refuses something.
func (m *machine) stays() bool {
	select {
	case <-m.ended:
		return false
	case <-time.After(3 * time.Second):
		return true
	}
}

// problem is a message with what QEMU and the machine have said last.
func (m *machine) problem(what string) string {
	text := what
	for _, name := range []string{"qemu", "console"} {
		said, _ := os.ReadFile(filepath.Join(m.dir, name))
		said = said[max(0, len(said)-4000):]
		text += fmt.Sprintf("\n--- %s\n%s", name, strings.ToValidUTF8(string(said), "?"))
	}
	return text
}

// reach logs in, as soon as the machine lets its user in.
func (m *machine) reach(ctx context.Context) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, bootPatience)
	defer cancel()
	for {
		client, err := m.dial(ssh.PublicKeys(m.signer))
		if err == nil {
			m.client = client
			m.t.Cleanup(func() { _ = client.Close() })
			return
		}
		select {
		case <-m.ended:
			m.t.Fatal(m.problem("QEMU has ended"))
		case <-ctx.Done():
			m.t.Fatal(m.problem("nobody can log in: " + err.Error()))
		case <-time.After(time.Second):
		}
	}
}

func (m *machine) dial(auth ...ssh.AuthMethod) (*ssh.Client, error) {
	conn, err := net.DialTimeout("tcp", m.sshAddr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second)) // QEMU accepts before anybody listens
	// The key was made a minute ago, at the other end of a wire that nobody else has.
	c, channels, requests, err := ssh.NewClientConn(conn, m.sshAddr, &ssh.ClientConfig{User: m.user, Auth: auth, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	_ = conn.SetDeadline(time.Time{})
	return ssh.NewClient(c, channels, requests), nil
}

// sh runs a command in the machine, which must succeed, and is what it writes.
func (m *machine) sh(command, stdin string) string {
	m.t.Helper()
	out, err := m.try(command, stdin)
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return out
}

func (m *machine) try(command, stdin string) (string, error) {
	m.t.Helper()
	session, err := m.client.NewSession()
	if err != nil {
		m.t.Fatal(m.problem("the connection is gone: " + err.Error()))
	}
	defer session.Close()
	var out, said bytes.Buffer
	session.Stdin, session.Stdout, session.Stderr = strings.NewReader(stdin), &out, &said
	if err := session.Run(command); err != nil {
		return out.String() + said.String(), err
	}
	return out.String(), nil
}

// freeAddress is one of the loopback interface that nobody has.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "127.0.0.1:" + strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// run runs a program out here, which must succeed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
