package guide

import (
	"slices"
	"strings"
	"testing"
)

func TestParseSearch(t *testing.T) {
	names := parseAptSearch("fftw2 - library for FFT\npython3-pyfftw - Python wrapper - of FFTW\nlibfftw3-dev - Library\n-x - no name\nnothing\n")
	s := searcher{words: []string{"fftw"}}
	if got, want := s.best(names), []string{"fftw2", "libfftw3-dev", "python3-pyfftw"}; !slices.Equal(got, want) {
		t.Errorf("the order is %q, not %q", got, want)
	}
	if got := (&searcher{words: []string{"numpy"}}).best([]string{"numpy-doc", "python3-numpy", "dask", "numpy", "numpy"}); !slices.Equal(got, []string{"numpy", "python3-numpy", "numpy-doc", "dask"}) {
		t.Errorf("the order is %q", got)
	}
	known := parseControl("Package: a\nVersion: 1:2.0-1\nDescription-en: first\n more\n\nPackage: b\nVersion: 3\nDescription: second\n\nPackage: a\nVersion: 0\n\n")
	if a, b := known["a"], known["b"]; len(known) != 2 || a.Version != "1:2.0-1" || a.Summary.String() != "first" || b.Summary.String() != "second" {
		t.Errorf("the packages are %+v", known)
	}
	// Once with an empty line after each, as dnf 4 prints them.
	rpms := parseTabs("fftw\t3.3.8-1\tFast Fourier Transform\n\nfftw-libs\t3.3.8-1\tLibraries\nbad line\n--x\t1\ty\n")
	if len(rpms) != 2 || rpms["fftw"].Version != "3.3.8-1" || rpms["fftw-libs"].Summary.String() != "Libraries" {
		t.Errorf("the packages are %+v", rpms)
	}
}

// FuzzSearchWords: what is typed to search by is never an option or a pattern.
func FuzzSearchWords(f *testing.F) {
	for _, text := range []string{"fftw", "--help", "a b", "$(id)", "-o=x", "libstdc++", "a\x00", "../x", "*"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := (&Bench{Engine: &Engine{}}).Search(t.Context(), text)
		if err == nil {
			t.Fatal("there is no shell, and a search")
		}
		for word := range strings.FieldsSeq(text) {
			if searchWords.MatchString(word) && (strings.HasPrefix(word, "-") || strings.ContainsAny(word, "*?[$`;&|<>()\\\"'\n\x00/ ")) {
				t.Errorf("%q is taken", word)
			}
		}
	})
}
