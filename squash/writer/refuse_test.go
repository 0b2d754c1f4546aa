package writer

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jrun-hpc/jrun/squash"
)

func TestRefusesInvalidTars(t *testing.T) {
	link := func(name, target string) tar.Header {
		return tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target}
	}
	symlink := func(name, target string) tar.Header {
		return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}
	}
	directory := func(name string) tar.Header {
		return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}
	}
	whole := tarOf(t, tar.Header{Typeflag: tar.TypeReg, Name: "file", Size: 300_000}, regular("small"))
	const headerSize = 512
	for name, content := range map[string][]byte{
		"absolute name":                   tarOf(t, regular("/etc/passwd")),
		"name leads up":                   tarOf(t, regular("../escape")),
		"name leads up inside":            tarOf(t, regular("a/../../escape")),
		"name is ..":                      tarOf(t, directory("..")),
		"empty name":                      rename(tarOf(t, regular("x")), ""),
		"name component of 256 bytes":     tarOf(t, regular(strings.Repeat("n", 256))),
		"path of 4096 bytes":              tarOf(t, regular(strings.Repeat("directory/", 409)+"123456")),
		"NUL in a PAX name":               paxName(t, "a\x00b"),
		"root is a file":                  rename(tarOf(t, regular("x")), "."),
		"hard link to nothing":            tarOf(t, link("a", "b")),
		"hard link to a directory":        tarOf(t, directory("d"), link("a", "d")),
		"hard link to the root":           tarOf(t, link("a", ".")),
		"hard link leads up":              tarOf(t, link("a", "../b")),
		"hard link to an empty name":      tarOf(t, link("a", "")),
		"symbolic link to nowhere at all": tarOf(t, symlink("a", "")),
		"symbolic link of 4096 bytes":     tarOf(t, symlink("a", strings.Repeat("t", 4096))),
		"parent is a file":                tarOf(t, regular("a"), regular("a/b")),
		"parent is a loop":                tarOf(t, symlink("a", "b"), symlink("b", "a"), regular("a/c")),
		"parent's name is too long":       tarOf(t, symlink("a", strings.Repeat("n", 256)), regular("a/c")),
		"whiteout of nothing":             tarOf(t, regular("d/.wh.")),
		"whiteout of .":                   tarOf(t, regular("d/.wh..")),
		"whiteout of ..":                  tarOf(t, regular("d/.wh...")),
		"whiteout as a directory":         tarOf(t, regular(".wh.d/file")),
		"device number too large":         tarOf(t, tar.Header{Typeflag: tar.TypeChar, Name: "c", Devmajor: 4096, Format: tar.FormatGNU}),
		"owner beyond 32 bits":            tarOf(t, tar.Header{Typeflag: tar.TypeReg, Name: "f", Uid: 1 << 32}),
		"unknown type":                    tarOf(t, tar.Header{Typeflag: 'Z', Name: "f"}),
		"not a tar":                       bytes.Repeat([]byte("not a tar at all"), 100),
		"bad checksum":                    append([]byte{whole[0] + 1}, whole[1:]...),
		"negative size":                   negativeSize(whole),
		"cut in a header":                 whole[:headerSize/2],
		"cut in a large file":             whole[:headerSize+200_000],
		"cut in a small file":             whole[:len(whole)-1024-headerSize+5],
		"extended attribute too long":     tarOf(t, tar.Header{Typeflag: tar.TypeReg, Name: "f", PAXRecords: map[string]string{"SCHILY.xattr.user.x": strings.Repeat("v", 64<<10+1)}}),
		"extended attribute's name":       tarOf(t, tar.Header{Typeflag: tar.TypeReg, Name: "f", PAXRecords: map[string]string{"SCHILY.xattr.user." + strings.Repeat("n", 251): "v"}}),
	} {
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			_, err := Write(t.Context(), &memFile{}, memories(tarOf(t, regular("fine")), content), Options{})
			if !errors.Is(err, ErrTar) {
				t.Fatalf("Write: %v, want ErrTar", err)
			}
			var tarErr *TarError
			if !errors.As(err, &tarErr) || tarErr.Layer != 1 || tarErr.Reason == "" {
				t.Errorf("error %v does not name layer 1 and a reason", err)
			}
			if len(err.Error()) > 1000 {
				t.Errorf("error is %d bytes long", len(err.Error()))
			}
		})
	}
}

// rename changes the name in the first header.
func rename(content []byte, name string) []byte {
	clear(content[:100])
	copy(content, name)
	return fixChecksum(content)
}

func negativeSize(content []byte) []byte {
	content = bytes.Clone(content)
	for i := 124; i < 136; i++ {
		content[i] = 0xff // base-256: -1
	}
	return fixChecksum(content)
}

func fixChecksum(content []byte) []byte {
	copy(content[148:156], "        ")
	sum := 0
	for _, b := range content[:512] {
		sum += int(b)
	}
	copy(content[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return content
}

// paxName gives a file a PAX name that archive/tar would not write.
func paxName(t *testing.T, name string) []byte {
	t.Helper()
	long := strings.Repeat("x", 101+len(name))
	content := tarOf(t, tar.Header{Typeflag: tar.TypeReg, Name: long, Format: tar.FormatPAX})
	at := bytes.Index(content, []byte("path="+long))
	if at < 0 {
		t.Fatal("no PAX name found")
	}
	copy(content[at+len("path="):], name)
	return content
}

var errDigest = errors.New("digest differs")

// endingIn is a stream that ends in an error, as one whose digest is wrong.
type endingIn struct {
	io.Reader
	err    error
	closed *bool
}

func (e endingIn) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = e.err
	}
	return n, err
}

func (e endingIn) Close() error {
	*e.closed = true
	return nil
}

func TestStreamErrorsPassThrough(t *testing.T) {
	whole := tarOf(t, regular("a"), tar.Header{Typeflag: tar.TypeReg, Name: "b", Size: 400_000})
	for name, content := range map[string][]byte{
		"at the end":              whole,
		"behind the tar's end":    append(bytes.Clone(whole), make([]byte, 1<<20)...),
		"in the middle of a file": whole[:100_000],
		"in a header":             whole[:100],
		"at once":                 nil,
	} {
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			closed := false
			layer := func(context.Context) (io.ReadCloser, error) {
				return endingIn{bytes.NewReader(content), errDigest, &closed}, nil
			}
			_, err := Write(t.Context(), &memFile{}, []Layer{layer}, Options{})
			if !errors.Is(err, errDigest) || errors.Is(err, ErrTar) {
				t.Errorf("Write: %v, want the stream's own error", err)
			}
			if !closed {
				t.Error("the stream was not closed")
			}
		})
	}
	t.Run("opening", func(t *testing.T) {
		noLeaks(t)
		layer := func(context.Context) (io.ReadCloser, error) { return nil, errDigest }
		if _, err := Write(t.Context(), &memFile{}, []Layer{layer}, Options{}); !errors.Is(err, errDigest) {
			t.Errorf("Write: %v, want the error of opening", err)
		}
	})
}

// fullDisk fails with ENOSPC once so many bytes are written.
type fullDisk struct {
	memFile
	room int
}

func (f *fullDisk) WriteAt(p []byte, at int64) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, unix.ENOSPC
	}
	return f.memFile.WriteAt(p, at)
}

func TestFullDisk(t *testing.T) {
	layers := memories(
		tarOf(t, tar.Header{Typeflag: tar.TypeReg, Name: "gone", Size: 1}, regular("a")),
		noisyTar(t, 40, 150_000),
		tarOf(t, regular(".wh.gone"), regular("b")),
	)
	var whole memFile
	if _, err := Write(t.Context(), &whole, layers, Options{}); err != nil {
		t.Fatal(err)
	}
	total := len(whole.content)
	for _, room := range []int{0, 100, 5000, total / 2, total - 5000, total - 1} {
		t.Run(fmt.Sprintf("%d of %d bytes", room, total), func(t *testing.T) {
			noLeaks(t)
			_, err := Write(t.Context(), &fullDisk{room: room}, layers, Options{})
			if !errors.Is(err, unix.ENOSPC) {
				t.Errorf("Write: %v, want ENOSPC", err)
			}
		})
	}
}

// endless is a tar that never ends: one file after the other.
func endless(ctx context.Context) (io.ReadCloser, error) {
	r, w := io.Pipe()
	stop := context.AfterFunc(ctx, func() { w.CloseWithError(context.Cause(ctx)) })
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer stop()
		tw := tar.NewWriter(w)
		for i := 0; ; i++ {
			content := make([]byte, 200_000)
			content[i%len(content)] = byte(i)
			h := &tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprint(i), Size: int64(len(content))}
			if tw.WriteHeader(h) != nil {
				return
			}
			if _, err := tw.Write(content); err != nil {
				return
			}
		}
	}()
	return waitingCloser{r, done}, nil
}

// waitingCloser waits for the goroutine behind a pipe.
type waitingCloser struct {
	*io.PipeReader
	done chan struct{}
}

func (c waitingCloser) Close() error {
	err := c.PipeReader.Close()
	<-c.done
	return err
}

var errStopped = errors.New("stopped by the user")

func TestCancel(t *testing.T) {
	noLeaks(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	opts := Options{Jobs: 4, Progress: func(tarBytes int64) {
		if tarBytes > 10<<20 {
			cancel(errStopped)
		}
	}}
	if _, err := Write(ctx, &memFile{}, []Layer{endless}, opts); !errors.Is(err, errStopped) {
		t.Errorf("Write: %v, want the cause of the cancellation", err)
	}
}

func TestFullDiskStopsAnEndlessLayer(t *testing.T) {
	noLeaks(t)
	if _, err := Write(t.Context(), &fullDisk{room: 100_000}, []Layer{endless}, Options{}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("Write: %v, want ENOSPC", err)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	for name, opts := range map[string]Options{
		"block size is no power of two": {BlockSize: 100_000},
		"block size too small":          {BlockSize: 2048},
		"block size too large":          {BlockSize: 2 << 20},
		"zstd level":                    {Level: 23},
		"gzip level":                    {Compression: squash.Gzip, Level: 10},
		"xz":                            {Compression: squash.Xz},
		"no such compression":           {Compression: 77},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Write(t.Context(), &memFile{}, nil, opts); err == nil {
				t.Error("Write succeeded")
			}
		})
	}
}

func TestSparseBomb(t *testing.T) {
	bomb := tarOf(t, regular("f"))
	// The old GNU header of a file of 2^62 bytes, none of them stored.
	bomb[156] = 'S'
	copy(bomb[257:], "ustar  \x00")
	clear(bomb[345:500])
	clear(bomb[124:136])
	copy(bomb[124:], "00000000000")
	copy(bomb[483:], "\x80\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00")
	bomb = slices.Concat(fixChecksum(bomb)[:512], make([]byte, 1024))
	_, err := Write(t.Context(), &memFile{}, memories(bomb), Options{})
	var tarErr *TarError
	if !errors.As(err, &tarErr) || tarErr.Entry != "f" {
		t.Errorf("Write: %v, want a TarError about the file", err)
	}
}
