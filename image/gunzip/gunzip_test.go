package gunzip

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

func compress(t testing.TB, level int, parts ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, part := range parts {
		z, err := gzip.NewWriterLevel(&b, level)
		if err != nil {
			t.Fatal(err)
		}
		z.Name, z.Comment, z.Extra = "name", "comment", []byte("extra")
		if _, err := z.Write(part); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func decompress(src io.Reader) ([]byte, error) {
	r, err := NewReader(src)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// samples are contents that exercise blocks of every kind: stored, fixed codes,
// long codes, near and far matches, runs.
func samples() map[string][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 300<<10)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	skewed := make([]byte, 500<<10) // long Huffman codes
	for i := range skewed {
		skewed[i] = byte(random.ExpFloat64() * 12)
	}
	far := append(bytes.Clone(noise[:32<<10]), noise[:32<<10]...)
	var text bytes.Buffer
	for i := range 40000 {
		text.WriteString(strings.Repeat("word", i%5) + " " + string(rune('a'+i%26)) + "\n")
	}
	mixed := bytes.Join([][]byte{text.Bytes(), noise, make([]byte, 1<<20), skewed, far}, nil)
	return map[string][]byte{
		"empty": {}, "byte": {7}, "run": make([]byte, 1<<20), "short period": bytes.Repeat([]byte("abc"), 100000),
		"noise": noise, "skewed": skewed, "far": far, "text": text.Bytes(), "mixed": mixed,
	}
}

func TestDecompress(t *testing.T) {
	for name, want := range samples() {
		t.Run(name, func(t *testing.T) {
			for level := gzip.HuffmanOnly; level <= gzip.BestCompression; level++ {
				z := compress(t, level, want)
				for how, src := range map[string]io.Reader{
					"whole": bytes.NewReader(z), "halves": iotest.HalfReader(bytes.NewReader(z)), "error with data": iotest.DataErrReader(bytes.NewReader(z)),
				} {
					got, err := decompress(src)
					if err != nil || !bytes.Equal(got, want) {
						t.Fatalf("level %d, %s: %d bytes instead of %d, %v", level, how, len(got), len(want), err)
					}
				}
			}
		})
	}
}

func TestByteByByte(t *testing.T) {
	want := samples()["text"]
	got, err := decompress(iotest.OneByteReader(bytes.NewReader(compress(t, 6, want))))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes instead of %d: %v", len(got), len(want), err)
	}
}

func TestMembers(t *testing.T) {
	s := samples()
	got, err := decompress(bytes.NewReader(compress(t, 6, s["text"], nil, s["skewed"])))
	if err != nil || !bytes.Equal(got, append(bytes.Clone(s["text"]), s["skewed"]...)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// A match must not reach into the member before it.
func TestMembersShareNoWindow(t *testing.T) {
	reaching := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 0x03, 0x02, 0x00, 0, 0, 0, 0, 0, 0, 0, 0}
	_, err := decompress(bytes.NewReader(append(compress(t, 6, []byte("abcdefgh")), reaching...)))
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("a match before the member's start gave %v", err)
	}
}

func TestDamage(t *testing.T) {
	want := samples()["text"]
	z := compress(t, 6, want)
	for cut := range z {
		if cut > 100 && cut < len(z)-100 && cut%97 != 0 {
			continue
		}
		if _, err := decompress(bytes.NewReader(z[:cut])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d of %d: %v", cut, len(z), err)
		}
	}
	flipped := bytes.Clone(z)
	flipped[len(z)-6] ^= 1
	if _, err := decompress(bytes.NewReader(flipped)); !errors.Is(err, ErrChecksum) {
		t.Errorf("a wrong checksum gave %v", err)
	}
	if _, err := decompress(bytes.NewReader(append(bytes.Clone(z), "junk, more than a header of it"...))); !errors.Is(err, ErrCorrupt) {
		t.Errorf("junk behind the stream gave %v", err)
	}
	if _, err := decompress(strings.NewReader("no gzip at all")); !errors.Is(err, ErrCorrupt) {
		t.Errorf("no gzip gave %v", err)
	}
	broken := errors.New("broken wire")
	if _, err := decompress(io.MultiReader(bytes.NewReader(z[:500]), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("the source's error became %v", err)
	}
}

// FuzzGunzip compares with the standard library: the same bytes, and an error
// where it has one.
func FuzzGunzip(f *testing.F) {
	for _, s := range samples() {
		for _, level := range []int{gzip.HuffmanOnly, 0, 1, 9} {
			f.Add(compress(f, level, s[:min(len(s), 3000)]))
		}
	}
	f.Add([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 0x03, 0x02, 0x00})
	f.Fuzz(func(t *testing.T, z []byte) {
		for at := range z {
			if head := z[at:]; len(head) > 3 && bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8}) && head[3]&flagsReserved != 0 {
				return // RFC 1952 wants an error; the standard library has none
			}
		}
		var want []byte
		reference, wantErr := gzip.NewReader(bytes.NewReader(z))
		if wantErr == nil {
			want, wantErr = io.ReadAll(io.LimitReader(reference, 1<<22))
		}
		r, err := NewReader(bytes.NewReader(z))
		var got []byte
		if err == nil {
			got, err = io.ReadAll(io.LimitReader(r, 1<<22))
		}
		if len(want) == 1<<22 {
			return // cut off before any verdict
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("error %v, the standard library's %v", err, wantErr)
		}
		if err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%d bytes differ from the standard library's %d", len(got), len(want))
		}
	})
}
