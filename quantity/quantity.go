// Package quantity reads and writes lengths of time and numbers of bytes as people
// write them: 30d, 12h, 200G, 1.5T.
package quantity

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Age is a length of time as people write it: 30d, 12h, 90m, 0.
type Age time.Duration

// UnmarshalText reads an Age; it is what flags and TOML files have.
func (a *Age) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if inRange := n >= 0 && n <= 36500; err != nil || !inRange { // NaN is in no range
			return fmt.Errorf("%q is no length of time: write 30d, 12h or 0", s)
		}
		*a = Age(n * 24 * float64(time.Hour))
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
	*a = Age(d)
	return nil
}

// Set reads text; with String and Type it makes Age a pflag.Value.
func (a *Age) Set(s string) error { return a.UnmarshalText([]byte(s)) }

func (a *Age) String() string {
	const day = 24 * time.Hour
	d := time.Duration(*a)
	if d == 0 {
		return "0" // which is also what pflag takes for no default
	}
	if d > 0 && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	text := d.String()
	for _, nothing := range []string{"m0s", "h0m"} { // 15m, and not 15m0s
		if strings.HasSuffix(text, nothing) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// Type is the word for it in the help.
func (*Age) Type() string { return "age" }

// Bytes is a number of bytes as people write it: 200G, 1.5T, 500MB, 512MiB.
type Bytes int64

// UnmarshalText reads a size.
func (b *Bytes) UnmarshalText(text []byte) error {
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
	*b = Bytes(n * unit)
	return nil
}

// Set reads text; with String and Type it makes Bytes a pflag.Value.
func (b *Bytes) Set(s string) error { return b.UnmarshalText([]byte(s)) }

func (b *Bytes) String() string {
	if *b == 0 {
		return "0" // which is also what pflag takes for no default
	}
	return Size(int64(*b))
}

// Type is the word for it in the help.
func (*Bytes) Type() string { return "size" }

// Size writes bytes as people read them, in powers of 1000.
func Size(bytes int64) string {
	const unit = 1000
	if bytes < unit {
		return fmt.Sprintf("%d B", bytes)
	}
	value, i := float64(bytes)/unit, 0
	for ; value >= unit && i < 4; i++ {
		value /= unit
	}
	return fmt.Sprintf("%.1f %cB", value, "kMGTP"[i])
}
