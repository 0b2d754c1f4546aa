package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/quantity"
)

// Text writes tables for a terminal.
func (r Report) Text(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PROJECT\tOWNER\tIN HARBOR\tQUOTA\tIMAGES\tIN THE STORE\tDELETED\tLAST USE")
	for _, p := range r.Projects {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", column(p.Name), column(p.Owner), quantity.Size(p.HarborBytes), limit(p.QuotaBytes), p.Images,
			quantity.Size(p.StoreBytes), quantity.Size(p.DeletedBytes), date(p.LastUse))
	}
	fmt.Fprintln(table, "\nPERSON\tPROJECTS\tIN HARBOR\tIN THE STORE\tOWN PART")
	for _, p := range r.People {
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\n", column(p.Name), p.Projects, quantity.Size(p.HarborBytes), quantity.Size(p.StoreBytes), quantity.Size(p.OwnBytes))
	}
	fmt.Fprintln(table, "\nLAST USED\tIMAGES\tSIZE")
	for _, a := range r.Ages {
		fmt.Fprintf(table, "%s\t%d\t%s\n", words["en"].age(a), a.Images, quantity.Size(a.SumBytes))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, line := range r.notes("en") {
		if _, err := fmt.Fprintln(out, printable.Line(line)); err != nil {
			return err
		}
	}
	return nil
}

// notes say what the numbers leave out.
func (r Report) notes(language string) []string {
	var all []string
	if r.Unreadable > 0 {
		all = append(all, fmt.Sprintf(words[language].Unreadable, r.Unreadable))
	}
	for _, m := range r.Missing {
		all = append(all, words[language].Missing+": "+m)
	}
	return all
}

// mostName is how much of a name is in a table for people, in characters.
const mostName = 40

// column is a name in a table.
func column(s string) string {
	return printable.CutRunes(printable.Line(s), mostName)
}

func limit(bytes int64) string {
	if bytes < 0 {
		return "none"
	}
	return quantity.Size(bytes)
}

func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// CSV writes the projects, for spreadsheets; sizes in bytes, times in RFC 3339.
func (r Report) CSV(out io.Writer) error {
	w := csv.NewWriter(out)
	_ = w.Write([]string{"project", "owner", "harbor_bytes", "quota_bytes", "sum_bytes", "images", "tags", "objects", "store_bytes", "deleted_bytes", "last_push", "last_use"})
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	when := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	for _, p := range r.Projects {
		_ = w.Write([]string{
			cell(p.Name), cell(p.Owner), number(p.HarborBytes), number(p.QuotaBytes), number(p.SumBytes), number(int64(p.Images)), number(int64(p.Tags)),
			number(int64(p.Objects)), number(p.StoreBytes), number(p.DeletedBytes), when(p.LastPush), when(p.LastUse),
		})
	}
	w.Flush()
	return w.Error()
}

// cell is text that no spreadsheet takes for a formula.
func cell(s string) string {
	if strings.ContainsAny(s[:min(1, len(s))], "=+-@\t\r") {
		return "'" + s
	}
	return s
}
