package pbs

import (
	"os"
	"path/filepath"
	"strings"
)

// Task is a program that PBS starts: a job's shell, or one of those that pbsdsh,
// pbs_tmrsh or a launcher of MPI ask for on any node.
type Task struct {
	Host Host
	ID   string // of the job
}

// CurrentTask describes this process, by its environment; ok is false outside of a
// job of PBS.
func CurrentTask(h Host) (t Task, ok bool) {
	id := os.Getenv("PBS_JOBID")
	return Task{Host: h, ID: id}, id != ""
}

// File is there as long as the job is on this machine.
func (t Task) File() string { return t.Host.jobFile(t.ID, ".JB") }

// Script is the job's script, on the first node of a job that has one.
func (t Task) Script() string { return t.Host.jobFile(t.ID, ".SC") }

// Shown are the files and directories that PBS's own programs and the job's script
// expect to find. All tasks of a job on a node get the same: they are to meet in one
// sandbox.
func (t Task) Shown() []string {
	// The list of nodes is not in a task's environment.
	shown := []string{t.Host.Exec, confFile, t.Script(), filepath.Join(t.Host.Home, "aux", filepath.Base(t.ID))}
	for _, name := range []string{"PBS_CONF_FILE", "PBS_O_WORKDIR", "PBS_JOBDIR"} {
		if dir := os.Getenv(name); filepath.IsAbs(dir) {
			shown = append(shown, filepath.Clean(dir))
		}
	}
	return shown
}

// Variables are those by which launchers of MPI start their processes on the other
// nodes through PBS, and so through the hook and into the image, instead of ssh; and
// by which they know the job's nodes. Those that the job has set itself are left
// alone. Remote is where pbs_tmrsh is, inside.
func (t Task) Variables(remote string) map[string]string {
	nodes := os.Getenv("PBS_NODEFILE")
	variables := map[string]string{
		"OMPI_MCA_plm_rsh_agent": remote, // Open MPI 2 to 4
		"PRTE_MCA_plm_ssh_agent": remote, // Open MPI 5, PRRTE
		"HYDRA_LAUNCHER":         "rsh",  // MPICH, Intel MPI
		"HYDRA_LAUNCHER_EXEC":    remote,
	}
	if nodes != "" {
		variables["OMPI_MCA_orte_default_hostfile"] = nodes
		variables["PRTE_MCA_prte_default_hostfile"] = nodes
		variables["HYDRA_HOST_FILE"] = nodes
	}
	for name := range variables {
		if _, set := os.LookupEnv(name); set {
			delete(variables, name)
		}
	}
	return variables
}

// Programs are those of PBS by which a job starts others, on all its nodes.
func (t Task) Programs() []string {
	return []string{t.Host.Command("pbsdsh"), t.Host.Command("pbs_tmrsh")}
}

// Unquoted is an argument as it was before the hook's quoted.
func Unquoted(argument string) string { return strings.TrimPrefix(argument, "=") }
