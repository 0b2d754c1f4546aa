package nodecache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/presence"
	"github.com/jrun-hpc/jrun/runtime/rendezvous"
	"golang.org/x/sys/unix"
)

// Options says where copies are and how long.
type Options struct {
	Dir        string // on the machine's own disk; absolute
	LimitBytes int64  // of all copies of the user on this machine; 0: half of the room that there is
	Keep       bool   // for the next job

	// Owners are the processes for which a copy is held; it goes with the last of
	// them. Without Keep there must be one.
	Owners []presence.Owner

	Progress func(doneBytes, allBytes int64) // of copying; may be nil
	Waiting  func()                          // is called when another process copies; may be nil
}

// Open returns a copy of an image, open for reading, and makes it if there is
// none. The error is a *fault.Error when somebody should mend something; others,
// like *RoomError, are the ordinary course of things. There may be a copy that can
// be used and an error: nobody else will find that one.
func Open(ctx context.Context, o Options, i Image) (*os.File, error) {
	if err := i.check(); err != nil {
		return nil, err
	}
	stem, err := socketStem(i)
	if err != nil {
		return nil, err
	}
	for {
		if o.Keep {
			file, err := openKept(o.Dir, i)
			if file != nil || err != nil {
				return file, err
			}
		}
		conn, listener, err := rendezvous.Meet(ctx, stem)
		if err != nil {
			return nil, err
		}
		if listener != nil {
			return create(ctx, listener, o, i, stem)
		}
		file, err := ask(ctx, conn, o, i)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !errors.Is(err, rendezvous.ErrGone) {
			return file, err
		}
	}
}

// create copies. Those who wait are told when that fails, so that they do not try
// the same one after the other.
func create(ctx context.Context, listener *net.UnixListener, o Options, i Image, stem string) (*os.File, error) {
	defer listener.Close()
	copyTo := makeUnnamed
	if o.Keep {
		copyTo = makeKept
	}
	file, err := copyTo(ctx, o, i, stem)
	if err == nil && !o.Keep {
		err = startKeeper(ctx, listener, file, o.Owners)
	}
	if err != nil && ctx.Err() == nil {
		refuse(listener, err)
	}
	return file, err
}

// makeUnnamed makes a copy that lasts as long as its descriptors.
func makeUnnamed(ctx context.Context, o Options, i Image, stem string) (*os.File, error) {
	d, err := openDirectory(o.Dir)
	if err != nil {
		return nil, err
	}
	defer d.close()
	d.sweep()
	if err := d.checkRoom(o, i, stem); err != nil {
		return nil, err
	}
	t, err := d.create()
	if err != nil {
		return nil, err
	}
	defer t.discard()
	t.unname()
	if err := i.copyTo(ctx, t.File, o.Progress); err != nil {
		return nil, err
	}
	return t.readOnly()
}

// request is what a process says to a keeper, reply what it hears beside the
// descriptor.
type (
	request struct{ Owners []presence.Owner }
	reply   struct{ Refused string }
)

// waitingGrace is how long an answer may take before a person is told.
const waitingGrace = 200 * time.Millisecond

// ask gets the copy from its keeper. The error wraps rendezvous.ErrGone when that
// has ended.
func ask(ctx context.Context, conn *net.UnixConn, o Options, i Image) (*os.File, error) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	text, err := json.Marshal(request{o.Owners})
	if err != nil {
		return nil, fmt.Errorf("encoding a request: %w", err)
	}
	if _, err := conn.Write(text); err != nil {
		return nil, rendezvous.ErrGone
	}
	if err := conn.CloseWrite(); err != nil {
		return nil, rendezvous.ErrGone
	}
	if o.Waiting != nil {
		answered := make(chan struct{})
		var group sync.WaitGroup
		group.Go(func() {
			select {
			case <-answered:
			case <-time.After(waitingGrace):
				o.Waiting()
			}
		})
		defer func() {
			close(answered)
			group.Wait()
		}()
	}
	var r reply
	files, err := rendezvous.Receive(conn, &r)
	if err != nil {
		return nil, err
	}
	if len(files) != 1 {
		rendezvous.CloseAll(files)
		return nil, fmt.Errorf("another process could not make it: %s", r.Refused)
	}
	defer files[0].Close()
	info, err := files[0].Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Size() != i.SizeBytes) {
		err = errors.New("the keeper of the copy sent another file")
	}
	if err != nil {
		return nil, err
	}
	return reopen(files[0])
}

// reopen returns a descriptor for reading that shares neither position nor advice
// about reading ahead with others.
func reopen(f *os.File) (*os.File, error) {
	own, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		return nil, fmt.Errorf("opening the copy for reading: %w", err)
	}
	return own, nil
}

// refusalPatience is how long the request of one who is refused may take. Those
// who wait have sent it, unless they were stopped.
const refusalPatience = time.Second

// refuse answers those who wait now; others will ask again.
func refuse(listener *net.UnixListener, why error) {
	raw, err := listener.SyscallConn()
	if err != nil {
		return // they will see the end of the connection
	}
	for {
		var fd int
		controlErr := raw.Control(func(listening uintptr) {
			// An attempt to pass the socket on has made it blocking (os.File.Fd).
			if err = unix.SetNonblock(int(listening), true); err == nil {
				fd, _, err = unix.Accept4(int(listening), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
			}
		})
		if controlErr != nil || err != nil {
			return
		}
		f := os.NewFile(uintptr(fd), "waiting")
		conn, err := net.FileConn(f)
		f.Close()
		if err != nil {
			return
		}
		waiting := conn.(*net.UnixConn)
		if uid, _, err := rendezvous.Peer(waiting); err == nil && uid == os.Getuid() && conn.SetDeadline(time.Now().Add(refusalPatience)) == nil {
			// To close with something unread would take back what was sent (ECONNRESET).
			_, _ = io.Copy(io.Discard, conn)
			_ = rendezvous.Send(waiting, nil, reply{Refused: why.Error()})
		}
		conn.Close()
	}
}
