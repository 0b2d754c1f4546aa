package launch

import (
	"bufio"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/runtime/identity"
	"github.com/jrun-hpc/jrun/runtime/sandbox"
)

// loginShell is Login, or what the image has in its place. It says what is missing
// of what runs the script, since shells say it badly.
func (o *Options) loginShell(image *os.File, binds []sandbox.Bind) (string, error) {
	files, err := o.files(image)
	if err != nil {
		return "", err
	}
	shell, ok := identity.Shell(files, o.Login)
	if !ok {
		return "", fault.New("the image has no shell, and a job script needs one", fault.Because("it has neither %s nor /bin/sh", o.Login),
			"start a program of the image instead: qsub -l container_image=IMAGE -- PROGRAM ARGUMENTS")
	}
	interpreter := interpreterOf(o.Script)
	_, missing := fs.Stat(files, strings.TrimPrefix(path.Clean(interpreter), "/"))
	switch {
	case o.Warn == nil || o.Script == "":
	case interpreter == "" && shell != o.Login:
		o.Warn(fault.Say("the image has no %s; %s runs the job's script", o.Login, shell).And("say in its first line what is to run it: #!%s", shell))
	case path.IsAbs(interpreter) && missing != nil && !shown(binds, interpreter):
		o.Warn(fault.Say("the job's script wants to be run by %s, which the image does not have", interpreter).And("write one that it has into the first line: #!%s", shell))
	}
	return shell, nil
}

// interpreterOf is what the first line of a script names after "#!", see execve(2).
func interpreterOf(script string) string {
	f, err := os.Open(script)
	if err != nil {
		return ""
	}
	defer f.Close()
	line, _ := bufio.NewReaderSize(f, 4096).ReadSlice('\n') // a longer one is no path
	text, ok := strings.CutPrefix(string(line), "#!")
	if fields := strings.Fields(text); ok && len(fields) > 0 {
		return fields[0]
	}
	return ""
}

// shown reports whether name lies in what the host shows.
func shown(binds []sandbox.Bind, name string) bool {
	return slices.ContainsFunc(binds, func(b sandbox.Bind) bool { return within(name, b.Destination) })
}
