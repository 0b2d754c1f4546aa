package writer

import "testing"

func TestCleanPath(t *testing.T) {
	for name, want := range map[string]string{
		"usr/bin/": "usr/bin", "./usr//bin": "usr/bin", "usr/./bin": "usr/bin",
		".": rootPath, "./": rootPath, "/": rootPath, "//": rootPath,
	} {
		if got, err := cleanPath(name); got != want || err != nil {
			t.Errorf("%q is %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "/etc/passwd", "//etc", "/.", "..", "usr/../..", "a\x00b"} {
		if got, err := cleanPath(name); err == nil {
			t.Errorf("%q is %q", name, got)
		}
	}
}
