package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/runtime/rendezvous"
	"golang.org/x/sys/unix"
)

// Command is what runs inside.
type Command struct {
	Program string   // looked up in the PATH of Env, inside; Args[0] if it is empty
	Args    []string // what the program gets, beginning with its own name
	Env     []string // the whole environment, "NAME=value"
	Dir     string   // working directory, as it is named inside

	// Words are in which the join stage tells its errors: each text in English and the
	// same in the reader's language, in turn; none for English.
	Words []string

	Repeat *Repeat // nil if processes like this one are not to become the same
}

// Entrance is a sandbox that exists and waits for this process to enter.
type Entrance struct {
	namespaces []*os.File // U1, M2, U2
	conn       *net.UnixConn
	Note       json.RawMessage
}

// reply is what a holder sends beside the three namespaces.
type reply struct{ Note json.RawMessage }

// Enter finds the sandbox named key, or creates it as create says; create is
// called only by the process that does. It returns once the sandbox is ready;
// from then on it stays until this process ends. A failure that a person can
// mend is a *fault.Error.
func Enter(ctx context.Context, key Key, create func() (*Spec, error)) (*Entrance, error) {
	if !hasStages {
		return nil, fault.New("cannot run anything", fault.Because("this jrun was built without cgo, for converting and looking only"),
			"use a jrun that was built with 'make build'")
	}
	for {
		conn, listener, err := rendezvous.Meet(ctx, key.socket())
		if err != nil {
			return nil, err
		}
		if listener != nil {
			err := startHolder(ctx, listener, create)
			listener.Close()
			if err != nil {
				return nil, err
			}
			continue // and enter like everybody else
		}
		stop := context.AfterFunc(ctx, func() { conn.Close() })
		var r reply
		files, err := rendezvous.Receive(conn, &r)
		stop()
		if err == nil {
			return &Entrance{namespaces: files, conn: conn, Note: r.Note}, nil
		}
		conn.Close()
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !errors.Is(err, rendezvous.ErrGone):
			return nil, fmt.Errorf("entering the sandbox: %w", err)
		}
	}
}

// Exec makes this process become cmd inside the sandbox. It returns only if
// it fails; what fails later is told on stderr by the join stage, which then
// ends with 125, 126 or 127.
func (e *Entrance) Exec(cmd Command) error {
	if cmd.Program == "" {
		cmd.Program = cmd.Args[0]
	}
	plan, err := joinPlan(e.namespaces, cmd)
	if err != nil {
		return err
	}
	e.offer(cmd)
	file, err := memoryFile("jrun-join", plan)
	if err != nil {
		return err
	}
	for _, f := range append(e.namespaces, file) {
		if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFD, 0); err != nil {
			return fmt.Errorf("keeping a descriptor for the next stage: %w", err)
		}
	}
	// syscall.Exec, not unix's: it puts back the limit on open files that the
	// Go runtime raised.
	err = syscall.Exec("/proc/self/exe", []string{"jrun-join", strconv.Itoa(int(file.Fd()))}, []string{})
	return fmt.Errorf("starting the join stage: %w", err)
}

// joinPlan writes what join.c reads.
func joinPlan(namespaces []*os.File, cmd Command) ([]byte, error) {
	var plan []string
	for _, ns := range namespaces {
		plan = append(plan, strconv.Itoa(int(ns.Fd())))
	}
	ignored, blocked := callersSignals()
	plan = append(plan, ignored, blocked, cmd.Dir, cmd.Program)
	for _, list := range [][]string{cmd.Args, cmd.Env, cmd.Words} {
		plan = append(plan, strconv.Itoa(len(list)))
		plan = append(plan, list...)
	}
	var b bytes.Buffer
	for _, s := range plan {
		if bytes.IndexByte([]byte(s), 0) >= 0 {
			return nil, fmt.Errorf("the command, environment or directory contains a NUL byte: %q", s)
		}
		b.WriteString(s)
		b.WriteByte(0)
	}
	return b.Bytes(), nil
}
