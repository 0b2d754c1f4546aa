package vmlease

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/transform"
)

// mostList bounds a list of leases, in bytes.
const mostList = 64 << 20

// errList is for a list beyond mostList.
var errList = fmt.Errorf("it is longer than %d MB", mostList>>20)

// names are what fields are called: those of settings.LeaseFields that are not named
// otherwise are called so.
func names(fields map[string]string) map[string]string {
	all := map[string]string{}
	for _, field := range settings.LeaseFields {
		all[field] = field
		if name := fields[field]; name != "" {
			all[field] = name
		}
	}
	return all
}

// lease makes one of its fields' texts.
func lease(value func(field string) string, zone *time.Location) (l Lease, err error) {
	l = Lease{VM: value("vm"), Owner: OwnerID(value("owner")), Host: value("host")}
	if l.Ends, err = moment(value("ends"), zone); err == nil {
		l.Destroyed, err = moment(value("destroyed"), zone)
	}
	if err == nil {
		err = l.check()
	}
	return l, err
}

// Table is a CSV file (RFC 4180) with a first line that names its columns.
type Table struct {
	File     string
	Fields   map[string]string // what the columns are called; see settings.Lease
	ShiftJIS bool              // as spreadsheets in Japan write it
	Zone     *time.Location    // of times that name none
}

var _ Source = Table{}

// Leases implements Source.
func (t Table) Leases(ctx context.Context) iter.Seq2[Lease, error] {
	return func(yield func(Lease, error) bool) {
		f, err := os.Open(t.File)
		if err != nil {
			yield(Lease{}, err)
			return
		}
		defer f.Close()
		for l, err := range t.read(f) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(Lease{}, fmt.Errorf("%s: %w", t.File, err))
				return
			}
			if !yield(l, nil) {
				return
			}
		}
	}
}

// read reads all lines; the first error is the last.
func (t Table) read(in io.Reader) iter.Seq2[Lease, error] {
	return func(yield func(Lease, error) bool) {
		bounded := &bounded{in: in, left: mostList}
		in = bounded
		if t.ShiftJIS {
			in = transform.NewReader(in, japanese.ShiftJIS.NewDecoder())
		}
		lines := csv.NewReader(skipMark(in))
		lines.FieldsPerRecord = -1 // spreadsheets leave out what is empty at the end
		header, err := lines.Read()
		if errors.Is(err, io.EOF) {
			err = errors.New("it is empty: its first line must name the columns")
		}
		var column map[string]int
		if err == nil {
			column, err = columns(header, names(t.Fields))
		}
		if err != nil {
			yield(Lease{}, err)
			return
		}
		for {
			record, err := lines.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			var l Lease
			if err == nil {
				if !slices.ContainsFunc(record, func(s string) bool { return s != "" }) {
					continue
				}
				number, _ := lines.FieldPos(0)
				if l, err = lease(func(field string) string { return cell(record, column, field) }, t.Zone); err != nil {
					err = fmt.Errorf("line %d: %w", number, err)
				}
			}
			if !yield(l, err) || err != nil {
				return
			}
		}
	}
}

func columns(header []string, names map[string]string) (map[string]int, error) {
	column := map[string]int{}
	for field, name := range names {
		column[field] = slices.Index(header, name)
	}
	for _, needed := range []string{"vm", "owner", "ends"} {
		if column[needed] < 0 {
			return nil, fmt.Errorf("it has no column %q, but %.300q; lease.fields says what columns are called", names[needed], header)
		}
	}
	return column, nil
}

func cell(record []string, column map[string]int, field string) string {
	if i := column[field]; i >= 0 && i < len(record) {
		return record[i]
	}
	return ""
}

// skipMark leaves out the mark that spreadsheets put before UTF-8.
func skipMark(in io.Reader) io.Reader {
	buffered := bufio.NewReader(in)
	mark := []byte("\uFEFF")
	if begin, err := buffered.Peek(len(mark)); err == nil && bytes.Equal(begin, mark) {
		_, _ = buffered.Discard(len(mark))
	}
	return buffered
}

// bounded refuses to read more than left bytes, where io.LimitReader would let a part
// pass for the whole.
type bounded struct {
	in   io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.in.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errList
	}
	return n, err
}
