package check

import (
	"io/fs"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// placesRule: where jrun shows something of the host, a directory must fit. One that is
// missing is added by jrun; a file in its place is in the way.
type placesRule struct{ unvisited }

func (*placesRule) judge(x *examination) ([]Finding, error) {
	var wrong paths
	for _, name := range []string{"proc", "sys", "dev", "tmp", "var/tmp", "run", "etc", "home"} {
		info, err := fs.Stat(x.Files, name)
		if err == nil && !info.IsDir() {
			wrong.add(name)
		}
	}
	if wrong.empty() {
		return nil, nil
	}
	return []Finding{finding("places", Blocks, message.Of("check.places"), message.Of("check.places.next")).at(wrong)}, nil
}
