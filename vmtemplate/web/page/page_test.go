package page_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/web/page"
)

var (
	exact    = regexp.MustCompile(`\bt\("([^"]+)"`)
	begins   = regexp.MustCompile("\\bt\\(`([^`$]+)\\$\\{[^}]+\\}([^`]*)`")
	argument = regexp.MustCompile(`\{\d\}`)
)

// TestTexts: every text that the page's scripts use is in the catalogue in both
// languages, with the same arguments, and is used.
func TestTexts(t *testing.T) {
	en, _ := message.For("en")
	ja, _ := message.For("ja")
	english, japanese := en.Under("page."), ja.Under("page.")
	used := map[string]bool{}
	var sources int
	err := filepath.WalkDir("src", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !slices.Contains([]string{".js", ".jsx"}, filepath.Ext(path)) {
			return err
		}
		sources++
		b, err := os.ReadFile(path)
		for _, m := range exact.FindAllStringSubmatch(string(b), -1) {
			used[m[1]] = true
			if english[m[1]] == "" {
				t.Errorf("%s: there is no text page.%s", path, m[1])
			}
		}
		for _, m := range begins.FindAllStringSubmatch(string(b), -1) {
			found := false
			for name := range english {
				if strings.HasPrefix(name, m[1]) && strings.HasSuffix(name, m[2]) {
					used[name], found = true, true
				}
			}
			if !found {
				t.Errorf("%s: no text is called page.%s…%s", path, m[1], m[2])
			}
		}
		return err
	})
	if err != nil || sources < 10 || len(english) < 50 {
		t.Fatalf("%d sources, %d texts, %v: the search cannot be right", sources, len(english), err)
	}
	for name, text := range english {
		if !used[name] {
			t.Errorf("nobody uses page.%s", name)
		}
		a, b := argument.FindAllString(text, -1), argument.FindAllString(japanese[name], -1)
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) {
			t.Errorf("page.%s takes %v in English and %v in Japanese", name, a, b)
		}
	}
}

// TestDist: dist is what src gives. It needs what npm brings, which a build of jbuild does
// not: who changes src has it.
func TestDist(t *testing.T) {
	if _, err := os.Stat("node_modules/esbuild"); err != nil {
		t.Skip("npm has not been here (make web), so that src cannot have been tried out either")
	}
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "node", "build.mjs", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for from, in := range map[string]fs.FS{"src": os.DirFS(dir), "dist": os.DirFS("dist")} {
		err := fs.WalkDir(in, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			built, one := fs.ReadFile(os.DirFS(dir), path)
			there, other := fs.ReadFile(os.DirFS("dist"), path)
			if one != nil || other != nil || !bytes.Equal(built, there) {
				t.Errorf("%s of %s is not the same in the other: make web", path, from)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestBuilt: the page that is in the program is whole, and small.
func TestBuilt(t *testing.T) {
	index, err := page.Files.ReadFile("dist/index.html")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`/assets/[^"]+`).FindAllString(string(index), -1)
	if len(names) != 2 {
		t.Fatalf("the page names %v", names)
	}
	for _, name := range names {
		if _, err := page.Files.ReadFile("dist" + name); err != nil {
			t.Error(err)
		}
	}
}
