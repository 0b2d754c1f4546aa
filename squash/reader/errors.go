package reader

import "golang.org/x/sys/unix"

// Errors that say what a file is or that it is absent, as the numbers that the
// kernel would give: errors.Is(err, fs.ErrNotExist) holds for errNotExist.
const (
	errNotExist    = unix.ENOENT
	errNotDir      = unix.ENOTDIR
	errIsDir       = unix.EISDIR
	errNotSymlink  = unix.EINVAL
	errNotFile     = unix.EINVAL
	errLoop        = unix.ELOOP
	errNoXattr     = unix.ENODATA
	errNameTooLong = unix.ENAMETOOLONG
)
