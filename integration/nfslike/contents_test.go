package nfslike

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestCloseToOpen(t *testing.T) {
	l := newLab(t, Options{AttrDelay: time.Hour})
	l.write(l.a, "f", "old")
	reader := l.open(l.b, "f", os.O_RDONLY)
	if got := l.at(reader, 3); got != "old" {
		t.Fatalf("B reads %q", got)
	}
	writer := l.open(l.a, "f", os.O_RDWR)
	if _, err := writer.WriteAt([]byte("new"), 0); err != nil {
		t.Fatal(err)
	}
	if got := l.at(writer, 3); got != "new" {
		t.Errorf("A reads %q of what it wrote", got)
	}
	if got := l.read(l.b, "f"); got != "old" {
		t.Errorf("B opens and reads %q before A closes", got)
	}
	must(t, writer.Sync())
	if got := l.at(reader, 3); got != "old" {
		t.Errorf("B reads %q without opening after A's fsync", got)
	}
	if got := l.read(l.b, "f"); got != "new" {
		t.Errorf("B opens and reads %q after A's fsync", got)
	}
	if _, err := writer.WriteAt([]byte("NEW!"), 0); err != nil {
		t.Fatal(err)
	}
	must(t, writer.Close())
	if got := l.read(l.b, "f"); got != "NEW!" {
		t.Errorf("B opens and reads %q after A's close", got)
	}
}

// TestOpenFileExpires keeps a file open: what is read becomes new with its attributes.
func TestOpenFileExpires(t *testing.T) {
	l := newLab(t, Options{AttrDelay: attrDelay})
	l.write(l.a, "f", "0")
	reader := l.open(l.b, "f", os.O_RDONLY)
	var longest time.Duration
	for k := 1; k < 9; k++ {
		l.at(reader, 1)
		l.write(l.a, "f", fmt.Sprint(k))
		longest = max(longest, becomes(t, time.Now(), "contents", func() bool { return l.at(reader, 1) == fmt.Sprint(k) }))
	}
	if longest < attrDelay/4 {
		t.Errorf("the longest took %v: nothing was cached", longest)
	}
}

// TestFileIO does the same to a file on a node and to bytes in memory, and has
// the other node open it now and then.
func TestFileIO(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			l := newLab(t, Options{AttrDelay: time.Hour})
			random := rand.New(rand.NewPCG(seed, 0))
			noise := make([]byte, 4*pageSize)
			for k := range noise {
				noise[k] = byte(random.Uint32())
			}
			var model []byte
			writers := []*os.File{l.open(l.a, "f", os.O_RDWR|os.O_CREATE), nil}
			writers[1] = l.open(l.a, "f", os.O_RDWR|os.O_APPEND)
			for step := range 400 {
				offset := random.IntN(5 * pageSize)
				data := noise[random.IntN(2*pageSize):][:1+random.IntN(2*pageSize)]
				switch random.IntN(8) {
				case 0, 1, 2:
					if end := offset + len(data); end > len(model) {
						model = append(model, make([]byte, end-len(model))...)
					}
					copy(model[offset:], data)
					_, err := writers[0].WriteAt(data, int64(offset))
					must(t, err)
				case 3:
					model = append(model, data...)
					_, err := writers[1].Write(data)
					must(t, err)
				case 4:
					model = append(model, make([]byte, max(0, offset-len(model)))...)[:offset]
					must(t, writers[random.IntN(2)].Truncate(int64(offset)))
				case 5:
					must(t, writers[0].Sync())
				case 6:
					got, err := io.ReadAll(io.NewSectionReader(writers[0], int64(offset), int64(len(data))))
					must(t, err)
					want := model[min(offset, len(model)):min(offset+len(data), len(model))]
					if !bytes.Equal(got, want) {
						t.Fatalf("step %d: %d bytes at %d are not what was written", step, len(data), offset)
					}
				default:
					if random.IntN(4) == 0 {
						must(t, writers[0].Close())
						writers[0] = l.open(l.a, "f", os.O_RDWR)
					} else {
						must(t, writers[0].Sync())
					}
					if !bytes.Equal([]byte(l.read(l.b, "f")), model) {
						t.Fatalf("step %d: B reads other bytes than A wrote", step)
					}
				}
				if info, err := writers[0].Stat(); err != nil || info.Size() != int64(len(model)) {
					t.Fatalf("step %d: size %d, want %d (%v)", step, info.Size(), len(model), err)
				}
			}
		})
	}
}

// TestBigFile writes more than a node keeps.
func TestBigFile(t *testing.T) {
	l := newLab(t, Options{})
	data := make([]byte, 3*maxDirty*pageSize)
	for k := range data {
		data[k] = byte(k >> 8)
	}
	f := l.open(l.a, "f", os.O_RDWR|os.O_CREATE)
	_, err := f.Write(data)
	must(t, err)
	backing, err := os.Stat(l.backing + "/f")
	must(t, err)
	if backing.Size() == 0 {
		t.Error("nothing was written back early")
	}
	must(t, f.Close())
	if l.read(l.b, "f") != string(data) {
		t.Error("B reads other bytes")
	}
}

// TestTwoWriters writes to different bytes of a page on two nodes: neither
// writes back what the other has.
func TestTwoWriters(t *testing.T) {
	l := newLab(t, Options{AttrDelay: time.Hour})
	l.write(l.a, "f", "................")
	a, b := l.open(l.a, "f", os.O_RDWR), l.open(l.b, "f", os.O_RDWR)
	for k := range 4 {
		_, err := a.WriteAt([]byte("A"), int64(4*k))
		must(t, err)
		_, err = b.WriteAt([]byte("B"), int64(4*k+2))
		must(t, err)
	}
	must(t, a.Close())
	must(t, b.Close())
	if got, want := l.read(l.a, "f"), "A.B.A.B.A.B.A.B."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCopyFileRange(t *testing.T) {
	l := newLab(t, Options{})
	l.write(l.a, "from", "contents")
	from, to := l.open(l.a, "from", os.O_RDONLY), l.open(l.a, "to", os.O_WRONLY|os.O_CREATE)
	_, err := io.Copy(to, from)
	must(t, err)
	n, err := unix.CopyFileRange(int(from.Fd()), new(int64), int(to.Fd()), nil, 4, 0)
	must(t, err)
	must(t, to.Close())
	if got := l.read(l.b, "to"); n != 4 || got != "contentscont" {
		t.Errorf("copied %d, and B reads %q", n, got)
	}
}
