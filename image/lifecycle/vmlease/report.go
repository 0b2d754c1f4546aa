package vmlease

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/printable"
)

// Report is what a machine's jbuild says of one user's workspaces.
type Report struct {
	User     string    `json:"user"` // as Harbor writes it, whose login it came with
	Host     string    `json:"host"` // what the machine calls itself
	Machine  string    `json:"machine"`
	Received time.Time `json:"received"`
	// Workspaces are those that were changed and are not uploaded as they are; none is
	// good news.
	Workspaces []Workspace `json:"workspaces"`
}

// Workspace is one that would be lost.
type Workspace struct {
	Name     string    `json:"name"`
	Base     string    `json:"base"`               // image that it began with
	Bytes    int64     `json:"bytes"`              // of what is not the base's
	Used     time.Time `json:"used"`               // when something was last run in it
	Pushed   string    `json:"pushed,omitempty"`   // what an earlier state of it was uploaded as; empty: never
	PushedAt time.Time `json:"pushed_at,omitzero"` // and when
}

// Bounds of what a user may say.
const (
	mostReport     = 64 << 10 // bytes of a request
	mostWorkspaces = 200
	mostMachines   = 50 // that a user may report from
	mostText       = 512
)

// Names as jbuild and hosts have them.
var (
	workspaceName = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$`)
	hostName      = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$`)
	machineID     = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// sent is the body of a request. User and time are not the sender's to say.
type sent struct {
	Version    int         `json:"version"`
	Host       string      `json:"host"`
	Machine    string      `json:"machine"`
	Workspaces []Workspace `json:"workspaces"`
}

// parseReport reads the body of a request. Errors are for the user of jbuild.
func parseReport(body []byte) (Report, error) {
	var s sent
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&s); err != nil {
		return Report{}, errors.New("it is no report in JSON")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Report{}, errors.New("there is something behind the report")
	}
	switch {
	case s.Version != 1:
		return Report{}, fmt.Errorf("version %d of reports is not known here", s.Version)
	case !hostName.MatchString(s.Host):
		return Report{}, fmt.Errorf("%.80q is no name of a host", s.Host)
	case !machineID.MatchString(s.Machine):
		return Report{}, errors.New("machine is not 32 hexadecimal digits")
	case len(s.Workspaces) > mostWorkspaces:
		return Report{}, fmt.Errorf("there are more than %d workspaces", mostWorkspaces)
	}
	seen := map[string]bool{}
	for _, w := range s.Workspaces {
		if err := w.check(); err != nil {
			return Report{}, err
		}
		if seen[w.Name] {
			return Report{}, fmt.Errorf("workspace %s is there twice", w.Name)
		}
		seen[w.Name] = true
	}
	slices.SortFunc(s.Workspaces, func(a, b Workspace) int { return strings.Compare(a.Name, b.Name) })
	return Report{Host: s.Host, Machine: s.Machine, Workspaces: s.Workspaces}, nil
}

func (w Workspace) check() error {
	if !workspaceName.MatchString(w.Name) {
		return fmt.Errorf("%.80q is no name of a workspace", w.Name)
	}
	for _, text := range []string{w.Base, w.Pushed} {
		if len(text) > mostText || !printable.Is(text) {
			return fmt.Errorf("workspace %s: %.80q is no name of an image", w.Name, text)
		}
	}
	if w.Bytes < 0 {
		return fmt.Errorf("workspace %s has %d bytes", w.Name, w.Bytes)
	}
	for _, t := range []time.Time{w.Used, w.PushedAt} {
		if y := t.Year(); y > 9998 || y < 1 {
			return fmt.Errorf("workspace %s was used in the year %d", w.Name, y)
		}
	}
	return nil
}
