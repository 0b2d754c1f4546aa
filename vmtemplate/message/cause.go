package message

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/text/language"
)

// system is what the machine says most often when something fails, for readers whose
// language is not its. What it has said itself stands behind it, to be searched for.
func (p *Printer) system(err error) string {
	if p.tag == language.English {
		return err.Error()
	}
	words := p.inWords(err)
	if words.Empty() {
		return err.Error()
	}
	return p.Text(words) + " (" + err.Error() + ")"
}

func (p *Printer) inWords(err error) Text {
	var number syscall.Errno
	var name *net.DNSError
	switch {
	case errors.As(err, &name):
		return Of("message.no-host", name.Name)
	case !errors.As(err, &number):
		return Text{}
	}
	switch number {
	case syscall.ENOENT:
		return Of("message.not-there")
	case syscall.EACCES, syscall.EPERM:
		return Of("message.not-allowed")
	case syscall.ENOSPC:
		return Of("message.disk-full")
	case syscall.EDQUOT:
		return Of("message.quota")
	case syscall.EROFS:
		return Of("message.read-only")
	case syscall.EEXIST:
		return Of("message.exists")
	case syscall.EISDIR:
		return Of("message.is-directory")
	case syscall.ENOTDIR:
		return Of("message.no-directory")
	case syscall.EBUSY, syscall.ETXTBSY:
		return Of("message.busy")
	case syscall.EIO:
		return Of("message.broken")
	case syscall.ECONNREFUSED:
		return Of("message.refused")
	case syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.ENETUNREACH:
		return Of("message.unreachable")
	case syscall.ECONNRESET, syscall.EPIPE:
		return Of("message.cut")
	}
	return Text{}
}
