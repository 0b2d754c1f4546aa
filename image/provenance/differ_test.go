package provenance

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDifferences(t *testing.T) {
	r := sample()
	r.Options.CleanEnv = false
	r.Environment = append(r.Environment, Variable{Name: "CUDA_VISIBLE_DEVICES", Value: "0", From: FromHost}, Variable{Name: "LANG", Value: "C", From: FromImage})
	r.Injected = append(r.Injected, Injection{Kind: "file", Source: "/usr/lib/libnvidia-ml.so.550.54.14"}, Injection{Kind: "device", Source: "/dev/nvidia3"})
	same := Surroundings{
		Machine: r.Machine, SiteBinds: []string{"/work"}, Exists: func(string) bool { return true },
		Host: []string{"OMP_NUM_THREADS=4", "CUDA_VISIBLE_DEVICES=0", "LANG=ja_JP.UTF-8", "HF_TOKEN=x"},
	}
	if diff := cmp.Diff([]Difference{}, r.Differences(same)); diff != "" {
		t.Errorf("nothing is different (-want +got):\n%s", diff)
	}
	if got := r.MissingSecrets(same.Host); got != nil {
		t.Errorf("missing: %v", got)
	}
	other := Surroundings{
		Machine: Machine{Jrun: "2.0", Kernel: "6.1.0", Architecture: "aarch64", OS: "Rocky Linux 9"}, SiteBinds: []string{"/scratch"},
		Exists: func(string) bool { return false }, Host: []string{"CUDA_VISIBLE_DEVICES=3", "PYTHONHASHSEED=0"},
	}
	want := []Difference{
		{What: "jrun", Then: "1.0", Now: "2.0"},
		{What: "architecture", Then: "x86_64", Now: "aarch64"},
		{What: "operating system", Then: "Debian GNU/Linux 12", Now: "Rocky Linux 9"},
		{What: "GPU driver", Then: "nvidia 550.54.14", Now: "none"},
		{What: "put in from /usr/lib", Then: "libcuda.so.550.54.14, libnvidia-ml.so.550.54.14", Now: "not there"},
		{What: "directory", Then: "/home/suzuki", Now: "not there", Remedy: "the current one is used"},
		{What: "bind /data:/data:ro", Then: "shown", Now: "its source is not there"},
		{What: "bind /work of jrun.toml", Then: "shown", Now: "not shown"},
		{What: "bind /scratch of jrun.toml", Then: "not shown", Now: "shown"},
		{What: "CUDA_VISIBLE_DEVICES", Then: "0", Now: "3", Remedy: "left as it is: each job is given its own"},
		{What: "OMP_NUM_THREADS", Then: "4", Now: "not set", Remedy: "set as it was"},
		{What: "PYTHONHASHSEED", Then: "not set", Now: "0", Remedy: "taken away"},
	}
	if diff := cmp.Diff(want, r.Differences(other)); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
	written := filepath.Join(t.TempDir(), "sim.sqfs")
	if err := os.WriteFile(written, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.Image.File.Path = written
	if got := r.Differences(same); len(got) != 1 || got[0].What != "file "+written {
		t.Errorf("of a file that was written to: %v", got)
	}
	settings := []Setting{{Name: "OMP_NUM_THREADS", Value: "4"}, {Name: "PYTHONHASHSEED", Unset: true}}
	if diff := cmp.Diff(settings, r.Settings(other.Host)); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"HF_TOKEN"}, r.MissingSecrets(other.Host)); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
}

func TestThisMachine(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"etc/os-release":             "NAME=x\nPRETTY_NAME=\"Rocky Linux 9.4 (Blue Onyx)\"\n",
		"proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build\nGCC version:  gcc version 11.4.1\n",
		"sys/module/amdgpu/version":  "6.8.5\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := ThisMachine(root, "1.0")
	if got.Kernel == "" || got.Architecture == "" {
		t.Errorf("of the kernel nothing is known: %+v", got)
	}
	want := Machine{Jrun: "1.0", Kernel: got.Kernel, Architecture: got.Architecture, OS: "Rocky Linux 9.4 (Blue Onyx)", GPUDrivers: []string{"nvidia 570.86.15", "amdgpu 6.8.5"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if bare := ThisMachine(t.TempDir(), ""); bare.OS != "" || bare.GPUDrivers != nil {
		t.Errorf("of a bare machine: %+v", bare)
	}
}
