package inside

import (
	"errors"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestKeys: closing ends a Read that waits and those that come, takes nothing that is
// typed later, and leaves no descriptor open.
func TestKeys(t *testing.T) {
	typed, typing, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer typed.Close()
	defer typing.Close()
	for name, waiting := range map[string]bool{"while it is read": true, "while it is not": false} {
		t.Run(name, func(t *testing.T) {
			k, err := newKeys(int(typed.Fd()))
			if err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 8)
			if _, err := typing.WriteString("a"); err != nil {
				t.Fatal(err)
			}
			if n, err := k.Read(buf); n != 1 || err != nil || buf[0] != 'a' {
				t.Fatalf("read %q, %v", buf[:n], err)
			}
			ended := make(chan error, 1)
			if waiting {
				go func() {
					_, err := k.Read(buf)
					ended <- err
				}()
			}
			if err := errors.Join(k.Close(), k.Close()); err != nil {
				t.Error(err)
			}
			if waiting {
				if err := <-ended; !errors.Is(err, io.EOF) {
					t.Errorf("the read that waited: %v", err)
				}
			}
			if _, err := typing.WriteString("b"); err != nil {
				t.Fatal(err)
			}
			if _, err := k.Read(make([]byte, 8)); !errors.Is(err, io.EOF) {
				t.Errorf("a later read: %v", err)
			}
			for _, fd := range []int{k.wake, k.woken} {
				if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
					t.Errorf("descriptor %d is open", fd)
				}
			}
			if n, err := typed.Read(buf); n != 1 || err != nil || buf[0] != 'b' {
				t.Errorf("what was typed later: %q, %v", buf[:n], err)
			}
		})
	}
}
