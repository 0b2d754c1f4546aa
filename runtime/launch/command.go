package launch

import (
	"bufio"
	"errors"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
)

var errNoCommand = errors.New("none was given and the image names none")

// command returns what to run and whether it is the image's own command.
func (o *Options) command() (args []string, own bool, err error) {
	switch {
	case o.Shell, o.Login != "":
		return nil, false, nil // the image is asked for one when it is open
	case o.Entrypoint != "":
		args = append([]string{o.Entrypoint}, o.Args...)
	case len(o.Args) > 0:
		args = o.Args
	default:
		args, own = slices.Concat(o.Config.Entrypoint, o.Config.Cmd), true
	}
	if len(args) == 0 {
		return nil, false, fault.New("there is no command to run", errNoCommand,
			"name one: jrun run IMAGE COMMAND, or 'jrun shell IMAGE' to look around")
	}
	if args[0] == "" {
		f := fault.New("cannot run the command", fault.Because("its name is empty"), "name a program: jrun run IMAGE COMMAND")
		f.Code = fault.ExitNotFound
		return nil, false, f
	}
	return args, own, nil
}

// directory returns the working directory inside.
func (o *Options) directory(home, cwd string, own bool) (string, error) {
	switch {
	case o.Workdir != "" && !path.IsAbs(o.Workdir):
		return "", fault.Newf(fault.Because("it does not start with /"), "give an absolute path", "cannot use %q as the working directory", o.Workdir)
	case o.Workdir != "":
		return path.Clean(o.Workdir), nil
	case own && path.IsAbs(o.Config.WorkingDir) && path.Clean(o.Config.WorkingDir) != "/":
		return path.Clean(o.Config.WorkingDir), nil
	case len(o.emptyDirs(home)) > 0 && within(cwd, home):
		return home, nil // what was below it is not there
	}
	return cwd, nil
}

// Environment returns what the user asked for with --env-file and --env, as
// NAME=VALUE. The files are read, which may be possible only once; the result can
// take the place of Env, without EnvFiles.
func (o *Options) Environment() ([]string, error) {
	var set []string
	for _, file := range o.EnvFiles {
		pairs, err := readEnvFile(file)
		if err != nil {
			return nil, err
		}
		set = append(set, pairs...)
	}
	for _, text := range o.Env {
		pair, err := envPair(text)
		if err != nil {
			return nil, fault.Newf(err, "write -e NAME=VALUE, or -e NAME to pass a variable on", "cannot understand --env %q", text)
		}
		set = append(set, pair...)
	}
	return set, nil
}

// envPair reads NAME=VALUE, or NAME alone for the host's value if it has one.
func envPair(text string) ([]string, error) {
	name, _, hasValue := strings.Cut(text, "=")
	if name == "" || strings.ContainsAny(name, " \t\x00") {
		return nil, errors.New("a variable needs a name without spaces")
	}
	if hasValue {
		return []string{text}, nil
	}
	if value, ok := os.LookupEnv(name); ok {
		return []string{name + "=" + value}, nil
	}
	return nil, nil
}

// readEnvFile reads the format of docker-run(1): a line a variable, '#' starts
// a comment line, no quoting.
func readEnvFile(name string) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fault.New("cannot read the environment file", err, "check the name given to --env-file")
	}
	defer f.Close()
	var set []string
	scanner := bufio.NewScanner(f)
	scanner.Buffer(nil, 1<<20)
	for number := 1; scanner.Scan(); number++ {
		line := strings.TrimLeft(scanner.Text(), " \t")
		if line == "" || line[0] == '#' {
			continue
		}
		pair, err := envPair(line)
		if err != nil {
			return nil, fault.Newf(fault.Because("line %d: %w", number, err), "write one NAME=VALUE a line", "cannot understand the environment file %s", name)
		}
		set = append(set, pair...)
	}
	if err := scanner.Err(); err != nil {
		return nil, fault.Newf(err, "write one NAME=VALUE a line", "cannot read the environment file %s", name)
	}
	return set, nil
}
