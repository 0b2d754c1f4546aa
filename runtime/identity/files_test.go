package identity

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPasswd(t *testing.T) {
	hanako := Person{Name: "hanako", UID: 2002, GID: 100, FullName: "Hanako", Home: "/home/hanako", Shell: "/bin/bash"}
	const own = "hanako:x:2002:100:Hanako:/home/hanako:/bin/bash\n"
	tests := []struct {
		name   string
		image  string
		person Person
		want   string
	}{
		{"no file", "", hanako, own},
		{"others stay", "root:x:0:0:root:/root:/bin/sh\n", hanako, own + "root:x:0:0:root:/root:/bin/sh\n"},
		{"same uid gives way", "ubuntu:x:2002:2002::/home/ubuntu:/bin/sh\n", hanako, own},
		{"same name gives way", "hanako:x:1:1::/:/bin/sh\n", hanako, own},
		{"no newline at the end", "a:x:1:1::/:", hanako, own + "a:x:1:1::/:\n"},
		{"comments and junk go", "# note\n\njunk\na:x:1:1::/:\r\n", hanako, own + "a:x:1:1::/:\n"},
		{
			"fields cannot break the format", "",
			Person{Name: "a:b\nroot", UID: 1, GID: 2, FullName: "x:y", Home: "/h:0", Shell: "/s"},
			"a_b_root:x:1:2:x_y:/h_0:/s\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, string(Passwd([]byte(test.image), test.person))); diff != "" {
				t.Errorf("passwd (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGroupFile(t *testing.T) {
	p := Person{Name: "hanako", Groups: []Group{{"students", 100}, {"lab", 5001}}}
	got := string(GroupFile([]byte("root:x:0:\nusers:x:100:\nlab:x:7:\nvideo:x:44:\n"), p))
	want := "students:x:100:hanako\nlab:x:5001:hanako\nroot:x:0:\nvideo:x:44:\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("group (-want +got):\n%s", diff)
	}
}
