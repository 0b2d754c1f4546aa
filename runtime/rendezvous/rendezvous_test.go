package rendezvous

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestMeet(t *testing.T) {
	stem := fmt.Sprint("jrun-test/", os.Getpid(), "/", t.Name())
	var mu sync.Mutex
	var creators []*net.UnixListener
	var joiners []*net.UnixConn
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			conn, listener, err := Meet(t.Context(), stem)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				t.Error(err)
			case listener != nil:
				creators = append(creators, listener)
			default:
				joiners = append(joiners, conn)
			}
		})
	}
	group.Wait()
	if len(creators) != 1 || len(joiners) != 31 {
		t.Fatalf("%d created and %d joined", len(creators), len(joiners))
	}
	creators[0].Close()
	for _, conn := range joiners {
		if _, err := Receive(conn, &struct{}{}); !errors.Is(err, ErrGone) {
			t.Errorf("a joiner whose creator ended got %v", err)
		}
		conn.Close()
	}
	_, again, err := Meet(t.Context(), stem)
	if err != nil || again == nil {
		t.Fatalf("the name is not free again: %v", err)
	}
	again.Close()
}

func TestDescriptorsTravel(t *testing.T) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	ends := make([]*net.UnixConn, 2)
	for i, fd := range pair {
		file := os.NewFile(uintptr(fd), "end")
		conn, err := net.FileConn(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ends[i] = conn.(*net.UnixConn)
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	long := strings.Repeat("x", 1<<20)
	go func() {
		if err := Send(ends[0], []*os.File{file}, long); err != nil {
			t.Error(err)
		}
	}()
	var message string
	files, err := Receive(ends[1], &message)
	if err != nil || len(files) != 1 || message != long {
		t.Fatalf("received %d files and %d bytes: %v", len(files), len(message), err)
	}
	defer CloseAll(files)
	text, err := io.ReadAll(files[0])
	if err != nil || string(text) != "content" {
		t.Errorf("the descriptor reads %q, %v", text, err)
	}
}
