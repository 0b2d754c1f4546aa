package settings

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
)

// mostSecret is more than any password, in bytes.
const mostSecret = 64 << 10

// ReadSecret reads a password from its file: the first line. A file that others can
// read is refused. Errors are faults, and never hold what is in the file.
func ReadSecret(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fault.Newf(err, "let jadm ask for it: jadm passwords\nor write it yourself, alone: (umask 077; cat > "+file+")", "cannot read the password in %s", file)
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = fmt.Errorf("others can read it: its mode is %#o", info.Mode().Perm())
		return "", fault.Newf(err, "chmod 600 "+file, "refusing the password in %s", file)
	}
	content, err := io.ReadAll(io.LimitReader(f, mostSecret))
	if err != nil {
		return "", fault.Newf(err, "look at the file: ls -l "+file, "cannot read the password in %s", file)
	}
	line, _, _ := strings.Cut(string(content), "\n")
	if line = strings.TrimRight(line, "\r"); line == "" {
		return "", fault.Newf(errors.New("its first line is empty"), "write the password into its first line", "there is no password in %s", file)
	}
	return line, nil
}
