package quantity

import (
	"testing"
	"time"
)

func TestUnits(t *testing.T) {
	for text, want := range map[string]time.Duration{"30d": 720 * time.Hour, "1.5d": 36 * time.Hour, "12h": 12 * time.Hour, "90m": 90 * time.Minute, "0": 0, "0d": 0} {
		var a Age
		if err := a.Set(text); err != nil || time.Duration(a) != want {
			t.Errorf("%s is %v, %v", text, a, err)
		}
	}
	for want, d := range map[string]time.Duration{"0": 0, "30d": 720 * time.Hour, "15m": 15 * time.Minute, "1h": time.Hour, "1h30m": 90 * time.Minute, "10s": 10 * time.Second, "1m30s": 90 * time.Second} {
		if got := (*Age)(&d).String(); got != want {
			t.Errorf("%v is %q, not %q", d, got, want)
		}
	}
	for text, want := range map[string]int64{"200G": 200e9, "200GB": 200e9, "1.5T": 1.5e12, "512MiB": 512 << 20, "1k": 1000, "7": 7, "0": 0} {
		var b Bytes
		if err := b.Set(text); err != nil || int64(b) != want {
			t.Errorf("%s is %d, %v", text, b, err)
		}
	}
	for _, text := range []string{"", "d", "x", "-1d", "1w", "NaNd", "99999999d"} {
		if err := new(Age).Set(text); err == nil {
			t.Errorf("%q is an age", text)
		}
	}
	for _, text := range []string{"", "G", "-1G", "1X", "NaN", "1e30P", "Inf"} {
		if err := new(Bytes).Set(text); err == nil {
			t.Errorf("%q is a size", text)
		}
	}
}
