package pbs

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
)

// Host is what a machine's pbs.conf(5) says.
type Host struct {
	Exec   string // PBS_EXEC: its programs are in bin and sbin below
	Home   string // PBS_HOME: what its daemons keep
	Server string // PBS_SERVER
	HasMom bool   // PBS_START_MOM: jobs run here
}

// confFile is where PBS looks, unless PBS_CONF_FILE says otherwise.
const confFile = "/etc/pbs.conf"

// ReadHost reads this machine's configuration. The error is a fault, and wraps
// fs.ErrNotExist where there is no PBS.
func ReadHost() (Host, error) {
	name := os.Getenv("PBS_CONF_FILE")
	if name == "" {
		name = confFile
	}
	f, err := os.Open(name)
	if err != nil {
		next := fault.Say("run it on a machine of the PBS complex")
		if !errors.Is(err, fs.ErrNotExist) {
			next = fault.Say("ask the administrator to let everybody read %s", name)
		}
		return Host{}, fault.New("there is no configuration of PBS on this machine", err, next)
	}
	defer f.Close()
	h := Host{Exec: "/opt/pbs", Home: "/var/spool/pbs"}
	var startMom string
	known := map[string]*string{"PBS_EXEC": &h.Exec, "PBS_HOME": &h.Home, "PBS_SERVER": &h.Server, "PBS_START_MOM": &startMom}
	scanner := bufio.NewScanner(f)
	for scanner.Scan() {
		key, value, ok := strings.Cut(strings.TrimSpace(scanner.Text()), "=")
		if place := known[strings.TrimSpace(key)]; ok && place != nil {
			*place = strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	if err := scanner.Err(); err != nil {
		return Host{}, fault.New("the configuration of PBS cannot be read", fault.Because("%s: %w", name, err), "correct the file")
	}
	h.HasMom = startMom == "1"
	return h, nil
}

// Command is the path of a program of PBS.
func (h Host) Command(name string) string { return filepath.Join(h.Exec, "bin", name) }

// jobFile is a file of a job on this machine; suffix is .JB for what the MoM keeps
// as long as the job is here, .SC for the script, on its first node. Who knows the
// name can see it: mom_priv and jobs are mode 0751.
func (h Host) jobFile(id, suffix string) string {
	if strings.ContainsAny(id, "/\x00") {
		return "" // no id of PBS
	}
	return filepath.Join(h.Home, "mom_priv", "jobs", id+suffix)
}
