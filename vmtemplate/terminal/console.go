package terminal

import (
	"context"
	"io"
	"os"
	"sync"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"golang.org/x/term"
)

// console is the terminal while a shell has it.
type console struct {
	ctx     context.Context
	in      *input
	out     *os.File
	resized chan struct{}
	reading sync.Mutex // held by a Read
}

var _ flow.Console = (*console)(nil)

func (c *console) Read(p []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	n, err := c.in.read(c.ctx, p, 0) // nothing, once ctx has ended
	if c.ctx.Err() != nil {
		return 0, io.EOF
	}
	return n, err
}

func (c *console) Write(p []byte) (int, error) { return c.out.Write(p) }

func (c *console) Interactive() bool { return true }

func (c *console) Size() (columns, rows int) {
	columns, rows, err := term.GetSize(int(c.out.Fd()))
	if err != nil || columns <= 0 || rows <= 0 {
		return 80, 24
	}
	return columns, rows
}

func (c *console) Resized() <-chan struct{} { return c.resized }

// Shell hands the terminal over, as it is in raw mode: the shell's own terminal does the
// editing.
func (f *full) Shell(ctx context.Context, do func(context.Context, flow.Console) error) error {
	f.stopReading()
	f.frame.leave(nil)
	f.frame.close() // the shell needs the cursor
	_, _ = io.WriteString(f.out, modesOff)
	err := handOver(ctx, f.in, f.out, f.resized, do)
	_, _ = io.WriteString(f.out, "\x1b[0m\r\n"+modesReset+modesOn)
	f.frame.columns, f.rows = f.size()
	f.startReading()
	return err
}

// handOver runs do with a console, whose reads end when do has returned. It waits for
// one that is under way: two readers would take the other's event that it is over, and
// what is typed to the next question.
func handOver(ctx context.Context, in *input, out *os.File, resized <-chan os.Signal, do func(context.Context, flow.Console) error) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	c := &console{ctx: reading, in: in, out: out, resized: make(chan struct{}, 1)}
	go func() {
		for {
			select {
			case <-reading.Done():
				return
			case <-resized:
				select {
				case c.resized <- struct{}{}:
				default:
				}
			}
		}
	}()
	err := do(ctx, c)
	stop()
	c.reading.Lock()   // and no later one reads anything
	c.reading.Unlock() //nolint:staticcheck // it is only waited for
	return err
}
