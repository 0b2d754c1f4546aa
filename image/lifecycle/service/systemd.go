package service

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// notify tells systemd something, as sd_notify(3) does. Nobody listens elsewhere.
func notify(state string) {
	address := os.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return
	}
	if address[0] == '@' {
		address = "\x00" + address[1:]
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = c.Write([]byte(state)) // systemd will find out
}

// keepAlive tells systemd's watchdog that the process lives, if that wants to know.
func keepAlive(ctx context.Context) {
	every, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if pid := os.Getenv("WATCHDOG_PID"); err != nil || every <= 0 || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return
	}
	ticks := time.NewTicker(time.Duration(every) * time.Microsecond / 2)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			notify("WATCHDOG=1")
		}
	}
}

// firstPassedFD is where passed file descriptors begin, as in sd_listen_fds(3).
const firstPassedFD = 3

// activated is the socket that systemd has opened for this process; nil for none.
func activated() (net.Listener, error) {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	if n := os.Getenv("LISTEN_FDS"); n != "1" {
		return nil, fmt.Errorf("systemd has passed %s sockets, not one", n)
	}
	f := os.NewFile(firstPassedFD, "LISTEN_FD_3")
	defer f.Close() // the listener has a copy
	return net.FileListener(f)
}
