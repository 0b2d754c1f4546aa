package spokesman

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/jrun-hpc/jrun/runtime/rendezvous"
)

// Group are processes of one user on one machine that somebody reads together.
type Group struct {
	Name string // the same for all of them, and for no others
	Size int    // how many there are, if that is known; or 0
}

const (
	// arrival is how long the speaker waits for one more process. Ranks that are refused
	// come one after another, each after it has looked for itself, on a busy machine.
	arrival = 5 * time.Second

	// guess is the same if nobody says whether there is one more.
	guess = time.Second

	// hearing is how long the others wait for the speaker to print, and longest how long
	// for it to end.
	hearing = 10 * time.Second
	longest = time.Minute
)

// Say has one of the processes to which the same has happened print it, and returns when
// it has been printed, or ctx is done: who is told to end by the launcher does so because
// another has ended. It reports whether it was this one.
func (g Group) Say(ctx context.Context, what string, say func()) bool {
	for {
		conn, listener, err := rendezvous.Meet(ctx, g.stem(what))
		switch {
		case err != nil && ctx.Err() != nil:
			return false
		case err != nil:
			say()
			return true
		case listener != nil:
			say()
			g.tellOthers(ctx, listener)
			return true
		}
		err = hear(ctx, conn)
		if err == nil || ctx.Err() != nil {
			return false
		}
		if !errors.Is(err, rendezvous.ErrGone) {
			say()
			return true
		}
	}
}

// stem is the name at which those to which the same has happened meet.
func (g Group) stem(what string) string {
	sum := sha256.Sum256([]byte(g.Name + "\x00" + what))
	return fmt.Sprintf("jrun/%d/said/%s", os.Getuid(), hex.EncodeToString(sum[:16]))
}

// tellOthers tells the others that it has been printed, and ends when all have
// come or nobody comes any more.
func (g Group) tellOthers(ctx context.Context, listener *net.UnixListener) {
	defer listener.Close()
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	var told []*net.UnixConn
	patience := arrival
	if g.Size == 0 {
		patience = guess
	}
	for len(told)+1 < g.Size || g.Size == 0 {
		_ = listener.SetDeadline(time.Now().Add(patience))
		conn, err := listener.AcceptUnix()
		if err != nil {
			break
		}
		if _, err := conn.Write([]byte{0}); err == nil {
			told = append(told, conn)
		}
	}
	for _, conn := range told {
		conn.Close()
	}
}

// hear waits for the speaker's word, and then for its end. The error wraps
// rendezvous.ErrGone if it ended before.
func hear(ctx context.Context, conn *net.UnixConn) error {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	_ = conn.SetReadDeadline(time.Now().Add(hearing))
	word := make([]byte, 1)
	if n, err := conn.Read(word); n == 0 {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("waiting for the process that prints: %w", err)
		}
		return rendezvous.ErrGone
	}
	_ = conn.SetReadDeadline(time.Now().Add(longest))
	_, _ = io.ReadAll(conn) // it has been printed, whatever happens now
	return nil
}
