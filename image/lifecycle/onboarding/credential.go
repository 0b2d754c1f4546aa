package onboarding

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/jrun-hpc/jrun/fault"
)

// Credential is a login that can only pull.
type Credential struct {
	Host     string   // the registry
	Projects []string // that it is for
	User     string
	Password string
}

// String does not tell the password.
func (c Credential) String() string { return "the login of " + c.User }

// GoString is String.
func (c Credential) GoString() string { return c.String() }

// Sink is where credentials go.
type Sink interface {
	// Ready says why Keep could not, before a secret is made that would be lost.
	Ready() error
	// Keep writes a credential down; when it returns nil it is safe.
	Keep(ctx context.Context, c Credential) error
	// Where says where that is, for people.
	Where() string
}

// FileSink merges credentials into a file of the form of containers-auth.json(5).
type FileSink struct{ Path string }

// Where is the file.
func (f FileSink) Where() string { return f.Path }

// Ready looks at the file and its directory.
func (f FileSink) Ready() error {
	return f.explain(replace(f.Path, func(old []byte) ([]byte, error) {
		_, err := merge(old, Credential{})
		return nil, err
	}))
}

// Keep leaves all else in the file as it is. The file is replaced as a whole, and only
// its owner may read it.
func (f FileSink) Keep(_ context.Context, c Credential) error {
	return f.explain(replace(f.Path, func(old []byte) ([]byte, error) { return merge(old, c) }))
}

func (f FileSink) explain(err error) error {
	if err != nil {
		return fault.Newf(err, "name another file with --credential-out, or print it: --credential-out -", "cannot write the login into %s", f.Path)
	}
	return nil
}

// WriterSink prints credentials as such a file.
type WriterSink struct {
	Writer io.Writer
	Name   string // for people
}

// Ready is always so.
func (w WriterSink) Ready() error { return nil }

// Where is its name.
func (w WriterSink) Where() string { return w.Name }

// Keep prints a whole file.
func (w WriterSink) Keep(_ context.Context, c Credential) error {
	b, err := merge(nil, c)
	if err != nil {
		return err
	}
	_, err = w.Writer.Write(b)
	return err
}

// errNoAuthFile is for files with something else in them.
var errNoAuthFile = errors.New("it is no file of logins (containers-auth.json(5))")

// merge puts a login into the text of a file, for each of its projects.
func merge(old []byte, c Credential) ([]byte, error) {
	entry, err := json.Marshal(map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte(c.User + ":" + c.Password))})
	if err != nil {
		return nil, err
	}
	entries := map[string]json.RawMessage{}
	for _, project := range c.Projects {
		entries[c.Host+"/"+project] = entry
	}
	return mergeEntries(old, entries)
}

// mergeEntries puts logins into the text of a file, by registry or a part of one.
func mergeEntries(old []byte, entries map[string]json.RawMessage) ([]byte, error) {
	content, auths, err := parseAuth(old)
	if err != nil {
		return nil, err
	}
	maps.Copy(auths, entries)
	if content["auths"], err = json.Marshal(auths); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(content, "", "\t")
	return append(b, '\n'), err
}

// parseAuth reads a file of logins: all that is in it, and the logins of that. Nothing,
// and null, are files without any.
func parseAuth(text []byte) (content, auths map[string]json.RawMessage, err error) {
	if len(text) > 0 {
		if err := json.Unmarshal(text, &content); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", errNoAuthFile, err)
		}
	}
	if before := content["auths"]; len(before) > 0 {
		if err := json.Unmarshal(before, &auths); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", errNoAuthFile, err)
		}
	}
	if content == nil {
		content = map[string]json.RawMessage{}
	}
	if auths == nil {
		auths = map[string]json.RawMessage{}
	}
	return content, auths, nil
}

// MergeLogins puts the logins of one file into another, which keeps all else that is in
// it, and is made if it is not there. Run by root it gives the file to the owner of its
// directory. It returns what the logins are for. Errors are faults.
func MergeLogins(from, into string) ([]string, error) {
	entries, err := readLogins(from)
	if err != nil {
		return nil, err
	}
	sink := FileSink{into}
	err = replace(into, func(old []byte) ([]byte, error) { return mergeEntries(old, entries) })
	return slices.Sorted(maps.Keys(entries)), sink.explain(err)
}

// LoginsIn are what the logins in a file are for. Errors are faults.
func LoginsIn(file string) ([]string, error) {
	entries, err := readLogins(file)
	return slices.Sorted(maps.Keys(entries)), err
}

func readLogins(from string) (map[string]json.RawMessage, error) {
	text, err := os.ReadFile(from)
	if err != nil {
		return nil, fault.Newf(err, "name a file that 'jadm user add' has written", "cannot read the logins in %s", from)
	}
	_, entries, err := parseAuth(text)
	if err == nil && len(entries) == 0 {
		err = errors.New("there is none in it")
	}
	if err != nil {
		return nil, fault.Newf(err, "name a file that 'jadm user add' has written", "cannot use the logins in %s", from)
	}
	return entries, nil
}
