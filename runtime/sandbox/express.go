package sandbox

import (
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/runtime/rendezvous"
	"golang.org/x/sys/unix"
)

// Repeat says how the environment of a command follows from the caller's, so that
// processes of a batch job that are like this one can become it without starting Go
// (express.c).
type Repeat struct {
	Drop      []string // variables of the caller to leave out; a '*' at the end stands for any rest
	Keep      []string // those to take, if Clean
	Clean     bool
	Constants []string // "NAME=value", over the caller's
}

// mostOffers is how many answers a holder keeps: jobs with more kinds of processes
// than that exist, but their later kinds go the long way.
const mostOffers = 64

// offer is what a rank tells its holder: under which name the file that comes with
// it is to be given to others.
type offer struct{ Name string }

// offerPatience is how long a holder waits for a rank's offer, or the end of it.
const offerPatience = 10 * time.Second

// offer gives the holder the answer to what this process was asked, for others. It is
// best effort.
func (e *Entrance) offer(cmd Command) {
	name := expressName()
	if cmd.Repeat == nil || name == "" || e.conn == nil {
		return
	}
	r := cmd.Repeat
	text := []string{cmd.Dir, cmd.Program}
	for _, list := range [][]string{cmd.Args, r.Drop, r.Keep} {
		text = append(text, strconv.Itoa(len(list)))
		text = append(text, list...)
	}
	clean := "0"
	if r.Clean {
		clean = "1"
	}
	text = append(text, clean, strconv.Itoa(len(r.Constants)))
	text = append(text, r.Constants...)
	text = append(text, strconv.Itoa(len(cmd.Words)))
	text = append(text, cmd.Words...)
	f, err := memoryFile("jrun-answer", []byte(strings.Join(text, "\x00")+"\x00"))
	if err != nil {
		return
	}
	defer f.Close()
	_ = e.conn.SetWriteDeadline(time.Now().Add(time.Second))
	_ = rendezvous.Send(e.conn, []*os.File{f}, offer{Name: name})
}

// takeOffer waits for what a rank that has been admitted may offer.
func (h *holder) takeOffer(conn *net.UnixConn) {
	_ = conn.SetReadDeadline(time.Now().Add(offerPatience))
	var o offer
	files, err := rendezvous.Receive(conn, &o)
	if err != nil {
		return
	}
	if len(files) != 1 || !strings.HasPrefix(o.Name, "jrun/") || !h.serveOffer(o.Name, files[0]) {
		rendezvous.CloseAll(files)
	}
}

// serveOffer lets processes that ask for name in, with the answer.
func (h *holder) serveOffer(name string, answer *os.File) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.namespaces == nil || len(h.express) >= mostOffers {
		return false
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: "@" + name, Net: "unix"})
	if err != nil {
		return false // another rank's offer came first
	}
	h.express = append(h.express, listener)
	go func() {
		defer answer.Close()
		for {
			conn, err := listener.AcceptUnix()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				go h.admitExpress(conn, answer)
			}
		}
	}()
	return true
}

func (h *holder) admitExpress(conn *net.UnixConn, answer *os.File) {
	defer conn.Close()
	namespaces, ok := h.admitPeer(conn)
	if !ok {
		return
	}
	fds := []int{int(namespaces[0].Fd()), int(namespaces[1].Fd()), int(namespaces[2].Fd()), int(answer.Fd())}
	_, _, _ = conn.WriteMsgUnix([]byte{0}, unix.UnixRights(fds...), nil) // whoever is not there any more has ended
}
