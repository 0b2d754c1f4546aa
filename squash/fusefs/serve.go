package fusefs

import (
	"fmt"
	"io"
	"log"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// transport moves requests between /dev/fuse and an FS.
type transport interface {
	Serve() // until the file system is unmounted
	Wait()
}

// Server serves one mount.
type Server struct{ transport transport }

// maxRead is the largest read that the kernel will ask for, in bytes. It is
// what an unprivileged mount gets as read-ahead anyhow.
const maxRead = 128 << 10

// Serve answers the requests of a FUSE file system that is already mounted with
// the open /dev/fuse fd, which from here on belongs to the Server. It returns
// when the kernel and we have agreed on the protocol; requests are then
// answered until the last mount is gone.
func Serve(fd int, f *FS) (*Server, error) { return serve(fd, f, newBridge(f)) }

func serve(fd int, f *FS, raw fuse.RawFileSystem) (*Server, error) {
	opts := &fuse.MountOptions{
		MaxWrite:                 maxRead, // the library sizes reads by it as well
		MaxBackground:            64,      // read-ahead requests in flight
		EnableSymlinkCaching:     true,
		ExplicitDataCacheControl: true,
		DisableXAttrs:            !f.r.HasXattrs(),
		DisableSplice:            true, // it never fits: the bytes are ours
		Logger:                   log.New(io.Discard, "", 0),
	}
	if f.opts.Threads > 0 {
		const perRequest = maxRead + 16<<10
		opts.MaxInflightRequestBytes = f.opts.Threads * perRequest
	}
	// The library does not mount when the mount point is a descriptor.
	server, err := fuse.NewServer(raw, fmt.Sprintf("/dev/fd/%d", fd), opts)
	if err != nil {
		return nil, fmt.Errorf("talking to the kernel through FUSE: %w", err)
	}
	go server.Serve()
	return &Server{server}, nil
}

// Wait returns when the file system is unmounted everywhere.
func (s *Server) Wait() { s.transport.Wait() }
