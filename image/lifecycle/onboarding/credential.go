package onboarding

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"

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
	// Keep writes a credential down; when it returns nil it is safe.
	Keep(ctx context.Context, c Credential) error
	// Where says where that is, for people.
	Where() string
}

// FileSink merges credentials into a file of the form of containers-auth.json(5).
type FileSink struct{ Path string }

// Where is the file.
func (f FileSink) Where() string { return f.Path }

// Keep leaves all else in the file as it is. The file is replaced as a whole, and only
// its owner may read it.
func (f FileSink) Keep(_ context.Context, c Credential) error {
	err := replace(f.Path, func(old []byte) ([]byte, error) { return merge(old, c) })
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
	content := map[string]json.RawMessage{}
	auths := map[string]json.RawMessage{}
	if len(old) > 0 {
		if err := json.Unmarshal(old, &content); err != nil {
			return nil, fmt.Errorf("%w: %w", errNoAuthFile, err)
		}
	}
	if before := content["auths"]; len(before) > 0 {
		if err := json.Unmarshal(before, &auths); err != nil {
			return nil, fmt.Errorf("%w: %w", errNoAuthFile, err)
		}
	}
	if content == nil { // "null"
		content = map[string]json.RawMessage{}
	}
	if auths == nil {
		auths = map[string]json.RawMessage{}
	}
	entry, err := json.Marshal(map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte(c.User + ":" + c.Password))})
	if err != nil {
		return nil, err
	}
	for _, project := range c.Projects {
		auths[c.Host+"/"+project] = entry
	}
	if content["auths"], err = json.Marshal(auths); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(content, "", "\t")
	return append(b, '\n'), err
}
