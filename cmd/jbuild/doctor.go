package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/vmtemplate/doctor"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/rootless"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
	"github.com/jrun-hpc/jrun/vmtemplate/terminal"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// statusUnsound is the exit status of jbuild doctor when images cannot be made.
const statusUnsound = 1

// checkWithin is how long the registry, a program or an address may take to answer.
const checkWithin = 20 * time.Second

func (p *program) newDoctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:     p.Say("doctor.use"),
		Short:   p.Say("doctor.short"),
		Long:    p.Say("doctor.long"),
		Example: p.Say("doctor.examples"),
		Args:    p.args(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.runDoctor(cmd) },
	}
}

func (p *program) runDoctor(cmd *cobra.Command) error {
	m, err := thisMachine()
	if err != nil {
		return err
	}
	findings := doctor.Examine(cmd.Context(), m)
	if p.json {
		err = printJSON(cmd.OutOrStdout(), p.findings(findings))
	} else {
		err = p.printFindings(cmd.OutOrStdout(), findings)
	}
	if err == nil && !doctor.Sound(findings) {
		err = &rootless.EndedError{Status: statusUnsound}
	}
	return err
}

// foundWords is a finding in words, for programs.
type foundWords struct {
	Check  string        `json:"check"`
	Status doctor.Status `json:"status"`
	Detail string        `json:"detail"`
	Why    string        `json:"why,omitempty"`
	Next   []string      `json:"next,omitempty"`
}

func (p *program) findings(all []doctor.Finding) []foundWords {
	words := make([]foundWords, 0, len(all))
	for _, f := range all {
		w := foundWords{Check: f.Check, Status: f.Status, Detail: p.Text(f.What)}
		if f.Why != nil {
			w.Why = p.Cause(f.Why)
		}
		for _, next := range f.Next {
			w.Next = append(w.Next, p.Text(next))
		}
		words = append(words, w)
	}
	return words
}

func (p *program) printFindings(out io.Writer, all []doctor.Finding) error {
	titles := map[doctor.Status]string{
		doctor.OK: p.Say("doctor.ok"), doctor.Warning: p.Say("doctor.warning"),
		doctor.Failed: p.Say("doctor.failed"), doctor.Skipped: p.Say("doctor.skipped"),
	}
	var rows [][]string
	for _, w := range p.findings(all) {
		rows = append(rows, []string{titles[w.Status], w.Detail})
		if w.Why != "" {
			rows = append(rows, []string{"", w.Why})
		}
		for _, next := range w.Next {
			rows = append(rows, []string{"", p.Say("message.next") + " " + next})
		}
	}
	verdict := p.Say("doctor.sound")
	if !doctor.Sound(all) {
		verdict = p.Say("doctor.unsound")
	}
	_, err := fmt.Fprintf(out, "%s\n%s\n", terminal.Table(rows), verdict)
	return err
}

// thisMachine is the one that jbuild runs on.
func thisMachine() (*doctor.Machine, error) {
	config, configErr := site.Load(getenv)
	who, err := user.Current()
	if err != nil {
		return nil, fmt.Errorf("finding out who you are: %w", err)
	}
	m := &doctor.Machine{
		Files: os.DirFS("/"), Run: runForDoctor, Find: exec.LookPath, Free: freeBelow, Dial: dialForDoctor, Now: time.Now,
		User: who.Username, UID: os.Getuid(),
		Config: config, ConfigErr: configErr, DataDir: config.DataDir(getenv),
		Enter: tryNamespace,
	}
	m.Registry = func(ctx context.Context) (doctor.Answer, error) { return askV2(ctx, config) }
	m.LoggedIn = func() (string, error) {
		access, err := registryAccess(config)
		return access.User, err
	}
	return m, nil
}

func registryAccess(config site.Config) (image.Access, error) {
	to, err := image.ParseLoginTarget(config.Registry)
	if err != nil {
		return image.Access{}, err
	}
	return client(config).AccessTo(to)
}

// askV2 asks a registry whether it is one: end-1 of the distribution specification.
func askV2(ctx context.Context, config site.Config) (doctor.Answer, error) {
	access, err := registryAccess(config)
	if err != nil {
		return doctor.Answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+access.Host+"/v2/", nil)
	if err != nil {
		return doctor.Answer{}, fmt.Errorf("asking %s: %w", access.Host, err)
	}
	response, err := access.Transport.RoundTrip(request)
	if err != nil && access.Plain {
		request.URL.Scheme = "http"
		response, err = access.Transport.RoundTrip(request)
	}
	if err != nil {
		return doctor.Answer{}, fmt.Errorf("asking %s: %w", access.Host, err)
	}
	defer func() { _ = response.Body.Close() }()
	date, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		date = time.Time{} // a registry need not say it
	}
	return doctor.Answer{Status: response.StatusCode, Date: date}, nil
}

// runForDoctor runs a program in no language, as its output is read.
func runForDoctor(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	return string(out), err
}

func dialForDoctor(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// freeBelow is the space below a directory, or where it would be made.
func freeBelow(dir string) (int64, error) {
	for {
		var s unix.Statfs_t
		err := unix.Statfs(dir, &s)
		if err == nil {
			return int64(s.Bavail) * s.Bsize, nil
		}
		if parent := filepath.Dir(dir); errors.Is(err, unix.ENOENT) && parent != dir {
			dir = parent
			continue
		}
		return 0, fmt.Errorf("asking for the space in %s: %w", dir, err)
	}
}

// tryNamespace has another jbuild enter a namespace; see newTryNamespaceCommand.
func tryNamespace(ctx context.Context) (ranges bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "try-namespace")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		if text := strings.TrimSpace(said.String()); text != "" {
			return false, errors.New(strings.TrimPrefix(text, "jbuild: "))
		}
		return false, fmt.Errorf("entering a namespace: %w", err)
	}
	return strings.TrimSpace(string(out)) == string(rootless.Ranges), nil
}

// newTryNamespaceCommand is a part of jbuild doctor: it enters a namespace as builds do,
// mounts an overlay in it, and says which ids there are.
func (p *program) newTryNamespaceCommand() *cobra.Command {
	return &cobra.Command{
		Use: "try-namespace", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ids, err := rootless.Enter()
			if err != nil {
				return err
			}
			if err := tryOverlay(); err != nil {
				return message.Fail(message.Of("doctor.overlay"), err, message.Of("doctor.ask-admin"))
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), ids)
			return err
		},
	}
}

// tryOverlay mounts an overlay on a file system in memory. Nothing of it stays: the
// namespace ends with this process.
func tryOverlay() error {
	dir, err := os.MkdirTemp("", "jbuild-doctor-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(dir) }()
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		return fmt.Errorf("mounting a tmpfs: %w", err)
	}
	defer func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }()
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
	}
	options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work,userxattr", dir)
	if err := unix.Mount("overlay", filepath.Join(dir, "merged"), "overlay", 0, options); err != nil {
		return fmt.Errorf("mounting an overlay: %w", err)
	}
	return nil
}
