package audit

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Head names an entry, and with it all that come before. The zero value is that of an
// empty log.
type Head struct {
	Number int64  `json:"number"`
	Hash   string `json:"hash"`
}

// String is NUMBER:HASH.
func (h Head) String() string { return strconv.FormatInt(h.Number, 10) + ":" + h.Hash }

// ParseHead reads what String writes.
func ParseHead(text string) (Head, error) {
	number, hash, ok := strings.Cut(strings.TrimSpace(text), ":")
	n, err := strconv.ParseInt(number, 10, 64)
	if raw, hexErr := hex.DecodeString(hash); !ok || err != nil || n < 1 || hexErr != nil || len(raw) != 32 {
		return Head{}, fmt.Errorf("%q is not NUMBER:HASH, as jadm audit head prints it", text)
	}
	return Head{n, strings.ToLower(hash)}, nil
}

func (e Entry) head() Head { return Head{e.Number, e.Hash} }

func headFile(log string) string { return log + ".head" }

// readHead reads the note of the last entry; the zero Head if there is none.
func readHead(log string) (Head, error) {
	b, err := os.ReadFile(headFile(log))
	if errors.Is(err, fs.ErrNotExist) {
		return Head{}, nil
	}
	if err != nil {
		return Head{}, err
	}
	var h Head
	if err := json.Unmarshal(b, &h); err != nil {
		return Head{}, fmt.Errorf("reading %s: %w", headFile(log), err)
	}
	return h, nil
}

// writeHead notes the last entry, which is on the disk already. Whatever is killed
// leaves the old note or the new one, so that the log is never behind it. The log's lock
// is held: nobody else writes the draft, and one that somebody who was killed has left is
// written over.
func writeHead(log string, h Head) error {
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	draft := headFile(log) + ".new"
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(draft, headFile(log))
	}
	if err != nil {
		_ = os.Remove(draft) // the first error says why
	}
	return err
}
