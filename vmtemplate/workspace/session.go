package workspace

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/inside"
)

// Session is something to run in a workspace.
type Session struct {
	Args []string // empty: the image's shell, which reads Rc
	Dir  string   // empty: the image's, or /root
	Env  []string

	// Rc is read by an interactive shell at its start (package recipe has one that notes
	// what is typed); Record is the file that it appends to, below Workspace.Dir.
	Rc     map[string][]byte // name below inside.Ours -> content
	Record string            // path outside; seen inside as inside.Ours/record

	// Look: it only looks at the workspace, and does not reach the network. That it was
	// run is not noted.
	Look bool

	Terminal              *inside.Terminal
	Stdin, Stdout, Stderr *os.File
}

// shells are those that a session may run in, best first.
var shells = []string{"/bin/bash", "/usr/bin/bash", "/bin/zsh", "/bin/ash", "/bin/sh", "/usr/bin/sh"}

// Shell is the shell of the workspace: its base name, and its path. Both are empty when
// there is none.
func (w *Workspace) Shell() (name, path string, err error) {
	root, err := w.mount()
	if err != nil {
		return "", "", err
	}
	in, err := os.OpenRoot(root)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = in.Close() }()
	for _, path := range shells {
		if w.isProgram(in, path) {
			return filepath.Base(path), path, nil
		}
	}
	return "", "", nil
}

// isProgram reports whether there is something to execute. A link to an absolute path
// leads out of an os.Root; that there is one is enough.
func (w *Workspace) isProgram(in *os.Root, path string) bool {
	info, err := in.Lstat(strings.TrimPrefix(path, "/"))
	return err == nil && (info.Mode()&os.ModeSymlink != 0 || info.Mode()&0o111 != 0)
}

// Run runs a program as root of the workspace and returns its exit status, see
// inside.Run.
func (w *Workspace) Run(ctx context.Context, s Session) (int, error) {
	if !s.Look {
		w.wrote()
	}
	root, err := w.mount()
	if err != nil {
		return 0, err
	}
	config, err := w.config()
	if err != nil {
		return 0, err
	}
	hostname := strings.NewReplacer(".", "-", "_", "-").Replace(w.Name)
	machine := ThisMachine(w.st.ids, inside.Ours, hostname)
	command := inside.Command{
		Root: root, Args: s.Args, Hostname: hostname, IDs: w.st.ids,
		Dir:      firstOf(s.Dir, w.State.Workdir, config.WorkingDir, "/root"),
		Files:    machine.Files,
		Binds:    machine.Binds,
		Terminal: s.Terminal, Stdin: s.Stdin, Stdout: s.Stdout, Stderr: s.Stderr,
		Restrictions: inside.Restrictions{NoNetwork: s.Look},
	}
	for name, content := range s.Rc {
		command.Files[name] = content
	}
	if s.Record != "" {
		f, err := os.OpenFile(s.Record, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return 0, err
		}
		f.Close()
		command.Binds = append(command.Binds, inside.Bind{Source: s.Record, Target: inside.Ours + "/record", Writable: true})
	}
	// What comes later wins: the image's and the caller's before the machine's.
	command.Env = append(command.Env, "HOME=/root", "USER=root", "LOGNAME=root")
	command.Env = append(command.Env, machine.Env...)
	command.Env = append(command.Env, config.Env...)
	command.Env = append(command.Env, w.State.Env...)
	command.Env = append(command.Env, s.Env...)
	if s.Look {
		return inside.Run(ctx, command)
	}
	if err := w.Update(func(state *State) { state.Used = time.Now().UTC().Truncate(time.Second) }); err != nil {
		return 0, err
	}
	return inside.Run(ctx, command)
}

func firstOf(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}
