package sandbox

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDeviceTarget(t *testing.T) {
	tests := []struct {
		name string
		want bool
	}{{"nvidia0", true}, {"dri/renderD128", true}, {"nvidia-caps/nvidia-cap1", true}, {"../x", false}, {"/x", false}, {"a/../../x", false}, {"shm/x", false}, {"", false}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			target, err := deviceTarget(dir, Device{Source: "/dev/null", Name: test.name})
			if (err == nil) != test.want {
				t.Fatalf("%q, %v", target, err)
			}
			if err == nil {
				if _, err := os.Stat(filepath.Dir(target)); err != nil || target != filepath.Join(dir, test.name) {
					t.Errorf("%s: %v", target, err)
				}
			}
		})
	}
}
