package report_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"flag"
	"html"
	"io"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/report"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/image/lifecycle/usage"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

var update = flag.Bool("update", false, "rewrite golden files")

var noon = time.Date(2027, 4, 1, 12, 0, 0, 0, time.UTC)

const hostile = `=cmd|' /C calc'!A0<script>alert("x")</script>&` + "\x1b[31m\n"

// aHarbor has a project of a student, one of a lab, and one whose owner's name is
// anything.
type aHarbor struct{}

func list[T any](all ...T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range all {
			if !yield(item, nil) {
				return
			}
		}
	}
}

func (aHarbor) Projects(context.Context, string) iter.Seq2[harbor.Project, error] {
	return list(harbor.Project{Name: "20260001", Owner: "20260001", Repositories: 1}, harbor.Project{Name: "lab", Owner: "suzuki", Repositories: 1}, harbor.Project{Name: "odd", Owner: hostile, Repositories: 1})
}

func (aHarbor) Quotas(context.Context) iter.Seq2[harbor.Quota, error] {
	of := func(name string, used, hard int64) harbor.Quota {
		q := harbor.Quota{}
		q.Ref.Project, q.Used.StorageBytes, q.Hard.StorageBytes = name, used, hard
		return q
	}
	return list(of("20260001", 3e9, 10e9), of("lab", 120e9, -1), of("odd", 7e6, 1e9))
}

func (aHarbor) ProjectArtifacts(_ context.Context, project string) iter.Seq2[harbor.Artifact, error] {
	var all []harbor.Artifact
	for i, days := range []int{3, 50, 200, 400, 900} {
		all = append(all, harbor.Artifact{Repository: project + "/sim", Digest: digest.FromString(project), SizeBytes: int64(i+1) * 1e9, Pushed: noon.AddDate(0, 0, -days), Tags: []harbor.Tag{{Name: "x"}}})
	}
	return list(all...)
}

func gather(t *testing.T) report.Report {
	t.Helper()
	root := filepath.Join(t.TempDir(), "store")
	if err := store.InitSite(root); err != nil {
		t.Fatal(err)
	}
	for _, uid := range []string{"1003", "1004"} {
		dir := filepath.Join(root, "user", uid, "objects")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "x.sqfs"), make([]byte, 5000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// No part of anybody's: it leads elsewhere.
	if err := os.Symlink("/usr", filepath.Join(root, "user", "1005")); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() != 0 {
		if err := os.Mkdir(filepath.Join(root, "user", "1006"), 0); err != nil {
			t.Fatal(err)
		}
	}
	site, err := store.OpenSite(root, store.Place{Registry: "harbor.example", Project: "lab"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := site.Create(t.Context(), digest.FromString("lab"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Abort()
	if _, err := p.File.Write(make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Commit(store.Meta{RawConfig: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	r, err := report.Gather(t.Context(), report.Source{
		Registry: aHarbor{}, Host: "harbor.example", Store: root,
		Book:  usage.Book{Dir: state.Open(t.TempDir()), Registry: "harbor.example", Rights: usage.Everybody{}, Acts: audit.None{}},
		Owner: func(p harbor.Project) string { return p.Owner },
		Account: func(uid int) string {
			if uid == 1003 {
				return "suzuki"
			}
			return ""
		},
	}, noon)
	if err != nil {
		t.Fatal(err)
	}
	closed := 0
	if os.Getuid() != 0 { // whom nothing is closed to
		closed = 1
	}
	if r.Unreadable != closed {
		t.Errorf("%d parts cannot be read", r.Unreadable)
	}
	r.Unreadable = 1
	r.Store = "" // differs from run to run
	for i := range r.Projects {
		if r.Projects[i].StoreBytes > 0 {
			r.Projects[i].StoreBytes = 4096 // and so does the size of its metadata
		}
	}
	for i := range r.People {
		if r.People[i].StoreBytes > 0 {
			r.People[i].StoreBytes = 4096
		}
	}
	return r
}

func TestReport(t *testing.T) {
	r := gather(t)
	for name, write := range map[string]func(io.Writer) error{"report.txt": r.Text, "report.csv": r.CSV} {
		var out bytes.Buffer
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "\x1b[") && name == "report.txt" {
			t.Error("a name steers the terminal")
		}
		golden := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	var out bytes.Buffer
	if err := r.CSV(&out); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		for _, text := range row {
			if strings.HasPrefix(text, "=") {
				t.Errorf("a spreadsheet would run %q", text)
			}
		}
	}
}

// TestPage: nothing of a name is a part of the page's or a picture's language, and
// nothing comes from elsewhere.
func TestPage(t *testing.T) {
	r := gather(t)
	r.Projects[0].Name = hostile
	for _, lang := range []string{"en", "ja"} {
		var out bytes.Buffer
		if err := r.HTML(&out, lang); err != nil {
			t.Fatal(err)
		}
		if dir := os.Getenv("JRUN_KEEP_PAGE"); dir != "" {
			if err := os.WriteFile(filepath.Join(dir, lang+".html"), out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		text := out.String()
		for _, bad := range []string{"<script", "http://", "https://", "ZgotmplZ", "<no value>"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s: the page has %q", lang, bad)
			}
		}
		pictures := regexp.MustCompile(`"data:image/svg\+xml;base64,([^"]*)"`).FindAllStringSubmatch(html.UnescapeString(text), -1)
		if len(pictures) != 6 {
			t.Errorf("%s: %d pictures", lang, len(pictures))
		}
		for _, p := range pictures {
			svg, err := base64.StdEncoding.DecodeString(p[1])
			if err != nil {
				t.Fatal(err)
			}
			for decoder := xml.NewDecoder(bytes.NewReader(svg)); ; {
				token, err := decoder.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("%s: a picture is no XML: %v", lang, err)
				}
				if start, ok := token.(xml.StartElement); ok && start.Name.Local == "script" {
					t.Error("a picture has a script")
				}
			}
		}
	}
	if err := r.HTML(io.Discard, "de"); err == nil {
		t.Error("a language that there is not")
	}
	if err := (report.Report{}).HTML(io.Discard, "en"); err != nil {
		t.Errorf("an empty report: %v", err)
	}
}
