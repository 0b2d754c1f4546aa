package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/presence"
)

// JobRef is what a reference stands for in one job, on all its nodes. It
// never changes.
type JobRef struct {
	Ref
	How  string `json:"how"`            // how it was found out; package image has the words
	Host string `json:"host,omitempty"` // where
}

// treePrefix begins the names of jobs that are no batch system's.
const treePrefix = "tree-"

// TreeJob is the name of the job that the processes below one process are. What is
// known of it is forgotten when that process has ended.
func TreeJob(root presence.Owner) string { return treePrefix + root.String() }

// jobGrace is how long after its last use a job's state is kept.
const jobGrace = 60 * 24 * time.Hour

func (s *Store) jobDir(job string) string { return filepath.Join(s.own.jobs(), fileNameOf(job)) }

// fileNameOf makes a file name of a job's name, which could be anything: what
// cannot stand in one is replaced, and a hash keeps different jobs apart.
func fileNameOf(job string) string {
	safe := fileLetters(job)
	if safe != job || len(safe) > 100 || strings.Trim(safe, ".") == "" {
		sum := sha256.Sum256([]byte(job))
		safe = strings.Trim(safe[:min(len(safe), hashedNameHead)], ".") + "-" + hex.EncodeToString(sum[:8])
	}
	return safe
}

// hashedNameHead is how much of a job's name stands before the hash, bytes.
const hashedNameHead = 40

// fileLetters replaces, one by one, what a file name should not hold.
func fileLetters(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && (r == '.' || r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z') {
			return r
		}
		return '_'
	}, s)
}

func (s *Store) jobRefPath(job, name string) string {
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(s.jobDir(job), hex.EncodeToString(sum[:])+metaSuffix)
}

// JobRef returns what name stands for in a job. The error wraps ErrNotFound while
// that is not settled, and ErrDamaged when it was written but makes no sense.
func (s *Store) JobRef(job, name string) (JobRef, error) {
	path := s.jobRefPath(job, name)
	b, err := readSmall(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return JobRef{}, fmt.Errorf("looking for %s of job %s: %w", name, job, ErrNotFound)
	case err != nil:
		return JobRef{}, fmt.Errorf("reading what %s is in job %s: %w", name, job, err)
	}
	var r JobRef
	err = json.Unmarshal(b, &r)
	if err == nil && r.Name != name {
		err = fmt.Errorf("it is about %q", r.Name)
	}
	if err == nil {
		err = r.Digest.Validate()
	}
	if err != nil {
		return JobRef{}, fmt.Errorf("reading %s: %w: %w", path, ErrDamaged, err)
	}
	return r, nil
}

// SettleJobRef makes r what its name stands for in a job, unless that is settled
// already, and returns what it is. Processes on any number of nodes get the same
// answer.
func (s *Store) SettleJobRef(job string, r JobRef) (JobRef, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return JobRef{}, fmt.Errorf("encoding the reference %s: %w", r.Name, err)
	}
	if err := s.makeRealm(); err != nil {
		return JobRef{}, err
	}
	dir := s.jobDir(job)
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return JobRef{}, s.WriteFault(fmt.Errorf("recording the job %s: %w", job, err))
	}
	path := s.jobRefPath(job, r.Name)
	for range 2 {
		// In the job's own directory the temporary file of a process that was killed
		// would stay as long as the job.
		won, err := s.publishOnceFrom(s.own.jobs(), path, append(b, '\n'), durable)
		if err != nil {
			return JobRef{}, s.WriteFault(err)
		}
		if won {
			s.sweepTrees()
			return r, nil
		}
		settled, err := s.awaitJobRef(job, r.Name)
		if !errors.Is(err, ErrDamaged) {
			return settled, err
		}
		// Who wrote it died in the middle, where there are no links, or the disk has
		// lost it. Nobody has got an answer from it.
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return JobRef{}, s.WriteFault(fmt.Errorf("removing what cannot be read: %w", err))
		}
	}
	return s.JobRef(job, r.Name)
}

// jobRefPatience is how long a file that is being written may make no sense, and
// jobRefLate how late a host that caches names may see one.
const (
	jobRefPatience = 5 * time.Second
	jobRefLate     = time.Minute
)

// awaitJobRef returns what name stands for in a job, of which a file is there.
func (s *Store) awaitJobRef(job, name string) (JobRef, error) {
	for begun := s.clock.now(); ; {
		settled, err := s.JobRef(job, name)
		patience := jobRefPatience
		if errors.Is(err, ErrNotFound) {
			patience = jobRefLate
		}
		if err == nil || s.clock.now().Sub(begun) > patience {
			return settled, err
		}
		<-s.clock.sleep(claimPollFirst)
	}
}

// AskOnce lets one process of a job, on all its nodes, find out what name stands
// for, by ask, while the others wait for what it settles, or until failed, which is
// asked again and again, tells them that it could not be found out. They take over
// at once when that process dies.
func (s *Store) AskOnce(ctx context.Context, job, name string, failed func() error, ask func() (JobRef, error)) (JobRef, error) {
	if r, err := s.JobRef(job, name); err == nil {
		return r, nil
	}
	if err := s.makeRealm(); err != nil {
		return JobRef{}, err
	}
	sum := sha256.Sum256([]byte(job + "\x00" + name))
	var failure error
	settled := func() bool {
		if _, err := s.JobRef(job, name); err == nil {
			failure = nil
			return true
		}
		failure = failed()
		return failure != nil
	}
	c, err := s.claim(ctx, askClaim+hex.EncodeToString(sum[:16]), s.jobDir(job), settled, nil)
	if err != nil {
		return JobRef{}, err
	}
	if c == nil && failure != nil {
		return JobRef{}, failure
	}
	if c == nil {
		return s.JobRef(job, name)
	}
	defer c.release()
	r, err := ask()
	if err != nil {
		return JobRef{}, err
	}
	return s.SettleJobRef(job, r)
}

// askClaim begins the names of claims on asking a registry.
const askClaim = "ask-"

// sweepTrees forgets the jobs whose process, on this machine, has ended.
func (s *Store) sweepTrees() {
	entries, err := os.ReadDir(s.own.jobs())
	if err != nil {
		return
	}
	for _, e := range entries {
		root, isTree := strings.CutPrefix(e.Name(), treePrefix)
		if owner, err := presence.Parse(root); isTree && err == nil && s.clock.gone(owner) {
			_ = os.RemoveAll(filepath.Join(s.own.jobs(), e.Name()))
		}
	}
}

// sweepJobs forgets jobs that have been over for long, and notes as old.
func (s *Store) sweepJobs() {
	for _, dir := range []string{s.own.jobs(), s.own.notes()} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if info, err := os.Lstat(path); err == nil && s.clock.now().Sub(info.ModTime()) > jobGrace {
				_ = os.RemoveAll(path)
			}
		}
	}
}
