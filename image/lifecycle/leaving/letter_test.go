package leaving

import (
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/notice"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/opencontainers/go-digest"
)

// TestTexts renders all letters of one departure, in both languages: package notice has
// the texts, and here is what they say.
func TestTexts(t *testing.T) {
	post, err := notice.Open(notice.Options{
		Mail: settings.Mail{Site: "HPC registry", Help: "help@example.ac.jp"}, Language: "en", Registry: "harbor.example.ac.jp", State: state.Open(t.TempDir()),
		Audit: audit.None{}, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	l := quietLife(t)
	l.projects[who].push("late/x", "", 4)
	l.leave(100, 100, func(o *Order) { o.Reason = "graduates" })
	l.down.harbor = true
	l.pass(104)
	l.down.harbor = false
	l.pass(135)
	if _, err := l.office(l.rules).Return(l.now, who, "suzuki"); err != nil {
		t.Fatal(err)
	}
	l.pass(136)
	kinds := map[string]Letter{}
	for _, key := range sortedKeys(l.sent) {
		if _, ok := kinds[l.sent[key].Kind]; !ok || strings.HasSuffix(key, "30-days") {
			kinds[l.sent[key].Kind] = l.sent[key]
		}
	}
	for _, kind := range []string{letterNotice, letterColleague, letterSupervisor, letterHandedOver, letterCertificate, letterReturn, letterTrouble} {
		letter, ok := kinds[kind]
		if !ok {
			t.Errorf("there was no letter %s", kind)
			continue
		}
		for _, language := range []string{"en", "ja"} {
			text, err := post.Render(notice.Letter{To: letter.To, Kind: kind, Key: letter.Key, Data: letter.Facts}, language)
			if err != nil {
				t.Error(err)
				continue
			}
			golden(t, kind+"."+language+".txt", "Subject: "+text.Subject+"\n\n"+text.Body)
		}
	}
}

// TestTextsOfOddDepartures renders what the example has not: no images, no reason, what
// others have removed.
func TestTextsOfOddDepartures(t *testing.T) {
	post, err := notice.Open(notice.Options{Language: "en", Registry: "h", State: state.Open(t.TempDir()), Audit: audit.None{}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	empty := &Certificate{ID: who, Images: []CertifiedImage{}}
	odd := &Certificate{ID: who, Lost: []CertifiedImage{{Was: "h/u/app", Digest: digest.FromString("x").String()}}, Members: []CertifiedEnd{{"a", harbor.Guest.String()}, {"b", "guest"}}}
	for _, kind := range notice.Kinds() {
		if !strings.HasPrefix(kind, "leaving") {
			continue
		}
		for _, f := range []Facts{{Certificate: empty}, {Certificate: odd, Days: 1, Archive: true, Labs: []Lab{{Project: "a"}}}} {
			for _, language := range []string{"en", "ja"} {
				if _, err := post.Render(notice.Letter{Kind: kind, Data: f}, language); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// TestStepsInJapanese: the letter about trouble names each step in its own language.
func TestStepsInJapanese(t *testing.T) {
	post, err := notice.Open(notice.Options{Language: "ja", Registry: "h", State: state.Open(t.TempDir()), Audit: audit.None{}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []step{noticing, freezing, bundling, verifying, handing, removing, certify, closing, returning, letters} {
		text, err := post.Render(notice.Letter{Kind: letterTrouble, Data: Facts{Trouble: Trouble{Step: string(s)}}}, "ja")
		if err != nil || strings.Contains(text.Body, string(s)+"\n") {
			t.Errorf("%s: %v\n%s", s, err, text.Body)
		}
	}
}
