//go:build e2e

package integration

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/integration/images"
)

// requireEmpty fails when a failed pull left anything in the store.
func requireEmpty(s *session) {
	s.t.Helper()
	if found := append(objects(s), unfinished(s.store)...); len(found) > 0 {
		s.t.Errorf("the failed pull left %q", found)
	}
}

func TestHostileImages(t *testing.T) {
	hostile, err := images.Hostile()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range hostile {
		t.Run(bad.Name, func(t *testing.T) {
			s := freshSession(t)
			s.run("run", ref("hostile/"+bad.Name+":latest")).wantFault(125, "hostile/"+bad.Name)
			requireEmpty(s)
			if _, err := os.Stat("/etc/escape"); err == nil {
				t.Error("/etc/escape was written on the host")
			}
		})
	}
}

func TestUnknownNames(t *testing.T) {
	s := freshSession(t)
	for _, c := range []struct{ name, image, text string }{
		{"registry that is not there", "127.0.0.1:1/demo/minimal:latest", "127.0.0.1:1"},
		{"host that does not resolve", "registry.invalid/demo/minimal:latest", "registry.invalid"},
		{"unknown repository", ref("demo/no-such-image:latest"), "demo/no-such-image"},
		{"wrong tag", ref("demo/minimal:no-such-tag"), "no-such-tag"},
		{"unknown digest", ref("demo/minimal@sha256:" + strings.Repeat("0", 64)), "sha256:0000"},
		{"no such layout", "oci:no-such-directory:v1", "no-such-directory"},
		{"no such archive", "docker-archive:no-such-file.tar", "no-such-file.tar"},
		{"no such OCI archive", "oci-archive:no-such-file.tar", "no-such-file.tar"},
		{"no such squashfs", "./no-such.sqfs", "no-such.sqfs"},
		{"unknown transport", "ftp://host/image", "ftp"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			s.run("run", c.image, "--", "true").wantFault(125, c.text)
			requireEmpty(s)
		})
	}
	s.t = t
}

func TestWrongArchitecture(t *testing.T) {
	s := freshSession(t)
	s.run("run", ref("demo/foreign:latest")).wantFault(125, images.ForeignArchitecture(), hostArchitecture)
	requireEmpty(s)
}

func TestEmptyImage(t *testing.T) {
	s := freshSession(t)
	s.run("run", ref("demo/empty:latest")).wantFault(125)
	r := s.run("run", ref("demo/empty:latest"), "--", "/bin/true")
	if r.code != 125 && r.code != 127 {
		t.Errorf("a command in an empty image: status %d", r.code)
	}
	r.wantFault(r.code)
}

// TestLyingRegistry: every byte is checked against the digest it came for.
func TestLyingRegistry(t *testing.T) {
	down := refuse(http.StatusServiceUnavailable, "UNAVAILABLE", "down for maintenance")
	for _, c := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request) bool
		change func([]byte) []byte
		text   string
	}{
		{name: "one bit of a layer differs", change: func(b []byte) []byte { b[len(b)/2] ^= 1; return b }, text: "digest"},
		{name: "a layer is cut short", change: func(b []byte) []byte { return b[:len(b)/2] }},
		{name: "a layer is empty", change: func([]byte) []byte { return nil }},
		{name: "a layer goes on", change: func(b []byte) []byte { return append(b, b...) }},
		{name: "a layer is another one", change: func([]byte) []byte { return []byte("not what was asked for") }},
		{name: "a layer differs where it does not matter", change: otherSystem, text: "digest"},
		{name: "down", answer: down, text: "503"},
		{name: "a manifest that is not JSON", answer: manifestOnly("<html>login</html>")},
		{name: "a manifest without layers and config", answer: manifestOnly(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}`)},
		{name: "a manifest of schema 1", answer: manifestOnly(`{"schemaVersion":1,"name":"x","tag":"y"}`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := freshSession(t)
			m := newMeddler(t)
			m.answer, m.change = c.answer, c.change
			s.run("pull", m.ref("demo/static:latest")).wantFault(125, m.host, c.text)
			requireEmpty(s)
		})
	}
}

// otherSystem changes the byte of a gzip header that names the operating
// system: only the layer's own digest tells, not its size nor that of the tar.
func otherSystem(blob []byte) []byte {
	if bytes.HasPrefix(blob, []byte{0x1f, 0x8b}) { // not the config
		blob[9] ^= 1
	}
	return blob
}

// manifestOnly answers every request for a manifest with the given text.
func manifestOnly(text string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		w.Write([]byte(text))
		return true
	}
}

// TestDamagedSquashfs: a file cut short, emptied or with flipped bits ends in
// an error of jrun's or of the program, never in a crash or a hang.
func TestDamagedSquashfs(t *testing.T) {
	s := freshSession(t)
	s.ok("pull", "-q", ref("demo/static:latest"))
	sound, err := os.ReadFile(objects(s)[0])
	if err != nil {
		t.Fatal(err)
	}
	used := binary.LittleEndian.Uint64(sound[40:]) // bytes_used; padding follows
	flip := func(at int) []byte {
		damaged := append([]byte(nil), sound...)
		damaged[at] ^= 0x40
		return damaged
	}
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"empty", nil},
		{"only half of the superblock", sound[:48]},
		{"only the superblock", sound[:96]},
		{"half of the file", sound[:len(sound)/2]},
		{"without the last byte of its tables", sound[:used-1]},
		{"wrong magic number", flip(0)},
		{"wrong version", flip(28)},
		{"absurd block size", flip(15)},
		{"wrong root inode", flip(34)},
		{"no squashfs at all", []byte(strings.Repeat("#!/bin/sh\n", 1000))},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			s.write("damaged.sqfs", string(c.data), 0o644)
			s.run("run", "damaged.sqfs", "--", "/probe").wantFault(125, "damaged.sqfs")
		})
	}
	// In a block of data or a table: jrun finds it at once, or the program gets
	// an error where it reads, or wrong bytes, as the format has no checksums.
	// The program may crash then; jrun must not.
	for at := 96; at < len(sound); at += len(sound) / 40 {
		s.t = t
		s.write("damaged.sqfs", string(flip(at)), 0o644)
		r := s.run("run", "-q", "damaged.sqfs", "--", "/probe")
		if strings.Contains(r.stderr, "jrun/cmd/jrun") {
			t.Errorf("with a bit flipped at %d jrun crashed: %s", at, r.stderr)
		}
	}
	os.Remove(filepath.Join(s.dir, "damaged.sqfs"))
}
