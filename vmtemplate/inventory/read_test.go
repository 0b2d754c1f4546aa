package inventory

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// write makes files below a root; a text that begins with -> is a symbolic link.
func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			err = os.Symlink(target, name)
		} else {
			err = os.WriteFile(name, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestRead(t *testing.T) {
	for _, test := range []struct {
		name  string
		files map[string]string
		want  Inventory
	}{
		{"dpkg", map[string]string{"var/lib/dpkg/status": `Package: dpkg
Status: install ok installed
Architecture: amd64
Version: 1.21.22

Package: libc6
Status: install ok installed
Architecture: amd64
Description: C library
 Version: not this one
Version: 2.36-9

Package: libc6
Status: install ok installed
Architecture: i386
Version: 2.36-9

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1
`}, Inventory{{Dpkg, "dpkg", "1.21.22", "/var/lib/dpkg"}, {Dpkg, "libc6", "2.36-9", "/var/lib/dpkg"}, {Dpkg, "libc6:i386", "2.36-9", "/var/lib/dpkg"}}},
		{"distroless", map[string]string{"var/lib/dpkg/status.d/base": "Package: base-files\nVersion: 12.4\nArchitecture: amd64\n", "var/lib/dpkg/status.d/base.md5sums": "Package: x\nVersion: 1\n"},
			Inventory{{Dpkg, "base-files", "12.4", "/var/lib/dpkg"}}},
		{"apk", map[string]string{"lib/apk/db/installed": "C:Q1abc=\nP:musl\nV:1.2.4-r2\nA:x86_64\n\nP:busybox\nV:1.36.1-r5\n"},
			Inventory{{APK, "busybox", "1.36.1-r5", "/lib/apk/db"}, {APK, "musl", "1.2.4-r2", "/lib/apk/db"}}},
		{"pip, also in a venv", map[string]string{
			"usr/lib/python3/dist-packages/numpy-1.24.2.egg-info/PKG-INFO":         "Metadata-Version: 2.1\nName: numpy\nVersion: 1.24.2\n",
			"usr/lib/python3/dist-packages/six-1.16.0.egg-info":                    "Name: six\nVersion: 1.16.0\n\nName: not this\n",
			"opt/a/venv/lib/python3.11/site-packages/torch-2.1.dist-info/METADATA": "Name: torch\r\nVersion: 2.1\r\n\r\nVersion: 9\n",
			"opt/a/venv/lib/python3.11/site-packages/torch/__init__.py":            "",
			"opt/a/venv/lib/python3.11/site-packages/broken.dist-info/x":           "",
		}, Inventory{
			{Pip, "torch", "2.1", "/opt/a/venv/lib/python3.11/site-packages"},
			{Pip, "numpy", "1.24.2", "/usr/lib/python3/dist-packages"}, {Pip, "six", "1.16.0", "/usr/lib/python3/dist-packages"},
		}},
		{"conda", map[string]string{
			"opt/conda/conda-meta/python-3.11.5-hab00c5b_0_cpython.json": "{}", "opt/conda/conda-meta/history": "", "opt/conda/conda-meta/ca-certificates-2023.7.22-hbcca054_0.json": "",
			"opt/conda/envs/x/conda-meta/xz-5.2.6-h166bdaf_0.json": "", "opt/conda/pkgs/urls.txt": "", "opt/conda/pkgs/y/conda-meta/no-1-0.json": "", "opt/conda/conda-meta/bad.json": "",
		}, Inventory{{Conda, "ca-certificates", "2023.7.22", "/opt/conda"}, {Conda, "python", "3.11.5", "/opt/conda"}, {Conda, "xz", "5.2.6", "/opt/conda/envs/x"}}},
		{"npm", map[string]string{
			"usr/local/lib/node_modules/npm/package.json": `{"name":"npm","version":"10.1.0"}`, "usr/local/lib/node_modules/npm/node_modules/x/package.json": `{"name":"x","version":"1"}`,
			"usr/local/lib/node_modules/@angular/cli/package.json": `{"name":"@angular/cli","version":"17.0.0"}`, "srv/app/node_modules/y/package.json": `{"name":"y","version":"1"}`,
			"usr/local/lib/node_modules/broken/package.json": `{"name":`,
		}, Inventory{{NPM, "@angular/cli", "17.0.0", "/usr/local/lib/node_modules"}, {NPM, "npm", "10.1.0", "/usr/local/lib/node_modules"}}},
		{"r", map[string]string{
			"usr/local/lib/R/site-library/dplyr/DESCRIPTION": "Package: dplyr\nTitle: A\n    Version: x\nVersion: 1.1.3\n", "usr/lib/R/library/base/DESCRIPTION": "Package: base\nVersion: 4.2.2\n",
			"root/R/x86_64-pc-linux-gnu-library/4.2/zoo/DESCRIPTION": "Package: zoo\nVersion: 1.8\n", "usr/local/lib/R/site-library/dplyr/R/x": "",
		}, Inventory{{R, "zoo", "1.8", "/root/R/x86_64-pc-linux-gnu-library/4.2"}, {R, "base", "4.2.2", "/usr/lib/R/library"}, {R, "dplyr", "1.1.3", "/usr/local/lib/R/site-library"}}},
		{"julia", map[string]string{
			"root/.julia/environments/v1.9/Manifest.toml":   "julia_version = \"1.9.0\"\nmanifest_format = \"2.0\"\n[[deps.Plots]]\nversion = \"1.39.0\"\n[[deps.Dates]]\nuuid = \"x\"\n",
			"opt/julia/environments/v1.5/Manifest.toml":     "[[JSON]]\nversion = \"0.21.0\"\n",
			"opt/julia/environments/v1.6/Manifest.toml":     "[[",
			"opt/julia/environments/v1.7/NoManifest.toml":   "",
			"opt/julia/environments/v1.8/Manifest.toml":     "deps = 1\n",
			"opt/julia/environments/v1.4/Manifest.toml/dir": "",
		}, Inventory{{Julia, "JSON", "0.21.0", "/opt/julia/environments/v1.5"}, {Julia, "Plots", "1.39.0", "/root/.julia/environments/v1.9"}}},
		{"links as the image means them", map[string]string{"usr/lib/apk/db/real": "P:musl\nV:1\n", "usr/lib/apk/db/installed": "-> /usr/lib/apk/db/real", "lib": "-> usr/lib"},
			Inventory{{APK, "musl", "1", "/lib/apk/db"}}},
		{"names that are none", map[string]string{"lib/apk/db/installed": "P:a\x1b[2J\nV:1\n\nP:\nV:1\n\nP:b\nV:" + strings.Repeat("1", 301) + "\n"}, nil},
		{"nothing", nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			write(t, root, test.files)
			got, err := Read(root)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("inventory (-want +got):\n%s", diff)
			}
		})
	}
}

// rpmdb unpacks a database that rpm 4.18 has made:
//
//	rpmbuild -bb (fftw 1:3.3.10-2.el9, kernel-core 5.14.0-1.el9 and 5.14.0-2.el9, without files)
//	rpm --define '_db_backend sqlite' --dbpath DIR -i --justdb --nodeps *.rpm
func rpmdb(t *testing.T, to string) {
	t.Helper()
	packed, err := os.Open("testdata/rpmdb.sqlite.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	in, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestRPM(t *testing.T) {
	for _, place := range []string{"/usr/lib/sysimage/rpm", "/var/lib/rpm"} {
		root := t.TempDir()
		rpmdb(t, filepath.Join(root, place, "rpmdb.sqlite"))
		got, err := Read(root)
		if err != nil {
			t.Fatal(err)
		}
		want := Inventory{{RPM, "fftw", "1:3.3.10-2.el9", place}, {RPM, "kernel-core", "1:5.14.0-1.el9", place}, {RPM, "kernel-core", "1:5.14.0-2.el9", place}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("inventory (-want +got):\n%s", diff)
		}
	}
}

// TestHostile: files that would catch a reader, or lead it out of the image.
func TestHostile(t *testing.T) {
	outside := t.TempDir()
	write(t, outside, map[string]string{"installed": "P:outside\nV:1\n", "site-packages/x-1.dist-info/METADATA": "Name: outside\nVersion: 1\n"})
	root := t.TempDir()
	write(t, root, map[string]string{
		"lib/apk/db/installed":                   "-> " + filepath.Join(outside, "installed"),
		"usr/lib/apk/db/installed":               "-> ../../../../../../../../../.." + filepath.Join(outside, "installed"),
		"opt/link":                               "-> " + outside,
		"opt/site-packages":                      "-> " + outside + "/site-packages",
		"a/site-packages/y.dist-info":            "-> " + outside + "/site-packages/x-1.dist-info",
		"var/lib/rpm/rpmdb.sqlite":               "SQLite format 3\x00 and nothing more",
		"b/site-packages/z-1.dist-info/METADATA": "Name: z\nVersion: 1\nSummary: " + strings.Repeat("x", 2*mostHead) + "\n",
		"loop/x":                                 "-> ../loop",
	})
	if err := os.MkdirAll(filepath.Join(root, "var/lib/dpkg"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(root, "var/lib/dpkg/status"), 0o600); err != nil {
		t.Fatal(err)
	}
	deep := root
	for range 3 * mostDepth {
		deep = filepath.Join(deep, "d")
	}
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	sparse := filepath.Join(root, "usr/lib/sysimage/rpm/rpmdb.sqlite")
	write(t, root, map[string]string{"usr/lib/sysimage/rpm/rpmdb.sqlite": "x"})
	if err := os.Truncate(sparse, 8<<20); err != nil {
		t.Fatal(err)
	}
	got, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	want := Inventory{{Pip, "z", "1", "/b/site-packages"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inventory (-want +got):\n%s", diff)
	}
	if _, err := Read(filepath.Join(root, "missing")); err == nil {
		t.Error("a root that is not there is an empty one")
	}
}

// TestThisSystem: what dpkg of this machine says about itself.
func TestThisSystem(t *testing.T) {
	out, err := exec.Command("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${binary:Package} ${Version}\n").Output()
	if err != nil {
		t.Skip("this machine has no dpkg")
	}
	var want []string
	for l := range strings.Lines(string(out)) {
		if f := strings.Fields(l); len(f) == 3 && f[0] == "ii" {
			name, arch, _ := strings.Cut(f[1], ":")
			if arch != "" && arch != "amd64" && arch != "arm64" {
				name = f[1]
			}
			want = append(want, name+" "+f[2])
		}
	}
	inv, err := Read("/")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range inv {
		if p.Manager == Dpkg {
			got = append(got, p.Name+" "+p.Version)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packages (-dpkg-query +read):\n%s", diff)
	}
	t.Logf("%d packages", len(inv))
}

func TestJSON(t *testing.T) {
	inv := Inventory{{Dpkg, "libc6", "2.36", "/var/lib/dpkg"}}
	data, err := json.Marshal(inv)
	if err != nil || string(data) != `[{"manager":"dpkg","name":"libc6","version":"2.36","place":"/var/lib/dpkg"}]` {
		t.Errorf("%s, %v", data, err)
	}
}

func TestCompare(t *testing.T) {
	p := func(name, version string) Package { return Package{RPM, name, version, "/p"} }
	for _, test := range []struct {
		name     string
		a, b     Inventory
		want     Difference
		fraction float64
	}{
		{"nothing", nil, nil, Difference{}, 1},
		{"the same", Inventory{p("a", "1")}, Inventory{p("a", "1")}, Difference{Equal: 1}, 1},
		{"all there is", Inventory{p("a", "1"), p("b", "1"), p("c", "1")}, Inventory{p("a", "1"), p("b", "2"), p("d", "1")},
			Difference{Added: []Package{p("d", "1")}, Removed: []Package{p("c", "1")}, Changed: []Changed{{p("b", "1"), "2"}}, Equal: 1}, 0.25},
		{"another place", Inventory{p("a", "1")}, Inventory{{RPM, "a", "1", "/q"}}, Difference{Added: []Package{{RPM, "a", "1", "/q"}}, Removed: []Package{p("a", "1")}}, 0},
		{"several versions", Inventory{p("k", "1"), p("k", "2")}, Inventory{p("k", "2"), p("k", "3"), p("k", "4")},
			Difference{Added: []Package{p("k", "3"), p("k", "4")}, Removed: []Package{p("k", "1")}, Equal: 1}, 0.25},
		{"one version of several", Inventory{p("k", "1"), p("k", "2")}, Inventory{p("k", "2"), p("k", "3")}, Difference{Changed: []Changed{{p("k", "1"), "3"}}, Equal: 1}, 0.5},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := Compare(test.a, test.b)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("difference (-want +got):\n%s", diff)
			}
			if got.Fraction() != test.fraction {
				t.Errorf("%v are equal, not %v", got.Fraction(), test.fraction)
			}
			if got.Same() != (test.fraction == 1) {
				t.Error("the same, or not?")
			}
		})
	}
}

// BenchmarkRead is an image of 2,000 packages of dpkg, 300 of pip, and 60,000 other
// files.
func BenchmarkRead(b *testing.B) {
	root := b.TempDir()
	var status strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&status, "Package: lib%d\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.%d\nDescription: %s\n\n", i, i, strings.Repeat("x", 500))
	}
	put := func(name, text string) {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	put("var/lib/dpkg/status", status.String())
	for i := range 300 {
		put(fmt.Sprintf("usr/lib/python3/site-packages/p%d-1.dist-info/METADATA", i), fmt.Sprintf("Name: p%d\nVersion: 1\n\n%s", i, strings.Repeat("long ", 5000)))
	}
	for i := range 60_000 {
		put(fmt.Sprintf("usr/share/data/%d/%d", i/20, i), "")
	}
	b.ResetTimer()
	for range b.N {
		inv, err := Read(root)
		if err != nil || len(inv) != 2300 {
			b.Fatal(len(inv), err)
		}
	}
}

func FuzzParagraphs(f *testing.F) {
	f.Add([]byte("Package: a\nVersion: 1\n\nPackage: b\n cont\nVersion:2"))
	f.Add([]byte("package:a\r\n\r\n:\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		paragraphs(data, []string{"Package", "Version"}, func([]string) {})
	})
}

func FuzzHeader(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x02\x00\x00\x00\x04\x00\x00\x03\xe8\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x03\xe9\x00\x00\x00\x06\x00\x00\x00\x02\x00\x00\x00\x01a\x001\x00"))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, blob []byte) {
		if name, version, ok := parseHeader(blob); ok && (name == "" || version == "") {
			t.Error("a package without a name or version")
		}
	})
}
