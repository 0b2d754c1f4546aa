package presence

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// asChild makes the test binary print its tree and end.
const asChild = "JRUN_TEST_TREE"

func TestMain(m *testing.M) {
	if how := os.Getenv(asChild); how != "" {
		tree := Tree(how == "beyond")
		switch how {
		case "top":
			tree = Top()
		case "starter":
			tree = Starter([]string{"RANK", "TASK"})
		}
		os.Stdout.WriteString(tree.String())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// treeOf runs the test binary as line says, below a shell that is the leader of a
// new session, and returns the tree that it sees and the shell's pid.
func treeOf(t *testing.T, how, line string) (tree Owner, shell int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line, os.Args[0])
	cmd.Env = append(os.Environ(), asChild+"="+how)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	tree, err := Parse(out.String())
	if err != nil {
		t.Fatal(err)
	}
	return tree, cmd.Process.Pid
}

func TestTree(t *testing.T) {
	tree, shell := treeOf(t, "session", `"$0"; :`)
	if tree.PID != shell {
		t.Errorf("a script's process has the tree of %d, want that of the script, %d", tree.PID, shell)
	}
	tree, shell = treeOf(t, "session", `sh -c '"$0"; :' "$0"; :`)
	if tree.PID != shell {
		t.Errorf("a script's script has the tree of %d, want that of the script, %d", tree.PID, shell)
	}
	tree, shell = treeOf(t, "session", `setsid -w "$0"; :`)
	if tree.PID == shell {
		t.Error("a process with a session of its own has the tree of the script")
	}
	beyond, shell := treeOf(t, "beyond", `setsid -w "$0"; :`)
	if beyond.PID == tree.PID || beyond.Machine != Machine() {
		t.Errorf("beyond sessions the tree is %v", beyond)
	}
	same, _ := treeOf(t, "beyond", `"$0"; :`)
	if same.PID != beyond.PID {
		t.Errorf("two below this test have the trees %v and %v, of the shells %d", beyond, same, shell)
	}
}

// TestTop: the top of a batch job is above sessions and the shells of terminals,
// so that an interactive job's commands have the same.
func TestTop(t *testing.T) {
	one, _ := treeOf(t, "top", `"$0"; :`)
	other, shell := treeOf(t, "top", `setsid -w sh -c '"$0"; :' "$0"; :`)
	if one != other || one.PID == shell || one.PID == os.Getpid() && os.Getppid() > 1 && uidOf(os.Getppid()) == os.Getuid() {
		t.Errorf("two processes of one job have the tops %v and %v", one, other)
	}
}

// TestStarter: a launcher is found above scripts that its processes run.
func TestStarter(t *testing.T) {
	for _, line := range []string{
		`TASK=1 "$0"; :`, `RANK=0 sh -c '"$0"; :' "$0"; :`, `RANK=0 setsid -w sh -c '"$0"; :' "$0"; :`, `"$0"; :`,
	} {
		if tree, shell := treeOf(t, "starter", line); tree.PID != shell || tree.Start == 0 {
			t.Errorf("%s was started by %v, want %d", line, tree, shell)
		}
	}
	if tree, shell := treeOf(t, "starter", `sh -c 'RANK=0 "$0"; :' "$0"; :`); tree.PID == shell {
		t.Error("a launcher in a script is taken for the script")
	}
}
