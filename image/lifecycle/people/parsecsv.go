package people

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// columns are those that a file may have.
var columns = []string{"id", "name", "mail", "language", "uid", "gid", "groups", "supervisor", "disabled", "expires"}

// mostMistakes is how many are named at once.
const mostMistakes = 10

var errEncoding = errors.New("it is not in UTF-8")

// ParseCSV reads people; zone is where days begin. The error names the lines that are
// wrong, the first mostMistakes of them.
func ParseCSV(r io.Reader, zone *time.Location) ([]Person, error) {
	buffered := bufio.NewReader(r)
	if mark, err := buffered.Peek(3); err == nil && bytes.Equal(mark, []byte("\ufeff")) {
		_, _ = buffered.Discard(3)
	}
	lines := csv.NewReader(buffered)
	header, err := lines.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty: the first line has the names of the columns")
	}
	if err != nil {
		return nil, err
	}
	at, err := positions(header)
	if err != nil {
		return nil, err
	}
	var (
		all      []Person
		mistakes []error
		lineOf   = map[string]int{} // of an ID in lower case
	)
	for len(mistakes) < mostMistakes {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, csv.ErrFieldCount) {
			return nil, errors.Join(append(mistakes, err)...)
		}
		number, _ := lines.FieldPos(0)
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("line %d has %d fields, and the first line %d", number, len(fields), len(header)))
			continue
		}
		p, err := person(fields, at, zone)
		if first := lineOf[strings.ToLower(p.ID)]; err == nil && first != 0 {
			err = fmt.Errorf("%s is on line %d already", p.ID, first)
		}
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("line %d: %w", number, err))
			continue
		}
		lineOf[strings.ToLower(p.ID)] = number
		all = append(all, p)
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	return all, nil
}

// positions says where each column is; unknown ones are mistakes, so that a misspelt
// "expires" does not let everybody stay for ever.
func positions(header []string) (map[string]int, error) {
	at := map[string]int{}
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(columns, name) {
			return nil, fmt.Errorf("line 1: there is no column %q; the columns are: %s", line(name), strings.Join(columns, ","))
		}
		if _, twice := at[name]; twice {
			return nil, fmt.Errorf("line 1: the column %s is there twice", name)
		}
		at[name] = i
	}
	if _, ok := at["id"]; !ok {
		return nil, errors.New("line 1: the column id is missing")
	}
	return at, nil
}

// person is a line; at says where each column is.
func person(fields []string, at map[string]int, zone *time.Location) (Person, error) {
	get := func(name string) string {
		if i, ok := at[name]; ok {
			return strings.TrimSpace(fields[i])
		}
		return ""
	}
	for _, f := range fields {
		if !utf8.ValidString(f) {
			return Person{}, errEncoding
		}
	}
	p := Person{ID: get("id"), Name: line(get("name")), Mail: address(get("mail")), Supervisor: get("supervisor")}
	if p.ID == "" || p.ID != line(p.ID) {
		return p, fmt.Errorf("the id is %q", p.ID)
	}
	if p.Name == "" {
		p.Name = p.ID
	}
	if p.Mail == "" && get("mail") != "" {
		return p, fmt.Errorf("mail is %q, which is no address", get("mail"))
	}
	if p.Language = language(get("language")); p.Language == "" && get("language") != "" {
		return p, fmt.Errorf("language is %q, not en or ja", get("language"))
	}
	for group := range strings.SplitSeq(get("groups"), ";") {
		if group = strings.TrimSpace(group); group != "" && !slices.Contains(p.Groups, group) {
			p.Groups = append(p.Groups, group)
		}
	}
	var err error
	if p.UID, err = number("uid", get("uid")); err != nil {
		return p, err
	}
	if p.GID, err = number("gid", get("gid")); err != nil {
		return p, err
	}
	if p.Disabled, err = yes(get("disabled")); err != nil {
		return p, err
	}
	p.Expires, err = lastDay(get("expires"), zone)
	return p, err
}

// number is -1 for nothing.
func number(column, s string) (int, error) {
	if s == "" {
		return -1, nil
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return -1, fmt.Errorf("%s is %q, which is no number", column, s)
	}
	return int(n), nil
}

func yes(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "", "false", "no", "0":
		return false, nil
	case "true", "yes", "1":
		return true, nil
	}
	return false, fmt.Errorf("disabled is %q, not yes or no", s)
}

// lastDay is when an account ends: at the end of the day, or at the time.
func lastDay(s string, zone *time.Location) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, s, zone); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("expires is %q, not like 2028-03-31", s)
	}
	return at, nil
}
