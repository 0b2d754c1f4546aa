package main

import (
	"strconv"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/squash"
	"github.com/jrun-hpc/jrun/squash/writer"
)

// parseCompression reads "zstd:3", "zstd", "gzip[:LEVEL]", "lz4" or "none" into opts.
func parseCompression(text string, opts *writer.Options) error {
	const next = "write zstd:3, gzip:6, lz4 or none"
	name, level, hasLevel := strings.Cut(text, ":")
	known := map[string]struct {
		method squash.Compression
		levels int // from 1
	}{"zstd": {squash.Zstd, 22}, "gzip": {squash.Gzip, 9}, "lz4": {squash.Lz4, 0}, "none": {squash.Zstd, 0}}
	wanted, ok := known[name]
	if !ok {
		return fault.Newf(fault.Because("it is none of zstd, gzip, lz4 and none"), next, "cannot understand the compression %q", text)
	}
	opts.Compression, opts.Uncompressed = wanted.method, name == "none"
	if !hasLevel {
		return nil
	}
	if wanted.levels == 0 {
		return fault.Newf(fault.Because("%s has no levels", name), next, "cannot understand the compression %q", text)
	}
	var err error
	if opts.Level, err = strconv.Atoi(level); err != nil || opts.Level < 1 || opts.Level > wanted.levels {
		return fault.Newf(fault.Because("%q is no level of %s: they are 1 to %d", level, name, wanted.levels), next, "cannot understand the compression %q", text)
	}
	return nil
}

// parseBlockSize reads bytes, with K or M for their binary multiples.
func parseBlockSize(text string) (int, error) {
	number, scale := text, 1
	for suffix, unit := range map[string]int{"K": 1 << 10, "M": 1 << 20} {
		if head, ok := strings.CutSuffix(strings.ToUpper(text), suffix); ok {
			number, scale = head, unit
		}
	}
	n, err := strconv.Atoi(number)
	size := n * scale
	if err != nil || n > squash.MaxBlockSize || size < squash.MinBlockSize || size > squash.MaxBlockSize || size&(size-1) != 0 {
		return 0, fault.Newf(fault.Because("it is no power of two from 4K to 1M"), "write --block-size 128K", "cannot use the block size %q", text)
	}
	return size, nil
}
