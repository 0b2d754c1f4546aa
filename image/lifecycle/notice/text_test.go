package notice_test

import (
	"mime"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/lifecycle/notice"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
)

// files are the letters in a directory.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	all := map[string]string{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		check(t, err)
		all[e.Name()] = string(b)
	}
	return all
}

// hostile tries to be more than a name.
var hostile = people.Person{ID: "x\r\nBcc: a@b.example", Name: "Eve\r\nBcc: victim@example.org\r\n\r\nPlease pay\x1b[31m", Mail: "eve@example.org", Language: "en"}

// TestInjection: a name stays a name.
func TestInjection(t *testing.T) {
	post, dir := open(t, "templates = \"texts\"\n")
	check(t, os.Mkdir(filepath.Join(dir, "texts"), 0o700),
		os.WriteFile(filepath.Join(dir, "texts", "test.en.txt"), []byte("Subject: Hello {{.To.Name}}{{.Data}}\r\n\r\n{{.Data}}\n"), 0o600))
	for i, data := range []string{"\r\nX-Evil: 1\r\n\r\nbody", "\n\n\x00", strings.Repeat("あ", 5000)} {
		key := "../" + strings.Repeat("k", 100*i)
		if _, err := post.Send(t.Context(), notice.Letter{To: hostile, Kind: "test", Key: key, Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	all := files(t, filepath.Join(dir, "state", "outbox"))
	if len(all) != 3 {
		t.Fatalf("there are %d letters", len(all))
	}
	for name, content := range all {
		m, err := mail.ReadMessage(strings.NewReader(content))
		check(t, err)
		for header := range m.Header {
			switch header {
			case "From", "To", "Subject", "Date", "Message-Id", "Mime-Version", "Content-Type", "Content-Transfer-Encoding", "Auto-Submitted":
			default:
				t.Errorf("%s has a header %s", name, header)
			}
		}
		to, err := m.Header.AddressList("To")
		if err != nil || len(to) != 1 || to[0].Address != "eve@example.org" {
			t.Errorf("%s goes to %v, %v", name, to, err)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		if err != nil || strings.ContainsFunc(subject, unicode.IsControl) || len(subject) > 600 {
			t.Errorf("%s has the subject %q, %v", name, subject, err)
		}
		if strings.Contains(content, "\x1b") || strings.Contains(content, "\x00") {
			t.Errorf("%s has control characters", name)
		}
	}
}

func TestLanguages(t *testing.T) {
	for name, tt := range map[string]struct {
		section, language string
		want              []string // words, in this order
		not               string
	}{
		"ja":            {"", "ja", []string{"正しく"}, "nothing to do"},
		"en":            {"", "en", []string{"nothing to do"}, "正しく"},
		"the site's":    {"", "", []string{"nothing to do"}, "正しく"},
		"both":          {"languages = \"both\"\n", "ja", []string{"正しく", "nothing to do"}, "{{"},
		"both, English": {"languages = \"both\"\n", "", []string{"nothing to do", "正しく"}, "{{"},
	} {
		t.Run(name, func(t *testing.T) {
			post, dir := open(t, tt.section+"directory = \"out\"\nsite = \"例大学 HPC\"\n")
			to := hanako
			to.Language = tt.language
			_, err := post.Send(t.Context(), notice.Letter{To: to, Kind: "test", Key: "a/b"})
			check(t, err)
			m := parse(t, files(t, filepath.Join(dir, "out"))["a%2Fb.eml"])
			at := -1
			for _, word := range tt.want {
				next := strings.Index(m.Body, word)
				if next <= at {
					t.Errorf("%q is not where it should be:\n%s", word, m.Body)
				}
				at = next
			}
			if strings.Contains(m.Body, tt.not) || !strings.Contains(m.Subject, "例大学 HPC") || len(tt.want) == 2 != strings.Contains(m.Subject, " / ") {
				t.Errorf("it is %q\n%s", m.Subject, m.Body)
			}
		})
	}
}

func TestSitesTexts(t *testing.T) {
	for name, tt := range map[string]struct{ text, words string }{
		"good":       {"\ufeffSubject: S {{.Site.Name}}\r\n\r\nOwn text\r\n", ""},
		"no subject": {"Own text\n", `does not begin with "Subject: "`},
		"no field":   {"Subject: x\n\n{{.To.Nam}}\n", "test.en.txt"},
		"no data":    {"Subject: x\n\n{{.Data.Project}}\n", "test.en.txt"},
		"broken":     {"Subject: {{x\n\nbody }}\n", "test.en.txt"},
		"endless":    {"Subject: x\n\n{{define \"a\"}}{{template \"a\"}}x{{end}}{{template \"a\"}}\n", "test.en.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			post, dir := open(t, "templates = \"texts\"\n")
			check(t, os.Mkdir(filepath.Join(dir, "texts"), 0o700), os.WriteFile(filepath.Join(dir, "texts", "test.en.txt"), []byte(tt.text), 0o600))
			text, err := post.Render(notice.Letter{To: hanako, Kind: "test"}, "en")
			if tt.words == "" {
				if diff := cmp.Diff(notice.Text{Subject: "S harbor.example.ac.jp", Body: "Own text\n"}, text); diff != "" || err != nil {
					t.Errorf("%v (-want +got):\n%s", err, diff)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.words) {
				t.Errorf("it says %v", err)
			}
		})
	}
	post, _ := open(t, "")
	if _, err := post.Render(notice.Letter{To: hanako, Kind: "../test"}, "en"); err == nil {
		t.Error("a kind that is none was found")
	}
}

// TestCatalogue: each kind is in both languages, and has a subject.
func TestCatalogue(t *testing.T) {
	all := files(t, "catalogue")
	for _, kind := range notice.Kinds() {
		for _, language := range []string{"en", "ja"} {
			text, ok := all[kind+"."+language+".txt"]
			if !ok || !strings.HasPrefix(text, "Subject: ") || !strings.Contains(text, "\n\n") {
				t.Errorf("%s in %s is %q", kind, language, text)
			}
		}
	}
	if len(all) != 2*len(notice.Kinds()) || len(all) == 0 {
		t.Errorf("there are %d files of %d kinds", len(all), len(notice.Kinds()))
	}
}

func TestCommand(t *testing.T) {
	post, dir := open(t, "from = \"a@b.example\"\ncommand = [\"sh\", \"-c\", \"cat >\\\"$0\\\"\", \"OUT\"]\n")
	t.Chdir(dir)
	sent, err := post.Send(t.Context(), notice.Letter{To: hanako, Kind: "test", Key: "1"})
	if err != nil || !sent {
		t.Fatalf("%v, %v", sent, err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "OUT"))
	check(t, err)
	if m := parse(t, string(b)); !strings.Contains(m.To, hanako.Mail) || strings.Contains(string(b), "\r") {
		t.Errorf("it got %q", b)
	}
	post, _ = open(t, "from = \"a@b.example\"\ntimeout = \"5s\"\ncommand = [\"sh\", \"-c\", \"echo no such user; exit 67\"]\n")
	if _, err := post.Send(t.Context(), notice.Letter{To: hanako, Kind: "test", Key: "1"}); err == nil || !strings.Contains(err.Error(), "no such user") {
		t.Errorf("it says %v", err)
	}
	post, _ = open(t, "from = \"a@b.example\"\ntimeout = \"50ms\"\ncommand = [\"sleep\", \"100\"]\n")
	if _, err := post.Send(t.Context(), notice.Letter{To: hanako, Kind: "test", Key: "1"}); err == nil {
		t.Error("a command that hangs has sent it")
	}
}
