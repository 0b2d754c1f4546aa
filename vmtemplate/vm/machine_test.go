package vm

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

// TestDay2: the portal's new key reaches the owner, and nothing else does.
func TestDay2(t *testing.T) {
	program(t, "ssh-keygen")
	program(t, "setpriv")
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDbB0ygWMxCLzJM6scbp19CjBKr6Z1s0qBpxwjlh2TTC new"
	for name, test := range map[string]struct{ key, owner, answer string }{
		"a key":       {key, "nobody-of-tests", "failed: the machine has no owner"},
		"nothing":     {"", "", ""},
		"no owner":    {key, "", "failed: the machine has no owner"},
		"two lines":   {key + "\n" + key, "self", "failed: that is not one line"},
		"not a key":   {"ssh-rsa hello", "self", "failed: that is not one line"},
		"options":     {`command="reboot" ` + key, "self", "failed: that is not one line"},
		"the owner's": {key, "self", "done: "},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			linger, bin := filepath.Join(dir, "linger"), filepath.Join(dir, "bin")
			for _, d := range []string{linger, bin} {
				if err := os.Mkdir(d, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			self, err := user.Current()
			if err != nil {
				t.Fatal(err)
			}
			owner := test.owner
			if owner == "self" {
				owner = self.Username
			}
			if owner != "" {
				write(t, filepath.Join(linger, owner), "", 0o644)
			}
			write(t, filepath.Join(dir, "key"), test.key, 0o644)
			write(t, filepath.Join(bin, "rpctool"), "#!/bin/sh\ncase $1 in info-get*) cat "+dir+"/key;; *answer*) echo \"$1\" >>"+dir+"/said;; esac\n", 0o755)
			// The owner's home is one of ours; the rights of another user cannot be taken here.
			write(t, filepath.Join(bin, "getent"), "#!/bin/sh\n[ \"$2\" = "+self.Username+" ] && echo x:x:0:0:x:"+dir+":x\n", 0o755)
			write(t, filepath.Join(bin, "setpriv"), "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\"\n", 0o755)
			cmd := exec.CommandContext(t.Context(), "machine/files/usr/local/sbin/jbuild-day2")
			cmd.Env = append(os.Environ(), "JBUILD_LINGER="+linger, "JBUILD_RPCTOOL="+filepath.Join(bin, "rpctool"), "PATH="+bin+":"+os.Getenv("PATH"))
			out, _ := cmd.CombinedOutput() // what counts is the answer
			said, _ := os.ReadFile(filepath.Join(dir, "said"))
			if answer := strings.TrimPrefix(string(said), "info-set guestinfo.jbuild.answer "); test.answer == "" && answer != "" || !strings.HasPrefix(answer, test.answer) {
				t.Errorf("the answer is %q\n%s", answer, out)
			}
			keys, _ := os.ReadFile(filepath.Join(dir, ".ssh", "authorized_keys"))
			want := ""
			if strings.HasPrefix(test.answer, "done") {
				want = key + "\n"
			}
			if string(keys) != want {
				t.Errorf("the owner's keys are %q", keys)
			}
		})
	}
}

func write(t *testing.T, file, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}
