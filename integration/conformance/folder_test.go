package conformance

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// maker makes a folder that has one of everything, and stops at the first
// error.
type maker struct {
	root string
	err  error
}

func (m *maker) at(path string) string { return filepath.Join(m.root, path) }

func (m *maker) do(err error) {
	if m.err == nil && err != nil {
		m.err = err
	}
}

func (m *maker) file(path string, content []byte) {
	m.do(os.MkdirAll(filepath.Dir(m.at(path)), 0o755))
	m.do(os.WriteFile(m.at(path), content, 0o644))
}

// compressible is text that no two places of share.
func compressible(seed uint64, size int) []byte {
	rng := rand.New(rand.NewPCG(seed, 1))
	var b bytes.Buffer
	for b.Len() < size {
		fmt.Fprintf(&b, "%d: the quick brown fox %d jumps over the lazy dog %d\n", b.Len(), rng.IntN(1000), rng.IntN(1000))
	}
	return b.Bytes()[:size]
}

func random(seed uint64, size int) []byte {
	b := make([]byte, size)
	seed32 := [32]byte{byte(seed)}
	_, _ = rand.NewChaCha8(seed32).Read(b) // never fails
	return b
}

// makeFolder returns the folder that the images of mksquashfs are made of.
func makeFolder(t *testing.T) string {
	t.Helper()
	m := &maker{root: t.TempDir()}
	m.do(os.Chmod(m.root, 0o755))
	m.contents()
	m.directories()
	m.links()
	if os.Geteuid() == 0 {
		m.metadata()
	}
	m.times()
	if m.err != nil {
		t.Fatal(m.err)
	}
	return m.root
}

// contents makes files of every size that matters, of bytes that compress and
// that do not, with holes, and twice the same.
func (m *maker) contents() {
	sizes := []int{0, 1, 2, 511, 512, 513, 4095, 4096, 4097, 8192, 65536, 131071, 131072, 131073, 262144, 1<<20 - 1, 1 << 20, 1<<20 + 1, 3<<20 + 77}
	for i, size := range sizes {
		m.file(fmt.Sprintf("sizes/text-%d", size), compressible(uint64(i), size))
		m.file(fmt.Sprintf("sizes/random-%d", size), random(uint64(i), size))
	}
	m.file("twice/first", compressible(99, 200000))
	m.file("twice/second", compressible(99, 200000))
	m.file("zeros", make([]byte, 300000))
	for name, extents := range map[string]map[int64][]byte{
		"hole-before":  {5 << 20: []byte("end")},
		"hole-after":   {0: []byte("start")},
		"hole-between": {0: random(5, 200000), 3 << 20: compressible(6, 300001)},
		"hole-only":    {},
	} {
		f, err := os.Create(m.at(name))
		m.do(err)
		if err != nil {
			return
		}
		for off, data := range extents {
			_, err := f.WriteAt(data, off)
			m.do(err)
		}
		if name == "hole-after" || name == "hole-only" {
			m.do(f.Truncate(2<<20 + 4097))
		}
		m.do(f.Close())
	}
	// Beyond 512 blocks of 4 KiB the reader uses its index of long files.
	m.file("long", bytes.Join([][]byte{compressible(7, 5<<20), random(8, 1<<20), make([]byte, 1<<20), compressible(9, 1<<20+5)}, nil))
}

// directories makes empty, deep and large ones, and long names.
func (m *maker) directories() {
	m.do(os.MkdirAll(m.at("empty/empty"), 0o755))
	m.do(os.MkdirAll(m.at("deep/"+strings.Repeat("d/", 60)), 0o755))
	for i := range 3000 {
		name := fmt.Sprintf("large/%04d-%s", i*7919%3000, strings.Repeat("n", i%60))
		m.file(name, fmt.Append(nil, i))
	}
	long := strings.Repeat("x", 255)
	m.file("long-names/"+long, []byte("long"))
	m.file("long-names/"+strings.Repeat("é", 127), []byte("not ASCII"))
	m.file("long-names/\xff\xfe", []byte("not UTF-8"))
	m.file("long-names/new\nline", []byte("control"))
	for _, name := range []string{"a", "a.b", "a-b", "ab", "a b", "A", "ä", "~", "-", "..."} {
		m.file("order/"+name, []byte(name))
	}
}

func (m *maker) links() {
	for i := range 5 {
		m.do(os.Link(m.at("sizes/text-131073"), m.at(fmt.Sprintf("large/link-%d", i))))
	}
	m.do(os.Link(m.at("zeros"), m.at("empty/zeros")))
	for name, target := range map[string]string{
		"relative": "sizes/text-1", "absolute": "/sizes/text-1", "dangling": "nowhere", "loop": "loop",
		"up": "../../../../sizes", "longest": strings.Repeat("t/", 2047), "one": "x", "space": "a target with\nanything\xff",
	} {
		m.do(os.Symlink(target, m.at(name)))
	}
	m.do(unix.Mkfifo(m.at("fifo"), 0o622))
	// The longest path of a socket is short, so it is bound elsewhere.
	dir, err := os.MkdirTemp("", "s")
	m.do(err)
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	m.do(err)
	if err == nil {
		listener.(*net.UnixListener).SetUnlinkOnClose(false)
		m.do(os.Rename(filepath.Join(dir, "s"), m.at("socket")))
		m.do(listener.Close())
	}
	m.do(os.RemoveAll(dir))
}

// metadata is what only root can make.
func (m *maker) metadata() {
	for i := range 70 {
		path := fmt.Sprintf("owners/%d", i)
		m.file(path, fmt.Append(nil, i))
		m.do(os.Lchown(m.at(path), i*61, 100000+i))
	}
	m.do(os.Lchown(m.at("dangling"), 1234, 5678))
	m.do(os.Chmod(m.at("owners"), 0o700|os.ModeSticky|os.ModeSetgid))
	m.do(os.Chmod(m.at("owners/1"), 0o755|os.ModeSetuid))
	m.do(os.Chmod(m.at("owners/2"), 0))
	for name, dev := range map[string]uint64{"null": unix.Mkdev(1, 3), "large-minor": unix.Mkdev(8, 70000), "large-major": unix.Mkdev(4000, 255)} {
		m.do(unix.Mknod(m.at("c-"+name), unix.S_IFCHR|0o666, int(dev)))
		m.do(unix.Mknod(m.at("b-"+name), unix.S_IFBLK|0o660, int(dev)))
	}
	same := strings.Repeat("same value ", 20)
	for path, attrs := range map[string]map[string]string{
		"sizes/text-1":        {"user.one": "1", "user.empty": "", "trusted.overlay.opaque": "y"},
		"sizes/text-2":        {"user.same": same},
		"sizes/text-511":      {"user.same": same, "user.other": same},
		"sizes/text-512":      {"user.large": strings.Repeat("L", 2900)},
		"zeros":               {"security.capability": "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
		"empty":               {"user.on-a-directory": "d"},
		"dangling":            {"trusted.on-a-link": "l"},
		"fifo":                {"trusted.on-a-fifo": "f"},
		"socket":              {"trusted.on-a-socket": "s"},
		"c-null":              {"trusted.on-a-device": "c"},
		"long-names/\xff\xfe": {"user." + strings.Repeat("n", 250): "longest name"},
	} {
		for name, value := range attrs {
			m.do(unix.Lsetxattr(m.at(path), name, []byte(value), 0))
		}
	}
}

// times gives everything its own time, children before parents, and some the
// first and the last that squashfs can hold.
func (m *maker) times() {
	var paths []string
	m.do(filepath.WalkDir(m.root, func(path string, _ os.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	}))
	for i := len(paths) - 1; i >= 0; i-- {
		at := time.Unix(1000000000+int64(i)*12345, 0)
		switch filepath.Base(paths[i]) {
		case "text-1":
			at = time.Unix(0, 0)
		case "text-2":
			at = time.Unix(1<<32-1, 0)
		}
		spec := unix.NsecToTimespec(at.UnixNano())
		m.do(unix.UtimesNanoAt(unix.AT_FDCWD, paths[i], []unix.Timespec{spec, spec}, unix.AT_SYMLINK_NOFOLLOW))
	}
}
