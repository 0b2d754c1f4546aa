package service

import (
	"io"
	"log/slog"
	"os"

	"golang.org/x/sys/unix"
)

// NewLog writes to out: lines for people on a terminal, JSON else.
func NewLog(out io.Writer, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if f, ok := out.(*os.File); ok {
		if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err == nil {
			return slog.New(slog.NewTextHandler(out, options))
		}
	}
	return slog.New(slog.NewJSONHandler(out, options))
}
