package upload

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// sessionNotes is the file in which a session is written down for the next run:
// DIGEST.REPOSITORY.upload. It is locked, so that two pushes do not write into one
// session; who does not get it does without, as with every other trouble: the notes
// only save time. Nil is without.
type sessionNotes struct{ file *os.File }

// sessionNote is what is in it. A Location is of no use to anybody without a login.
type sessionNote struct {
	Location string `json:"location"`
	Chunk    int64  `json:"chunk"`
}

// openNotes is for a blob that goes to the target. Small ones need none.
func (p *pusher) openNotes(b *blob) *sessionNotes {
	if b.file == nil {
		return nil
	}
	return lockNotes(p.notesFile(b), os.O_RDWR|os.O_CREATE)
}

func (p *pusher) notesFile(b *blob) string {
	at := sha256.Sum256([]byte(p.o.Target.Host + "/" + p.o.Target.Repository))
	return filepath.Join(p.cache.dir, b.digest.Encoded()+"."+hex.EncodeToString(at[:8])+notesSuffix)
}

const notesSuffix = ".upload"

// dropNotes removes what a push has left that was killed when its blob had arrived.
func (p *pusher) dropNotes(b *blob) {
	n := lockNotes(p.notesFile(b), os.O_RDWR)
	n.clear()
	n.close()
}

func lockNotes(name string, flags int) *sessionNotes {
	f, err := os.OpenFile(name, flags, 0o600)
	if err != nil {
		return nil
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		f.Close()
		return nil
	}
	return &sessionNotes{f}
}

// mostNote bounds what is read, bytes: a Location has a state of some hundred.
const mostNote = 64 << 10

// read is the session of an earlier run; nil if there is none. It may be long gone.
func (n *sessionNotes) read() *session {
	if n == nil {
		return nil
	}
	var note sessionNote
	text, err := io.ReadAll(io.NewSectionReader(n.file, 0, mostNote))
	if err != nil || json.Unmarshal(text, &note) != nil || note.Chunk <= 0 {
		return nil
	}
	at, err := url.Parse(note.Location)
	if err != nil || at.Host == "" {
		return nil
	}
	return &session{location: at, chunk: note.Chunk, doubtful: true, broke: true}
}

// write replaces what is noted. Half a note is none.
func (n *sessionNotes) write(s *session) {
	if n == nil {
		return
	}
	text, err := json.Marshal(sessionNote{Location: s.location.String(), Chunk: s.chunk})
	if err == nil && n.file.Truncate(0) == nil {
		_, _ = n.file.WriteAt(text, 0) // see above
	}
}

// clear notes that there is no session.
func (n *sessionNotes) clear() {
	if n != nil {
		_ = n.file.Truncate(0) // a session that is gone is found to be so
	}
}

// close lets another have the file, and removes one that says nothing.
func (n *sessionNotes) close() {
	if n == nil {
		return
	}
	if info, err := n.file.Stat(); err == nil && info.Size() == 0 {
		_ = os.Remove(n.file.Name())
	}
	n.file.Close()
}
