package audit

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// Problem is something that is not as it was written.
type Problem struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`   // from 1; 0 if it is about the whole
	Number int64  `json:"number,omitempty"` // of the entry, as far as that is known
	What   string `json:"what"`
}

func (p Problem) String() string {
	switch {
	case p.Line > 0:
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.What)
	case p.File != "":
		return p.File + ": " + p.What
	}
	return p.What
}

// Report is what Verify has found.
type Report struct {
	Files       []string  `json:"files"`
	Entries     int64     `json:"entries"`
	First       time.Time `json:"first,omitzero"`
	Last        time.Time `json:"last,omitzero"`
	Head        Head      `json:"head"`
	Interrupted []Entry   `json:"interrupted,omitempty"` // begun, and neither done nor failed: a kill, or just now under way
	Torn        int       `json:"torn_bytes,omitempty"`  // of half a line at the end, which a power cut has left
	Noted       bool      `json:"noted"`                 // the last entry was noted in the second file
	Problems    []Problem `json:"problems,omitempty"`
	More        int       `json:"more_problems,omitempty"` // beyond mostProblems
}

// OK reports whether the log is as it was written.
func (r Report) OK() bool { return len(r.Problems) == 0 }

// mostProblems bounds Report.Problems.
const mostProblems = 100

// Verify reads a log from one reader. The error is about reading; what is wrong with
// the log is in the report.
func Verify(r io.Reader, expected ...Head) (Report, error) {
	v := newVerifier(expected)
	err := v.read("", r, true)
	return v.report(), err
}

// VerifyFiles reads all files of the log in path, and compares the last entry with what
// is noted beside it and with what has been kept elsewhere.
func VerifyFiles(path string, expected ...Head) (Report, error) {
	// Before the files: entries that are added meanwhile do no harm.
	noted, notedErr := readHead(path)
	if noted.Number > 0 {
		expected = append(expected, noted)
	}
	files, err := openFiles(path)
	if err != nil {
		return Report{}, fmt.Errorf("verifying the audit log: %w", err)
	}
	defer files.close()
	v := newVerifier(expected)
	v.r.Noted = noted.Number > 0
	if notedErr != nil {
		v.problem(Problem{File: headFile(path), What: notedErr.Error()})
	}
	number := 0
	for i, f := range files {
		if n := numberOf(path, f.Name()); n > 0 {
			for number++; number < n; number++ {
				v.problem(Problem{File: numbered(path, number), What: "it is missing"})
			}
		}
		if err := v.read(f.Name(), f, i == len(files)-1); err != nil {
			return v.report(), err
		}
	}
	return v.report(), nil
}

// verifier follows a chain.
type verifier struct {
	r        Report
	last     Entry
	open     map[string]Entry // begun, by ID
	expected map[int64][]string
}

func newVerifier(expected []Head) *verifier {
	v := &verifier{open: map[string]Entry{}, expected: map[int64][]string{}}
	for _, h := range expected {
		v.expected[h.Number] = append(v.expected[h.Number], h.Hash)
	}
	return v
}

func (v *verifier) problem(p Problem) {
	if len(v.r.Problems) >= mostProblems {
		v.r.More++
		return
	}
	v.r.Problems = append(v.r.Problems, p)
}

// read follows the lines of a file. Only the newest one may end with half a line.
func (v *verifier) read(file string, r io.Reader, newest bool) error {
	v.r.Files = append(v.r.Files, file)
	lines := newLines(r)
	for {
		line, err := lines.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errTorn) && newest:
			v.r.Torn = len(line)
			return nil
		case errors.Is(err, errTorn), errors.Is(err, errTooLong):
			v.problem(Problem{File: file, Line: lines.number, What: err.Error()})
			continue
		case err != nil:
			return fmt.Errorf("verifying the audit log: %w", err)
		}
		v.line(file, lines.number, line)
	}
}

// line checks one entry against the one before. After a problem it goes on with what
// the line says of itself, so that one that was changed is not a thousand problems.
func (v *verifier) line(file string, number int, line []byte) {
	e, err := parse(line)
	problem := func(format string, args ...any) {
		v.problem(Problem{File: file, Line: number, Number: e.Number, What: fmt.Sprintf(format, args...)})
	}
	if err != nil {
		problem("%v", err)
		if e.Number == 0 {
			// The next one tells what this was.
			v.last = Entry{Number: v.last.Number + 1}
			return
		}
	}
	if sum, err := e.sum(); err != nil || sum != e.Hash {
		problem("entry %d was changed: its hash is not that of what it says", e.Number)
	}
	switch {
	case e.Number != v.last.Number+1 && v.last.Number == 0:
		problem("the log begins with entry %d: those before are missing", e.Number)
	case e.Number != v.last.Number+1:
		problem("entry %d follows entry %d", e.Number, v.last.Number)
	case e.Previous != v.last.Hash && v.last.Hash != "":
		problem("entry %d does not follow entry %d: one of them was replaced", e.Number, v.last.Number)
	case e.Number == 1 && e.Previous != "":
		problem("entry 1 follows an entry that is missing")
	}
	for _, hash := range v.expected[e.Number] {
		if hash != e.Hash {
			problem("entry %d has the hash %s, and had %s", e.Number, e.Hash, hash)
		}
	}
	delete(v.expected, e.Number)
	v.note(e)
}

func (v *verifier) note(e Entry) {
	v.r.Entries++
	if v.r.First.IsZero() {
		v.r.First = e.Time
	}
	v.r.Last, v.last = e.Time, e
	if e.Outcome == Begun {
		v.open[e.ID] = e
		return
	}
	delete(v.open, e.ID)
}

func (v *verifier) report() Report {
	v.r.Head = v.last.head()
	v.r.Interrupted = slices.SortedFunc(maps.Values(v.open), func(a, b Entry) int { return cmp.Compare(a.Number, b.Number) })
	for _, number := range slices.Sorted(maps.Keys(v.expected)) {
		hashes := v.expected[number]
		v.problem(Problem{Number: number, What: fmt.Sprintf("entry %d with the hash %s is missing: the log ends with entry %d", number, hashes[0], v.last.Number)})
	}
	return v.r
}
