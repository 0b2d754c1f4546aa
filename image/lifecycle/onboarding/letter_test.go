package onboarding_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/lifecycle/notice"
	"github.com/jrun-hpc/jrun/image/lifecycle/onboarding"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
)

var update = flag.Bool("update", false, "write the golden files")

func TestWelcome(t *testing.T) {
	for name, tt := range map[string]struct {
		mail settings.Mail
		data onboarding.Welcome
	}{
		"all": {settings.Mail{Site: "例大学 計算機室", Help: "help@example.ac.jp"},
			onboarding.Welcome{Project: "20260001", Shared: []string{"base", "tools"}, Quota: "50.0 GB", Until: "2027-11-29"}},
		"least": {settings.Mail{}, onboarding.Welcome{Project: "20260001"}},
	} {
		post, err := notice.Open(notice.Options{Mail: tt.mail, Registry: "harbor.example.ac.jp"})
		check(t, err)
		for _, language := range []string{"en", "ja"} {
			text, err := post.Render(notice.Letter{To: people.Person{ID: "20260001", Name: "山田 花子"}, Kind: "welcome", Data: tt.data}, language)
			check(t, err)
			got := "Subject: " + text.Subject + "\n\n" + text.Body
			file := filepath.Join("testdata", "welcome-"+name+"."+language+".txt")
			if *update {
				check(t, os.MkdirAll("testdata", 0o755), os.WriteFile(file, []byte(got), 0o644))
			}
			want, err := os.ReadFile(file)
			check(t, err)
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		}
	}
}
