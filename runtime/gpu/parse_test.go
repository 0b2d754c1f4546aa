package gpu

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/runtime/inject"
	cdi "tags.cncf.io/container-device-interface/specs-go"
)

func TestParseSelection(t *testing.T) {
	tests := []struct {
		text string
		want Selection
		bad  bool
	}{
		{"", Selection{}, false},
		{"auto", Selection{}, false},
		{"none", Selection{None: true}, false},
		{"all", Selection{All: true}, false},
		{"0,2", Selection{Names: []string{"0", "2"}}, false},
		{"0:1", Selection{Names: []string{"0:1"}}, false},
		{"GPU-aaaa-bb,MIG-GPU-aaaa/1/0", Selection{Names: []string{"GPU-aaaa-bb", "MIG-GPU-aaaa/1/0"}}, false},
		{"nvidia.com/gpu=all", Selection{Names: []string{"nvidia.com/gpu=all"}}, false},
		{"0,", Selection{}, true},
		{"-1", Selection{}, true},
		{"nvidia", Selection{}, true},
		{"nvidia.com/gpu", Selection{}, true},
		{"../x", Selection{}, true},
		{"a/b=c", Selection{}, true},
		{"/=", Selection{}, true},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			got, err := ParseSelection(test.text)
			var f *fault.Error
			if test.bad {
				if !errors.As(err, &f) || f.Next == "" {
					t.Errorf("%v, %v", got, err)
				}
				return
			}
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestNumbered(t *testing.T) {
	a, b := device{index: 0, uuid: "GPU-aaaa", node: "/dev/a"}, device{index: 1, uuid: "GPU-bbbb", node: "/dev/b"}
	tests := []struct {
		name  string
		names []string
		want  []device
		whole bool
	}{
		{"order and repetition", []string{"1", " 0", "1"}, []device{b, a}, false},
		{"the end at -1", []string{"0", "-1", "1"}, []device{a}, false},
		{"the end at one too high", []string{"7", "1"}, nil, false},
		{"the end at nonsense", []string{"NoDevFiles"}, nil, false},
		{"beginning of a UUID", []string{"GPU-b"}, []device{b}, false},
		{"no beginning at all", []string{"GPU-"}, nil, false},
		{"older name of a MIG instance", []string{"MIG-GPU-aaaa/1/0"}, []device{a}, false},
		{"newer name of a MIG instance", []string{"MIG-1234"}, nil, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, whole := numbered([]device{a, b}, test.names)
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(device{})); diff != "" || whole != test.whole {
				t.Errorf("whole %v (-want +got):\n%s", whole, diff)
			}
		})
	}
}

func TestVariables(t *testing.T) {
	got := Variables([]string{"A=1", "CUDA_VISIBLE_DEVICES=", "HIP_VISIBLE_DEVICES=1"}, []string{"CUDA_VISIBLE_DEVICES=3", "NVIDIA_DRIVER_CAPABILITIES=all"})
	want := []string{"CUDA_VISIBLE_DEVICES=", "HIP_VISIBLE_DEVICES=1", "NVIDIA_DRIVER_CAPABILITIES=all"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRequired(t *testing.T) {
	facts := map[string]string{"driver": "470.82.01", "cuda": "11.4"}
	tests := []struct {
		value string
		want  answer
	}{
		{"cuda>=11.4", yes},
		{"cuda>=11.5", no},
		{"cuda>=11.5 driver>=470,driver<471", yes},
		{"cuda>=11.5 brand=tesla,driver>=470,driver<471", unknown},
		{"brand=tesla,driver>=510", no},
		{"driver=470", yes},
		{"driver!=470", no},
		{"driver<=470.82.01", yes},
		{"cuda>11", no},
		{"arch>=8.0", unknown},
		{"cuda~11", unknown},
		{"cuda", unknown},
	}
	for _, test := range tests {
		if got, _ := required(test.value, facts); got != test.want {
			t.Errorf("%q is answered with %d, want %d", test.value, got, test.want)
		}
	}
	if got, _ := required("cuda>=12", map[string]string{}); got != unknown {
		t.Errorf("without a driver's version: %d", got)
	}
}

func TestCUDAVersion(t *testing.T) {
	for driver, want := range map[string]string{"535.104.05": "12.2", "536.1": "12.2", "999.1": "13.1", "390.1": "", "": ""} {
		if got := cudaVersion(driver); got != want {
			t.Errorf("driver %q serves %q, want %q", driver, got, want)
		}
	}
}

func TestParseHook(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want hookCall
	}{
		{"nothing", nil, hookCall{program: "ctk", flags: map[string][]string{}}},
		{"name only", []string{"ctk"}, hookCall{program: "ctk", flags: map[string][]string{}}},
		{"older", []string{"nvidia-ctk", "hook", "update-ldcache", "--folder", "/a", "--folder", "/b"}, hookCall{"ctk", "update-ldcache", map[string][]string{"folder": {"/a", "/b"}}}},
		{"newer", []string{"x", "chmod", "--mode=755", "-v", "--path", "/p"}, hookCall{"ctk", "chmod", map[string][]string{"mode": {"755"}, "v": {""}, "path": {"/p"}}}},
		{"a flag first", []string{"x", "--debug"}, hookCall{program: "ctk", flags: map[string][]string{}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := parseHook(&cdi.Hook{Path: "/usr/bin/ctk", Args: test.args})
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(hookCall{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzSpecification injects whatever can be read.
func FuzzSpecification(f *testing.F) {
	files, err := filepath.Glob("testdata/cdi/*")
	if err != nil || len(files) == 0 {
		f.Fatalf("%q, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("cdiVersion: 0.5.0\nkind: a.com/b\ndevices:\n- name: x\n  containerEdits: {mounts: [null], hooks: [null]}\n"))
	root := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseSpec(text)
		if err != nil {
			return
		}
		m := &Machine{Root: root, MayOpen: func(string) error { return nil }}
		p := &planner{machine: m, image: &Image{}}
		whole := &spec{s, "/etc/cdi/x.yaml"}
		var devices []*cdi.Device
		for i := range s.Devices {
			devices = append(devices, &s.Devices[i])
		}
		p.edit(whole.editsFor(devices...))
		for _, item := range p.Items {
			if item.Kind == inject.Device && !filepath.IsAbs(item.Host) {
				t.Errorf("device %q", item.Host)
			}
		}
	})
}
