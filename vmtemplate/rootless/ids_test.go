package rootless

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestSubordinate(t *testing.T) {
	const file = `
other:100000:65536
me:165536:65536
1000:300000:10
me:nonsense:5
me:1
me:5:0
me:1:4294967295
`
	want := []specs.LinuxIDMapping{
		{ContainerID: 1, HostID: 165536, Size: 65536},
		{ContainerID: 65537, HostID: 300000, Size: 10},
	}
	if diff := cmp.Diff(want, parseSubordinate(strings.NewReader(file), "me", "1000")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := parseSubordinate(strings.NewReader(file), "nobody", "5"); got != nil {
		t.Errorf("of another: %v", got)
	}
}
