package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Outcomes of an act.
const (
	Begun  = "begun" // and if nothing follows with the same ID, it was interrupted
	Done   = "done"
	Failed = "failed"
)

// Entry is a line of the log.
type Entry struct {
	Number   int64     `json:"number"` // from 1, without gaps
	Time     time.Time `json:"time"`
	Actor    string    `json:"actor"` // who ran jadm: an account, and who became it with sudo
	ID       string    `json:"id"`    // the same for the entries of one act
	Outcome  string    `json:"outcome"`
	Error    string    `json:"error,omitempty"` // of a failed one
	Act                // what was done
	Previous string    `json:"previous"` // Hash of the entry before; empty for the first
	Hash     string    `json:"hash"`     // SHA-256, hexadecimal, of the entry with an empty Hash, as JSON
}

// mostLine bounds an entry, in bytes. Reading the last one needs no more than this.
const mostLine = 64 << 10

// errTooLong is for what is beyond mostLine.
var errTooLong = errors.New("it is longer than an entry may be")

// seal fills in Hash.
func (e *Entry) seal() error {
	sum, err := e.sum()
	e.Hash = sum
	return err
}

func (e Entry) sum() (string, error) {
	e.Hash = ""
	b, err := json.Marshal(e)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), err
}

// line is e as it is in the file, with the end of the line.
func (e Entry) line() ([]byte, error) {
	b, err := json.Marshal(e)
	if err == nil && len(b) >= mostLine {
		err = errTooLong
	}
	return append(b, '\n'), err
}

// parse reads a line, without its end. What says more than an Entry has, says it twice
// or in another way is none: the hash is of what an Entry has.
func parse(line []byte) (Entry, error) {
	var e Entry
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		return Entry{}, fmt.Errorf("it is no entry: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Entry{}, errors.New("it is no entry: there is something behind it")
	}
	again, err := json.Marshal(e)
	if err != nil {
		return Entry{}, fmt.Errorf("it is no entry: %w", err)
	}
	if !bytes.Equal(again, line) {
		return e, errors.New("it is not written as an entry is: somebody has edited it")
	}
	return e, nil
}
