package nodecache

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/presence"
	"golang.org/x/sys/unix"
)

// TestDirectory: what others could have filled is refused, with advice; what is
// not there is not.
func TestDirectory(t *testing.T) {
	base := t.TempDir()
	mkdir := func(name string, mode os.FileMode, uid int) string {
		path := filepath.Join(base, name)
		check(t, errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, mode)))
		if uid != os.Getuid() {
			if os.Getuid() != 0 {
				return ""
			}
			check(t, os.Chown(path, uid, uid))
		}
		return path
	}
	good := mkdir("good", 0o755, os.Getuid())
	link := filepath.Join(base, "link")
	check(t, os.Symlink(good, link))
	file := filepath.Join(base, "file")
	check(t, os.WriteFile(file, nil, 0o600))
	for _, c := range []struct {
		name, path string
		ok         bool
		why        error // wrapped by the fault
	}{
		{"own", good, true, nil},
		{"for everybody", mkdir("sticky", 0o777|os.ModeSticky, os.Getuid()), true, nil},
		{"without sticky bit", mkdir("open", 0o777, os.Getuid()), false, ErrUntrusted},
		{"of a group", mkdir("group", 0o775, os.Getuid()), false, ErrUntrusted},
		{"of another user", mkdir("other", 0o755, 65534), false, ErrUntrusted},
		{"of another user, sticky", mkdir("other2", 0o777|os.ModeSticky, 65534), false, ErrUntrusted},
		{"symbolic link", link, false, unix.ENOTDIR},
		{"file", file, false, unix.ENOTDIR},
		{"relative", "good", false, nil},
	} {
		if c.path == "" {
			continue // for root only
		}
		_, err := Check(c.path)
		var f *fault.Error
		if (err == nil) != c.ok || err != nil && (!errors.As(err, &f) || f.Next == "") || c.why != nil && !errors.Is(err, c.why) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	_, err := Check(filepath.Join(base, "missing"))
	var f *fault.Error
	if !errors.Is(err, fs.ErrNotExist) || errors.As(err, &f) {
		t.Errorf("a directory that is not there: %v", err)
	}
}

// TestWithoutTmpfile: where every file has a name, it is taken away, or becomes
// the final one; and what the dead left is swept.
func TestWithoutTmpfile(t *testing.T) {
	path := t.TempDir()
	d, err := openDirectory(path)
	check(t, err)
	defer d.close()
	d.named = true
	names := func() (names []string) {
		for _, e := range d.list() {
			names = append(names, e.Name())
		}
		return names
	}
	for _, mode := range []string{"unname", "discard", "publish"} {
		tmp, err := d.create()
		check(t, err)
		if len(names()) != 1 {
			t.Fatalf("files are %v", names())
		}
		d.sweep() // it is alive
		if len(names()) != 1 {
			t.Fatal("a copy in the making was swept")
		}
		switch mode {
		case "unname":
			tmp.unname()
		case "publish":
			check(t, os.WriteFile(filepath.Join(path, "name"), []byte("old"), 0o600))
			check(t, tmp.publish("name"))
		}
		tmp.discard()
		if got := names(); mode != "publish" && len(got) != 0 || mode == "publish" && (len(got) != 1 || got[0] != "name") {
			t.Errorf("after %s: %v", mode, got)
		}
	}

	child := exec.CommandContext(t.Context(), "true")
	check(t, child.Run())
	dead := presence.Owner{Machine: presence.Machine(), PID: 1 << 30, Start: 1}
	elsewhere := presence.Owner{Machine: "0123456789ab", PID: 1, Start: 1}
	old := time.Now().Add(-2 * foreignGrace)
	for name, c := range map[string]struct {
		age  time.Time
		gone bool
	}{
		temporaryPrefix + dead.String() + "@x":            {time.Now(), true},
		temporaryPrefix + elsewhere.String() + "@x":       {time.Now(), false},
		temporaryPrefix + elsewhere.String() + "@y":       {old, true},
		temporaryPrefix + presence.Self().String() + "@x": {old, false},
		temporaryPrefix + "nonsense":                      {old, true},
		"of-somebody":                                     {old, false},
	} {
		file := filepath.Join(path, name)
		check(t, os.WriteFile(file, nil, 0o600))
		check(t, os.Chtimes(file, c.age, c.age))
		d.sweep()
		if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) != c.gone {
			t.Errorf("%s: %v, want gone: %v", name, err, c.gone)
		}
	}
}
