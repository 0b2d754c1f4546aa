package secret

import (
	"context"
	"io/fs"

	"github.com/jrun-hpc/jrun/vmtemplate/change"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// Scan looks at all that changed and goes into an image. open opens a file by its
// absolute path inside, and must not follow links out of it. A file that cannot be opened
// is passed over; an error is only ctx's.
func Scan(ctx context.Context, changes []change.Change, open func(path string) (fs.File, error)) ([]Finding, error) {
	var all []Finding
	for _, c := range changes {
		if err := ctx.Err(); err != nil {
			return all, err
		}
		if c.Dir || c.Kind == change.Deleted || c.Left != "" || change.Filter(c.Path) != "" {
			continue
		}
		all = append(all, inChanged(c.Path, open)...)
	}
	return all, nil
}

func inChanged(path string, open func(path string) (fs.File, error)) []Finding {
	f, err := open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return InFile(path, f)
}

// Text says what was found, and where.
func (f Finding) Text() message.Text {
	switch f.Kind {
	case PrivateKey:
		return message.Of("secret.privateKey", f.Path, f.Line)
	case Token:
		return message.Of("secret.token", f.Path, f.Line, f.Of)
	case URL:
		return message.Of("secret.url", f.Path, f.Line)
	case Login:
		return message.Of("secret.login", f.Path)
	case KeyFile:
		return message.Of("secret.keyFile", f.Path)
	}
	return message.Of("secret.password", f.Path, f.Line)
}
