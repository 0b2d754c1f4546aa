package desired

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

// Credential is a robot's login, which Harbor tells once.
type Credential struct {
	Project, Person string // Person is empty for projects that are nobody's
	Robot           string // its name within the project
	File            string // as the robot's Credential in the file; may be empty
	User, Password  string // to log in with
}

// String and GoString do not tell the password.
func (c Credential) String() string { return "the login of " + c.User }

// GoString is String.
func (c Credential) GoString() string { return c.String() }

// Files keeps credentials in files of the form of containers-auth.json(5), readable by
// their owner only.
type Files struct {
	Host string // the registry's name in references
	// Dir is for credentials whose robot names no file, and what relative paths are
	// relative to.
	Dir string
}

// Path is the file of a credential.
func (f Files) Path(c Credential) string {
	path := c.File
	if path == "" {
		path = "{project}+{robot}.json"
	}
	// The names are Harbor's, which have no slash and do not begin with a dot.
	path = strings.NewReplacer("{project}", c.Project, "{robot}", c.Robot).Replace(path)
	if !filepath.IsAbs(path) {
		path = filepath.Join(f.Dir, path)
	}
	return path
}

// Kept reports whether the file of a credential is there. What it holds is not looked at,
// and a file that cannot be looked at is taken to be there.
func (f Files) Kept(c Credential) bool {
	_, err := os.Stat(f.Path(c))
	return !errors.Is(err, fs.ErrNotExist)
}

// Keep writes a credential into its file. Logins for other projects and registries
// that are in the file stay.
func (f Files) Keep(_ context.Context, c Credential) error {
	path := f.Path(c)
	content := map[string]json.RawMessage{}
	auths := map[string]json.RawMessage{}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		b, err = []byte("{}"), nil
	}
	if err == nil {
		err = json.Unmarshal(b, &content)
	}
	if old := content["auths"]; err == nil && old != nil {
		err = json.Unmarshal(old, &auths)
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	if content == nil || auths == nil { // "null"
		content, auths = map[string]json.RawMessage{}, map[string]json.RawMessage{}
	}
	login, err := json.Marshal(map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte(c.User + ":" + c.Password))})
	if err != nil {
		return err
	}
	auths[f.Host+"/"+c.Project] = login
	if content["auths"], err = json.Marshal(auths); err != nil {
		return err
	}
	text, err := json.MarshalIndent(content, "", "\t")
	if err != nil {
		return err
	}
	return state.WriteFile(path, append(text, '\n'), 0o600)
}
