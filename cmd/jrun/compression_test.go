package main

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/squash"
	"github.com/jrun-hpc/jrun/squash/writer"
)

func TestParseCompression(t *testing.T) {
	good := map[string]writer.Options{
		"zstd": {Compression: squash.Zstd}, "zstd:19": {Compression: squash.Zstd, Level: 19}, "gzip:9": {Compression: squash.Gzip, Level: 9},
		"lz4": {Compression: squash.Lz4}, "none": {Compression: squash.Zstd, Uncompressed: true},
	}
	for text, want := range good {
		var got writer.Options
		if err := parseCompression(text, &got); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	for _, text := range []string{"", "xz", "zstd:", "zstd:x", "zstd:0", "zstd:23", "gzip:10", "lz4:1", "none:1", "zstd:3:4"} {
		requireFault(t, text, parseCompression(text, &writer.Options{}))
	}
}

func TestParseBlockSize(t *testing.T) {
	for text, want := range map[string]int{"4096": 4096, "4K": 4096, "128k": 131072, "1M": 1 << 20, "1m": 1 << 20} {
		if got, err := parseBlockSize(text); got != want || err != nil {
			t.Errorf("%s is %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "K", "3K", "2K", "2M", "-4K", "99999999999999999999", "9223372036854775807K", "128KB"} {
		_, err := parseBlockSize(text)
		requireFault(t, text, err)
	}
}

func requireFault(t *testing.T, text string, err error) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Why == nil || f.Next == "" {
		t.Errorf("%q: error %v does not say what, why and what next", text, err)
	}
}
