package fusefs

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// split lays a request out as the kernel does: its first structure, of so many
// bytes, apart from the rest.
func split(message []byte, structure int) (header, payload []byte) {
	header = make([]byte, ringHeaderSize)
	copy(header, message[:inHeaderSize])
	copy(header[ringOpIn:], message[inHeaderSize:inHeaderSize+structure])
	payload = make([]byte, payloadSize)
	n := copy(payload, message[inHeaderSize+structure:])
	native.PutUint32(header[ringPayload:], uint32(n))
	native.PutUint64(header[ringCommitID:], native.Uint64(message[8:]))
	return header, payload
}

func TestAssembleRequest(t *testing.T) {
	for name, tt := range map[string]struct {
		message   []byte
		structure int
	}{
		"nothing":            {ask(opStatfs, RootID, nil), 0},
		"a structure":        {askRead(opRead, 2, 4096, 4096), 40},
		"a name":             {ask(opLookup, RootID, []byte("etc\x00")), 0},
		"both":               {ask(opGetxattr, 2, []byte("12345678user.comment\x00")), 8},
		"longest structure":  {ask(opSetxattr, 2, make([]byte, 128+10)), 128},
		"as long as a write": {ask(opWrite, 2, make([]byte, 40+maxWrite)), 40},
	} {
		t.Run(name, func(t *testing.T) {
			header, payload := split(tt.message, tt.structure)
			got, ok := assembleRequest(make([]byte, requestSize), header, payload)
			if !ok || !bytes.Equal(got, tt.message) {
				t.Errorf("%v % x, want % x", ok, got, tt.message)
			}
		})
	}
	for name, change := range map[string]func(header []byte){
		"shorter than its header":   func(h []byte) { native.PutUint32(h, inHeaderSize-1) },
		"shorter than its payload":  func(h []byte) { native.PutUint32(h[ringPayload:], 41) },
		"longer than any":           func(h []byte) { native.PutUint32(h, 1<<31) },
		"structure that is too big": func(h []byte) { native.PutUint32(h, inHeaderSize+ringOpInSize+1) },
		"payload beyond the buffer": func(h []byte) { native.PutUint32(h[ringPayload:], 1<<32-1) },
	} {
		header, payload := split(askRead(opRead, 2, 0, 4096), 40)
		change(header)
		if got, ok := assembleRequest(make([]byte, requestSize), header, payload); ok {
			t.Errorf("%s: % x", name, got)
		}
	}
}

// ringEntryOf makes an entry without a kernel behind it.
func ringEntryOf() *entry {
	return &entry{header: make([]byte, headerStride), buffer: make([]byte, outHeaderSize+payloadSize+scratch)}
}

// TestRingReplies compares replies with those for the device.
func TestRingReplies(t *testing.T) {
	f := newFS(t, "zstd", Options{})
	hello, whole := mustWalk(t, f, "etc/hello").Node, mustWalk(t, f, "one-block")
	for name, message := range map[string][]byte{
		"lookup":          ask(opLookup, RootID, []byte("etc\x00")),
		"lookup of none":  ask(opLookup, RootID, []byte("none\x00")),
		"read":            askRead(opRead, hello, 2, 4096),
		"read of a block": askRead(opRead, whole.Node, 0, uint32(whole.Size)),
		"too long a read": askRead(opRead, whole.Node, 0, maxRead+1),
		"listing":         askRead(opReaddirplus, RootID, 0, 4096),
		"open":            ask(opOpen, hello, openIn(unix.O_RDONLY)),
		"statfs":          ask(opStatfs, RootID, nil),
		"ioctl":           ask(opIoctl, hello, make([]byte, 32)),
	} {
		t.Run(name, func(t *testing.T) {
			w := newTestWorker(f, session{})
			want := bytes.Clone(w.respond(message))
			endOf(w, message)
			e := ringEntryOf()
			w.fixed = e.buffer
			putReply(e, w.respond(message), 77)
			endOf(w, message)
			n := native.Uint32(e.header[ringPayload:])
			got := append(bytes.Clone(e.header[:outHeaderSize]), e.buffer[outHeaderSize:outHeaderSize+n]...)
			if !bytes.Equal(got, want) {
				t.Errorf("%d bytes, want %d, or other ones", len(got), len(want))
			}
		})
	}
}

// TestRingAlwaysReplies is about requests that have no reply, or one for which
// there is no room: an asker waits for each.
func TestRingAlwaysReplies(t *testing.T) {
	w := newTestWorker(newFS(t, "zstd", Options{}), session{})
	for name, reply := range map[string][]byte{
		"none":     nil,
		"too long": make([]byte, outHeaderSize+payloadSize+1),
		"forget":   w.respond(ask(opForget, RootID, make([]byte, 8))),
	} {
		e := ringEntryOf()
		putReply(e, reply, 77)
		if errno := errnoOf(t, e.header[:outHeaderSize]); errno != unix.EIO || native.Uint64(e.header[8:]) != 77 || native.Uint32(e.header[ringPayload:]) != 0 {
			t.Errorf("%s: %v, % x", name, errno, e.header[:outHeaderSize])
		}
	}
	e := ringEntryOf()
	putReply(e, finish(append(make([]byte, outHeaderSize), "elsewhere"...), 77, 0), 77)
	if got := e.buffer[outHeaderSize : outHeaderSize+native.Uint32(e.header[ringPayload:])]; string(got) != "elsewhere" {
		t.Errorf("a reply that is elsewhere: %q", got)
	}
}

func TestLayoutRings(t *testing.T) {
	all := func(int) bool { return true }
	for name, tt := range map[string]struct {
		queues int
		usable func(int) bool
		want   [][]int
	}{
		"one CPU":          {1, all, [][]int{{0}, {0}}},
		"two CPUs":         {2, all, [][]int{{0}, {1}, {0}, {1}}},
		"some not usable":  {4, func(cpu int) bool { return cpu == 2 }, [][]int{{2}, {2}, {0, 1, 3}}},
		"none is known of": {2, func(int) bool { return false }, [][]int{{0, 1}}},
	} {
		if diff := cmp.Diff(tt.want, layoutRings(tt.queues, tt.usable)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for _, queues := range []int{3, 16, 17, 32, 33, 64, 257} {
		layout := layoutRings(queues, all)
		served := map[int]int{}
		for _, thread := range layout {
			for _, q := range thread {
				served[q]++
			}
		}
		if len(served) != queues || len(layout) > maxRingThreads {
			t.Errorf("%d queues: %d served by %d threads", queues, len(served), len(layout))
		}
		if queues <= maxRingThreads/threadsPerQueue && len(layout) != queues*threadsPerQueue {
			t.Errorf("%d queues: %d threads", queues, len(layout))
		}
	}
}

func TestParsePossibleCPUs(t *testing.T) {
	for list, want := range map[string]int{"0\n": 1, "0-1\n": 2, "0-255": 256} {
		if n, ok := parsePossibleCPUs(list); !ok || n != want {
			t.Errorf("%q: %d, %v", list, n, ok)
		}
	}
	for _, list := range []string{"", "1", "0,2", "0-1,4-5", "1-3", "0-", "0-x", "0-70000"} {
		if n, ok := parsePossibleCPUs(list); ok {
			t.Errorf("%q: %d", list, n)
		}
	}
}

// FuzzRingRequest lets the kernel write what it likes, and answers that.
func FuzzRingRequest(f *testing.F) {
	image := newFS(f, "zstd", Options{})
	for _, message := range [][]byte{
		askRead(opRead, 2, 0, 4096), askRead(opReaddirplus, RootID, 0, 4096), ask(opLookup, RootID, []byte("etc\x00")),
		ask(opGetxattr, RootID, append(make([]byte, 8), "user.comment\x00"...)),
	} {
		for _, structure := range []int{0, 4} {
			header, payload := split(message, structure)
			f.Add(header, payload[:64])
		}
	}
	f.Fuzz(func(t *testing.T, written, payload []byte) {
		e := ringEntryOf()
		copy(e.header[:ringHeaderSize], written)
		copy(e.buffer[outHeaderSize:outHeaderSize+payloadSize], payload)
		w := newTestWorker(image, session{noOpen: true})
		w.fixed = e.buffer
		message, ok := assembleRequest(w.request, e.header, e.buffer[outHeaderSize:outHeaderSize+payloadSize])
		if ok && len(message) != int(native.Uint32(e.header)) {
			t.Fatalf("%d bytes assembled of %d", len(message), native.Uint32(e.header))
		}
		var reply []byte
		if ok {
			reply = w.respond(message)
			defer endOf(w, message)
		}
		putReply(e, reply, 77)
		n := native.Uint32(e.header[ringPayload:])
		if n > payloadSize || native.Uint32(e.header) != n+outHeaderSize {
			t.Errorf("a reply of %d bytes says %d", n, native.Uint32(e.header))
		}
	})
}
