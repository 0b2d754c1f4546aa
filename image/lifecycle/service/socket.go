package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/mirror"
	"github.com/jrun-hpc/jrun/printable"
	"golang.org/x/sys/unix"
)

// serveDir is the part of the state directory for what lives as long as the process.
const serveDir = "serve"

// SocketIn is the socket of the service whose state is in a directory.
func SocketIn(state string) string { return filepath.Join(state, serveDir, "socket") }

// lockAlone makes dir, and refuses when another process serves it. The kernel gives the
// lock back when the process ends.
func lockAlone(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.Newf(err, "give it to the service account: chown, or name another: state in jadm.toml", "cannot use the state directory")
	}
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		_ = f.Close()
		return nil, fault.New("jadm serve runs already", fmt.Errorf("another process holds %s", f.Name()), "see what it does: jadm queue\nor end it: systemctl stop jadm")
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	return func() { _ = f.Close() }, nil
}

// listenPrivately opens a socket that only this account can connect to: the directory
// is closed to others. One that a killed process has left is replaced; lockAlone makes
// sure that nobody uses it.
func listenPrivately(ctx context.Context, path string) (net.Listener, error) {
	if err := os.Chmod(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("closing the directory of the socket: %w", err)
	}
	_ = os.Remove(path)
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fault.Newf(err, "choose a shorter path: state in jadm.toml", "cannot open the socket for jadm queue")
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("closing the socket to others: %w", err)
	}
	return l, nil
}

// Report is what jadm queue shows.
type Report struct {
	mirror.Status
	Health  []string     `json:"health"` // what has been wrong for long
	Tasks   []TaskReport `json:"tasks"`
	Started time.Time    `json:"started"`
}

func (s *Service) privateHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/queue", func(w http.ResponseWriter, _ *http.Request) {
		r := Report{Status: s.o.Mirror.Status(), Health: s.Health(), Tasks: []TaskReport{}, Started: s.started}
		for _, t := range s.tasks {
			r.Tasks = append(r.Tasks, t.get())
		}
		writeJSON(w, r)
	})
	mux.HandleFunc("POST /v1/queue/retry", func(w http.ResponseWriter, r *http.Request) {
		var about *mirror.Target
		if name := r.URL.Query().Get("repository"); name != "" {
			t, ok := mirror.ParseTarget(name)
			if !ok {
				http.Error(w, "no such name can be", http.StatusBadRequest)
				return
			}
			about = &t
		}
		n, err := s.o.Mirror.Retry(about)
		if err != nil {
			http.Error(w, short(err), http.StatusInternalServerError)
			return
		}
		writeJSON(w, map[string]int{"retried": n})
	})
	return mux
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // whoever asked is gone
}

// short is an error for others, on one line.
func short(err error) string {
	const most = 500
	return printable.CutBytes(printable.Line(err.Error()), most)
}

// mostAnswer bounds what is read from the socket, in bytes.
const mostAnswer = 64 << 20

// Ask asks the service at a socket what it does.
func Ask(ctx context.Context, socket string) (Report, error) {
	var r Report
	err := ask(ctx, socket, http.MethodGet, "/v1/queue", &r)
	return r, err
}

// AskRetry has the service at a socket try again what has failed, of a repository or a
// project, or all if it is empty. It returns how many images had failed.
func AskRetry(ctx context.Context, socket, repository string) (int, error) {
	var answer struct {
		Retried int `json:"retried"`
	}
	path := "/v1/queue/retry?" + url.Values{"repository": {repository}}.Encode()
	err := ask(ctx, socket, http.MethodPost, path, &answer)
	return answer.Retried, err
}

func ask(ctx context.Context, socket, method, path string, answer any) error {
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, method, "http://jadm"+path, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(r)
	if err != nil {
		why := err
		if u := (*url.Error)(nil); errors.As(err, &u) {
			why = u.Err // the URL says nothing
		}
		return fault.New("jadm serve cannot be asked", why, "see whether it runs: systemctl status jadm\nand ask as its account: sudo -u jadm jadm queue")
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(strings.TrimSpace(printable.Text(string(body))))
	}
	if err == nil {
		err = json.Unmarshal(body, answer)
	}
	if err != nil {
		return fault.New("jadm serve could not answer", err, "look into its log: journalctl -u jadm")
	}
	return nil
}
