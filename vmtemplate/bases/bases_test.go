package bases

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/registry"
)

const (
	user, password = "u001", "Sekrit-passw0rd"
	// loginDelay of the fake, short because tests wait for it.
	loginDelay = 300 * time.Millisecond
)

// newHarbor has the projects shared and u001, and one that is not for u001.
func newHarbor(t testing.TB) (*fakeharbor.Server, *registry.Registry) {
	t.Helper()
	h := fakeharbor.New(fakeharbor.Options{LoginDelay: loginDelay, HealthLag: -1})
	t.Cleanup(h.Close)
	h.AddUser(fakeharbor.User{Name: user, Password: password})
	for _, project := range []string{"shared", user, "secret"} {
		h.AddProject(fakeharbor.Project{Name: project})
	}
	h.AddMember("shared", user, fakeharbor.LimitedGuest)
	h.AddMember(user, user, fakeharbor.ProjectAdmin)
	return h, open(h.Host, user, password)
}

func open(host, user, password string) *registry.Registry {
	return registry.New(registry.Options{
		Access:       image.Access{Host: host, User: user, Password: password, Transport: &http.Transport{}, Plain: true},
		HarborTiming: harbor.Timing{LoginDelay: loginDelay, Wait: func(context.Context) error { time.Sleep(2 * loginDelay); return nil }},
		Patience:     registry.Patience{First: time.Millisecond, Total: 20 * time.Millisecond},
	})
}

func randomImage(t testing.TB) v1.Image {
	t.Helper()
	img, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func names(t testing.TB, list iter.Seq2[Repository, error]) []string {
	t.Helper()
	var all []string
	for r, err := range list {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r.Name)
	}
	return all
}

func TestHarborLists(t *testing.T) {
	h, r := newHarbor(t)
	for _, repository := range []string{"shared/ubuntu", "shared/nvidia/pytorch", user + "/cfd"} {
		h.Push(repository, "1", randomImage(t))
	}
	h.Push("secret/app", "1", randomImage(t))
	h.SetDescription("shared/nvidia/pytorch", "# PyTorch <b>with</b> CUDA\n\nsee <https://example.org>")
	c := New(Options{Registry: r, Shared: []string{"shared"}, Own: user})
	var got []Repository
	for repository, err := range c.Repositories(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		if repository.Updated.IsZero() {
			t.Errorf("%s has no date", repository.Name)
		}
		repository.Updated = time.Time{}
		got = append(got, repository)
	}
	want := []Repository{ // the newest first, as Harbor has them
		{Name: "shared/nvidia/pytorch", Description: "PyTorch with CUDA", Images: 1}, {Name: "shared/ubuntu", Images: 1}, {Name: user + "/cfd", Images: 1, Own: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("repositories (-want +got):\n%s", diff)
	}
	h.TakeRequests()
	if found := names(t, c.Search(context.Background(), "cuda TORCH")); !slices.Equal(found, []string{"shared/nvidia/pytorch"}) {
		t.Errorf("found %v", found)
	}
	if n := len(h.TakeRequests()); n != 0 {
		t.Errorf("a search after a list makes %d requests", n)
	}
	h.Push("shared/new", "1", randomImage(t))
	c.Forget()
	if found := names(t, c.Search(context.Background(), "new")); !slices.Equal(found, []string{"shared/new"}) {
		t.Errorf("found %v", found)
	}
	everything := New(Options{Registry: r})
	if found := names(t, everything.Repositories(context.Background())); len(found) != 4 {
		t.Errorf("of all projects there are %v", found)
	}
}

// TestThousand: the first of a thousand repositories are there after one page.
func TestThousand(t *testing.T) {
	h, r := newHarbor(t)
	img := randomImage(t)
	for i := range 1000 {
		h.Push(fmt.Sprintf("shared/r%04d", i), "1", img)
	}
	c := New(Options{Registry: r, Shared: []string{"shared"}})
	lists := func() int {
		n := 0
		for _, r := range h.TakeRequests() {
			if strings.HasSuffix(r.Path, "/repositories") {
				n++
			}
		}
		return n
	}
	seen := 0
	for _, err := range c.Repositories(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; seen == 20 {
			break
		}
	}
	if n := lists(); n != 1 {
		t.Errorf("twenty repositories took %d pages", n)
	}
	if n := len(names(t, c.Repositories(context.Background()))); n != 1000 || lists() != 10 {
		t.Errorf("%d repositories", n)
	}
}

// TestHidden: a project that is not for this user does not hide the others.
func TestHidden(t *testing.T) {
	h, r := newHarbor(t)
	h.Push("shared/ubuntu", "1", randomImage(t))
	c := New(Options{Registry: r, Shared: []string{"secret", "nowhere", "shared"}})
	var got []string
	for repository, err := range c.Repositories(context.Background()) {
		if err != nil {
			told, ok := err.(*message.Error) //nolint:errorlint // it is not wrapped
			if !ok {
				t.Fatal(err)
			}
			got = append(got, told.What.Name())
			continue
		}
		got = append(got, repository.Name)
	}
	if want := []string{"bases.hidden", "bases.hidden", "shared/ubuntu"}; !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	for name, test := range map[string]struct{ user, password, what string }{
		"nobody": {"", "", "registry.login-needed"}, "a wrong password": {user, "wrong-Sekrit", "registry.wrong-password"},
	} {
		for _, err := range New(Options{Registry: open(h.Host, test.user, test.password), Shared: []string{"shared"}}).Repositories(context.Background()) {
			var told *message.Error
			if !errors.As(err, &told) || told.What.Name() != test.what {
				t.Errorf("%s is told %v", name, err)
			}
		}
	}
}

func TestHarborTags(t *testing.T) {
	h, r := newHarbor(t)
	day := time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
	for tag, at := range map[string]time.Time{"1.9": day, "1.10": day, "latest": day, "1.10-rc1": day, "2.0": day.AddDate(0, 0, -1), "0.1": day.AddDate(0, 0, 1)} {
		h.Push("shared/app", tag, randomImage(t))
		h.SetPushed("shared/app", tag, at)
	}
	h.SetScan("shared/app", "2.0", &fakeharbor.Scan{Vulnerabilities: []fakeharbor.Vulnerability{{ID: "CVE-1", Severity: "High", FixVersion: "2"}, {ID: "CVE-2", Severity: "Low"}}})
	h.SetScan("shared/app", "1.9", &fakeharbor.Scan{Status: "Running"})
	tags, err := New(Options{Registry: r}).Tags(context.Background(), "shared/app")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, tag := range tags {
		got = append(got, tag.Name)
		if tag.Size == 0 || tag.Digest == "" || tag.Date.IsZero() {
			t.Errorf("%+v", tag)
		}
		want := (*Scan)(nil)
		if tag.Name == "2.0" {
			want = &Scan{Severity: "High", Total: 2, Fixable: 1}
		}
		if diff := cmp.Diff(want, tag.Scan); diff != "" {
			t.Errorf("the scan of %s (-want +got):\n%s", tag.Name, diff)
		}
	}
	if want := []string{"0.1", "1.10", "1.10-rc1", "1.9", "latest", "2.0"}; !slices.Equal(got, want) {
		t.Errorf("the order is %v", got)
	}
}

// TestOther: a registry that is no Harbor.
func TestOther(t *testing.T) {
	s := httptest.NewServer(ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0))))
	defer s.Close()
	host := s.Listener.Addr().String()
	made := time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
	img, err := mutate.ConfigFile(randomImage(t), &v1.ConfigFile{
		OS: "linux", Architecture: "amd64", Created: v1.Time{Time: made}, RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{Labels: map[string]string{"org.opencontainers.image.description": "a\x1b[2Jb"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	put := func(text string) {
		ref, err := name.ParseReference(host + "/" + text)
		if err == nil {
			err = remote.Write(ref, img)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"shared/ubuntu:22.04", "shared/ubuntu:24.04", "shared/ubuntu:latest", "other/app:1"} {
		put(text)
	}
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}},
		mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}})
	ref, err := name.ParseReference(host + "/shared/index:1")
	if err == nil {
		err = remote.WriteIndex(ref, index)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := New(Options{Registry: open(host, "", ""), Shared: []string{"shared"}})
	found := names(t, c.Repositories(context.Background()))
	if slices.Sort(found); !slices.Equal(found, []string{"shared/index", "shared/ubuntu"}) {
		t.Errorf("repositories are %v", found)
	}
	tags, err := c.Tags(context.Background(), "shared/ubuntu")
	if err != nil || len(tags) != 3 || tags[0].Name != "24.04" || tags[2].Name != "latest" {
		t.Fatalf("tags are %+v (%v)", tags, err)
	}
	for repository, tag := range map[string]string{"shared/ubuntu": "24.04", "shared/index": "1"} {
		d := Tag{Name: tag}
		if err := c.Details(context.Background(), repository, &d); err != nil {
			t.Fatal(err)
		}
		if !d.Date.Equal(made) || d.Size < 100 || d.Digest == "" || d.Description != "a\uFFFD[2Jb" {
			t.Errorf("%s: %+v", repository, d)
		}
	}
	if _, err := c.Tags(context.Background(), "shared/nothing"); err == nil {
		t.Error("a repository that is not there has tags")
	}
}

// TestPages: a registry that gives its lists in pages, and one whose pages never end.
func TestPages(t *testing.T) {
	requests := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		switch {
		case r.URL.Path != "/v2/_catalog":
			w.WriteHeader(http.StatusOK)
		case r.URL.Query().Get("last") == "":
			w.Header().Set("Link", `</v2/_catalog?last=b&n=100>; rel="next"`)
			io.WriteString(w, `{"repositories":["p/a","p/b","p/NOT"]}`)
		default:
			io.WriteString(w, `{"repositories":["p/c"]}`)
		}
	}))
	defer s.Close()
	r := registry.New(registry.Options{Access: image.Access{Host: s.Listener.Addr().String(), Plain: true, Transport: &http.Transport{}}})
	if got := names(t, New(Options{Registry: r}).catalogOnly()); !slices.Equal(got, []string{"p/a", "p/b", "p/NOT", "p/c"}) {
		t.Errorf("got %v", got)
	}
	if got := names(t, New(Options{Registry: r, Shared: []string{"p"}}).Repositories(context.Background())); slices.Contains(got, "p/NOT") || len(got) != 3 {
		t.Errorf("got %v", got)
	}
}

func (c *Catalogue) catalogOnly() iter.Seq2[Repository, error] {
	return c.catalog(context.Background(), all)
}

// TestNoCatalog: a registry that does not tell what it has.
func TestNoCatalog(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/" {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer s.Close()
	for _, err := range New(Options{Registry: open(s.Listener.Addr().String(), "", "")}).Repositories(context.Background()) {
		if told, ok := err.(*message.Error); !ok || told.What.Name() != "bases.no-list" { //nolint:errorlint // it is not wrapped
			t.Errorf("one is told %v", err)
		}
	}
}

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "",
		"plain":                            "plain",
		"\n\n# Title\nmore":                "Title",
		"<script>alert(1)</script>x":       "alert(1)x",
		"<!-- hidden -->\n> quoted":        "quoted",
		"a < b and b > c":                  "a < b and b > c",
		"a\x1b]0;title\x07b\tc":            "a\uFFFD]0;title\uFFFDb c",
		"one\rtwo":                         "one",
		"right\u202eleft":                  "right\uFFFDleft",
		"a" + strings.Repeat("\u0301", 99): "a\u0301\u0301",
		"数値流体\u3000計算":                     "数値流体 計算",
		strings.Repeat("長", 200):           strings.Repeat("長", 160) + "…",
	} {
		if got := line(text); got != want {
			t.Errorf("%q becomes %q, not %q", text, got, want)
		}
	}
}

func TestVersions(t *testing.T) {
	ordered := []string{"latest", "stable", "0.9", "1.0-rc1", "1.0-rc2", "1.0", "1.0-gpu", "1.0-1", "1.9", "v1.10", "1.10.1", "22.04", "24.04", "20260401"}
	for i, a := range ordered {
		for j, b := range ordered {
			if got, want := versions(a, b), i-j; got != sign(want) {
				t.Errorf("%s and %s compare as %d", a, b, got)
			}
		}
	}
}

func sign(n int) int { return max(-1, min(n, 1)) }

func FuzzVersions(f *testing.F) {
	f.Add("1.0", "1.0-rc1", "1.0-1")
	f.Add("v1", "1", "01")
	f.Add("a-b", "a_b", "")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if versions(a, b) != -versions(b, a) {
			t.Errorf("%q and %q have no order", a, b)
		}
		if versions(a, b) <= 0 && versions(b, c) <= 0 && versions(a, c) > 0 {
			t.Errorf("%q, %q and %q are in a circle", a, b, c)
		}
		if (versions(a, b) == 0) != (a == b) {
			t.Errorf("%q and %q are the same", a, b)
		}
	})
}

func FuzzLine(f *testing.F) {
	for _, seed := range []string{"# a <b>", "<", "<a", "\xff\xfe", "a\u0301\u0301\u0301", strings.Repeat("<", 5000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := line(text)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > (mostLine+1)*(mostMarks+1) || strings.ContainsAny(got, "\n\r\x1b\t") {
			t.Errorf("%q becomes %q", text, got)
		}
	})
}

func FuzzNextPage(f *testing.F) {
	for _, seed := range []string{`</v2/_catalog?last=b&n=100>; rel="next"`, `<a>; rel=next`, `<%>;rel=next`, `<x?y=1>; rel=prev`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if q := nextPage(http.Header{"Link": {text}}); q != nil && len(q) == 0 {
			t.Error("a page without a question")
		}
	})
}
