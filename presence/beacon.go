package presence

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// Sign is what stands in a beacon: a small file that says who is there.
type Sign struct {
	Owner
	Host  string `json:"host"` // for people
	Job   string `json:"job,omitempty"`
	Ended bool   `json:"ended,omitempty"`
}

// signSize is how long a beacon is: it is overwritten in place, in one write.
const signSize = 512

// Refresh is how often a beacon is written again while its owner lives.
const Refresh = time.Minute

// Write puts s into the beacon f, in place of what it says, and moves its
// modification time to now. A watcher on another machine sees it after fsync.
func (s Sign) Write(f *os.File) error {
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encoding a sign of presence: %w", err)
	}
	if len(b) >= signSize { // names that long are not worth a failure
		s.Host, s.Job = "", ""
		if b, err = json.Marshal(s); err != nil {
			return fmt.Errorf("encoding a sign of presence: %w", err)
		}
	}
	padded := make([]byte, signSize)
	for i := copy(padded, b); i < len(padded); i++ {
		padded[i] = '\n'
	}
	if _, err := f.WriteAt(padded, 0); err != nil {
		return fmt.Errorf("writing a sign of presence: %w", err)
	}
	return nil
}

// ReadSign reads a beacon. What is not one is an error.
func ReadSign(r io.Reader) (Sign, error) {
	var s Sign
	b, err := io.ReadAll(io.LimitReader(r, signSize))
	if err != nil {
		return s, fmt.Errorf("reading a sign of presence: %w", err)
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("reading a sign of presence: %w", err)
	}
	return s, nil
}

// Keep makes this process the owner of the beacon f and writes it again every
// Refresh until stop is closed; then it marks the beacon as ended. Failures are
// of no consequence here: a beacon that is not written loses its effect.
func Keep(f *os.File, stop <-chan struct{}) {
	s, err := ReadSign(io.NewSectionReader(f, 0, signSize))
	if err != nil {
		s = Sign{}
	}
	s.Owner, s.Ended = Self(), false
	tick := time.NewTicker(Refresh)
	defer tick.Stop()
	for {
		_ = s.Write(f)
		_ = f.Sync()
		select {
		case <-stop:
			s.Ended = true
			_ = s.Write(f)
			_ = f.Sync()
			return
		case <-tick.C:
		}
	}
}
