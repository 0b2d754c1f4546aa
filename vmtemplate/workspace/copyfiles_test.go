package workspace

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// plant makes files, directories (a name that ends in a slash) and links (a content
// that begins with "->").
func plant(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(root, name)
		dir := filepath.Dir(path)
		if name[len(name)-1] == '/' {
			dir = path
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		switch {
		case dir == path:
		case len(content) > 2 && content[:2] == "->":
			err = os.Symlink(content[2:], path)
		default:
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// grown lists what plant would make of a tree, without its directories.
func grown(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.Type()&fs.ModeSymlink != 0 {
			link, err := os.Readlink(path)
			all[name] = "->" + link
			return err
		}
		content, err := os.ReadFile(path)
		all[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCopyInto(t *testing.T) {
	outside := t.TempDir()
	for name, c := range map[string]struct {
		inside, source map[string]string
		from, to       string
		want           map[string]string
		fails          bool
	}{
		"a file":      {nil, map[string]string{"a": "1"}, "a", "/opt/a", map[string]string{"opt/a": "1"}, false},
		"a directory": {nil, map[string]string{"d/a": "1", "d/s/b": "2", "d/l": "->a"}, "d", "/opt/d", map[string]string{"opt/d/a": "1", "opt/d/s/b": "2", "opt/d/l": "->a"}, false},
		"a link to a directory": {
			nil, map[string]string{"d/a": "1", "l": "->d"}, "l", "/opt/l", map[string]string{"opt/l/a": "1"}, false,
		},
		"over a file": {map[string]string{"opt/a": "old"}, map[string]string{"a": "1"}, "a", "/opt/a", map[string]string{"opt/a": "1"}, false},
		"over a link out": {
			map[string]string{"opt/a": "->" + outside + "/a"}, map[string]string{"a": "1"}, "a", "/opt/a", map[string]string{"opt/a": "1"}, false,
		},
		"by a link out": {
			map[string]string{"opt": "->" + outside}, map[string]string{"a": "1"}, "a", "/opt/a",
			map[string]string{"opt": "->" + outside, outside[1:] + "/a": "1"}, false,
		},
		"below, by a link out": {
			map[string]string{"opt/d/s": "->" + outside, outside[1:] + "/": ""}, map[string]string{"d/s/b": "2"}, "d", "/opt/d",
			map[string]string{"opt/d/s": "->" + outside, outside[1:] + "/b": "2"}, false,
		},
		"by a link inside": {
			map[string]string{"lib": "->usr/lib", "usr/lib/old": "0"}, map[string]string{"d/lib/b": "2"}, "d", "/",
			map[string]string{"lib": "->usr/lib", "usr/lib/old": "0", "usr/lib/b": "2"}, false,
		},
		"a directory over a link that dangles": {
			map[string]string{"opt/d/s": "->" + outside + "/nowhere"}, map[string]string{"d/s/b": "2"}, "d", "/opt/d",
			map[string]string{"opt/d/s": "->" + outside + "/nowhere"}, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			root, from := t.TempDir(), t.TempDir()
			plant(t, root, c.inside)
			plant(t, from, c.source)
			place, err := copyInto(root, filepath.Join(from, c.from), c.to)
			if (err != nil) != c.fails {
				t.Fatalf("copying: %v", err)
			}
			if resolved, err := filepath.EvalSymlinks(place); !c.fails && (err != nil || resolved != place) {
				t.Errorf("it is at %s, which is %s (%v)", place, resolved, err)
			}
			if diff := cmp.Diff(c.want, grown(t, root)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if left := grown(t, outside); len(left) > 0 {
				t.Errorf("outside there is %v", left)
			}
		})
	}
}

// TestCopyTree: what a first copy has brought out as a link does not lead the second
// one elsewhere.
func TestCopyTree(t *testing.T) {
	outside, target := t.TempDir(), t.TempDir()
	to := func(name string) (string, error) { return filepath.Join(target, name), nil }
	first, second := t.TempDir(), t.TempDir()
	plant(t, first, map[string]string{"s": "->" + outside})
	plant(t, second, map[string]string{"s/a": "1"})
	if err := copyTree(first, to); err != nil {
		t.Fatal(err)
	}
	if err := copyTree(second, to); err == nil {
		t.Error("a directory was copied over a link")
	}
	if left := grown(t, outside); len(left) > 0 {
		t.Errorf("outside there is %v", left)
	}
}
