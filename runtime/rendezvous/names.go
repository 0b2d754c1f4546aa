package rendezvous

import (
	"bufio"
	"os"
	"slices"
	"strings"
)

// mostNames is how many names [Names] returns: a user who fills the table can
// make others work only so much.
const mostNames = 1024

// Names are those, without the "@", that somebody listens at and that begin with
// prefix. Who that is, [Dial] and [Peer] tell.
func Names(prefix string) []string {
	// The columns of proc_net(5): Num RefCount Protocol Flags Type St Inode Path.
	const flagsField, pathField, listening = 3, 7, "00010000" // __SO_ACCEPTCON
	f, err := os.Open("/proc/self/net/unix")
	if err != nil {
		return nil
	}
	defer f.Close()
	var names []string
	for lines := bufio.NewScanner(f); lines.Scan() && len(names) < mostNames; {
		fields := strings.Fields(lines.Text())
		if len(fields) != pathField+1 || fields[flagsField] != listening {
			continue
		}
		name, ok := strings.CutPrefix(fields[pathField], "@")
		if ok && strings.HasPrefix(name, prefix) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
