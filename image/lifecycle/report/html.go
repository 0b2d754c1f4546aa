package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"

	"github.com/jrun-hpc/jrun/quantity"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{"size": quantity.Size, "date": date}).Parse(pageText))

// HTML writes a page, in English (en) or Japanese (ja).
func (r Report) HTML(out io.Writer, lang string) error {
	w, ok := words[lang]
	if !ok {
		return fmt.Errorf("writing a report: there is no language %q", lang)
	}
	var projects, people, ages []bar
	for _, p := range r.Projects {
		projects = append(projects, bar{p.Name, []int64{p.HarborBytes, p.StoreBytes + p.DeletedBytes}})
	}
	for _, p := range r.People {
		people = append(people, bar{p.Name, []int64{p.HarborBytes, p.StoreBytes + p.OwnBytes}})
	}
	for _, a := range r.Ages {
		ages = append(ages, bar{w.age(a), []int64{a.SumBytes}})
	}
	data := struct {
		Report
		W                                language
		Lang, Made                       string
		Notes                            []string
		ProjectChart, PeopleChart, Chart picture
	}{Report: r, W: w, Lang: lang, Made: fmt.Sprintf(w.Made, r.Time.Format(time.DateOnly), r.Harbor), Notes: r.notes(lang)}
	var err error
	for _, c := range []struct {
		to     *picture
		bars   []bar
		series []string
	}{{&data.ProjectChart, projects, []string{w.InHarbor, w.InStore}}, {&data.PeopleChart, people, []string{w.InHarbor, w.InStore}}, {&data.Chart, ages, []string{w.Sum}}} {
		if len(c.bars) == 0 {
			continue
		}
		if *c.to, err = draw(c.bars, c.series); err != nil {
			return err
		}
	}
	return page.Execute(out, data)
}

// AgeWords are the words for an age; for the page.
func (l language) AgeWords(a Age) string { return l.age(a) }

// Alt is what a picture shows, for those who do not see it.
func (l language) Alt(what string) string { return fmt.Sprintf(l.Chart, what) }
