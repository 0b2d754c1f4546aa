package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// age is a length of time as people write it: 30d, 12h, 90m, 0.
type age time.Duration

// UnmarshalText reads an age; it is what flags and jrun.toml have.
func (a *age) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if inRange := n >= 0 && n <= 36500; err != nil || !inRange { // NaN is in no range
			return fmt.Errorf("%q is no length of time: write 30d, 12h or 0", s)
		}
		*a = age(n * 24 * float64(time.Hour))
		return nil
	}
	if s == "0" {
		*a = 0
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no length of time: write 30d, 12h or 0", s)
	}
	*a = age(d)
	return nil
}

// Set, String and Type make age a pflag.Value.
func (a *age) Set(s string) error { return a.UnmarshalText([]byte(s)) }

func (a *age) String() string {
	const day = 24 * time.Hour
	d := time.Duration(*a)
	if d == 0 {
		return "0" // which is also what pflag takes for no default
	}
	if d > 0 && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return d.String()
}

// Type is the word for it in the help.
func (*age) Type() string { return "age" }

// bytesize is a number of bytes as people write it: 200G, 1.5T, 500MB, 512MiB.
type bytesize int64

// UnmarshalText reads a size.
func (b *bytesize) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	upper := strings.ToUpper(s)
	base := 1000.0
	if head, ok := strings.CutSuffix(upper, "IB"); ok {
		upper, base = head, 1024
	}
	upper = strings.TrimSuffix(upper, "B")
	unit := 1.0
	for i, letter := range []string{"K", "M", "G", "T", "P"} {
		if head, ok := strings.CutSuffix(upper, letter); ok {
			upper = head
			for range i + 1 {
				unit *= base
			}
			break
		}
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(upper), 64)
	if inRange := n >= 0 && n*unit <= 1<<60; err != nil || !inRange { // NaN is in no range
		return fmt.Errorf("%q is no size: write 200G, 1.5T or 0", s)
	}
	*b = bytesize(n * unit)
	return nil
}

// Set, String and Type make bytesize a pflag.Value.
func (b *bytesize) Set(s string) error { return b.UnmarshalText([]byte(s)) }

func (b *bytesize) String() string {
	if *b == 0 {
		return "0" // which is also what pflag takes for no default
	}
	return size(int64(*b))
}

// Type is the word for it in the help.
func (*bytesize) Type() string { return "size" }
