package hostlib

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// cacheOf writes a cache as ldconfig(8) does, with the older table before it or not.
func cacheOf(withOld bool, entries ...cacheEntry) string {
	var table, texts, old []byte
	base := newHeaderSize + len(entries)*newEntrySize
	add := func(s string) uint32 {
		at := base + len(texts)
		texts = append(append(texts, s...), 0)
		return uint32(at)
	}
	order := binary.NativeEndian
	for _, e := range entries {
		table = order.AppendUint32(table, e.flags)
		table = order.AppendUint32(table, add(e.soname))
		table = order.AppendUint32(table, add(e.path))
		table = order.AppendUint32(table, 0)
		table = order.AppendUint64(table, e.hwcap)
	}
	header := order.AppendUint32([]byte(newCacheMagic), uint32(len(entries)))
	header = order.AppendUint32(header, uint32(len(texts)))
	header = append(header, make([]byte, newHeaderSize-len(header))...)
	if withOld {
		old = order.AppendUint32(append([]byte(oldCacheMagic), 0), uint32(len(entries)))
		old = append(old, make([]byte, len(entries)*oldEntrySize)...)
		old = append(old, make([]byte, -len(old)&7)...)
	}
	return string(bytes.Join([][]byte{old, header, table, texts}, nil))
}

func TestParseCache(t *testing.T) {
	entries := []cacheEntry{
		{soname: "libcuda.so.1", path: "/usr/lib64/libcuda.so.1", flags: 0x0303},
		{soname: "libcuda.so.1", path: "/usr/lib/libcuda.so.1", flags: 0x0003},
		{soname: "libz.so.1", path: "/lib64/glibc-hwcaps/x86-64-v3/libz.so.1", flags: 0x0303, hwcap: 1 << 62},
	}
	for name, withOld := range map[string]bool{"new": false, "with the old table": true} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(entries, parseCache([]byte(cacheOf(withOld, entries...))), cmp.AllowUnexported(cacheEntry{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if got := parseCache([]byte(cacheOf(false, cacheEntry{soname: "x", path: "relative"}))); len(got) != 0 {
		t.Errorf("a relative path was taken: %v", got)
	}
}

// TestParseCacheAsLdconfig compares with what ldconfig says of a cache of its own.
func TestParseCacheAsLdconfig(t *testing.T) {
	ldconfig, err := exec.LookPath("ldconfig")
	if err != nil {
		if ldconfig = "/sbin/ldconfig"; !exists(ldconfig) {
			t.Skip("this machine has no ldconfig(8)")
		}
	}
	out, err := exec.CommandContext(t.Context(), ldconfig, "-p").Output()
	if err != nil {
		t.Skipf("ldconfig -p: %v", err)
	}
	var want, got []string
	for line := range strings.Lines(string(out)) {
		if name, file, ok := strings.Cut(strings.TrimSpace(line), " => "); ok {
			name, _, _ = strings.Cut(name, " ")
			want = append(want, name+" "+file)
		}
	}
	text, err := os.ReadFile(cacheFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range parseCache(text) {
		got = append(got, e.soname+" "+e.path)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func exists(name string) bool { _, err := os.Stat(filepath.Clean(name)); return err == nil }

func FuzzParseCache(f *testing.F) {
	entry := cacheEntry{soname: "libx.so.1", path: "/lib/libx.so.1", flags: 0x0303}
	f.Add([]byte(cacheOf(false, entry)))
	f.Add([]byte(cacheOf(true, entry, entry)))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, e := range parseCache(text) {
			if !strings.HasPrefix(e.path, "/") {
				t.Errorf("path %q", e.path)
			}
		}
	})
}
