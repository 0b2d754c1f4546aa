package report

import (
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
)

// version is that of the form of reports.
const version = 1

// Report is what the site is told. Its JSON is the body of the request.
type Report struct {
	Version    int         `json:"version"`
	Host       string      `json:"host"`
	Machine    string      `json:"machine"` // 32 hexadecimal digits
	Workspaces []Workspace `json:"workspaces"`
}

// Workspace is one that is not uploaded as it is.
type Workspace struct {
	Name     string    `json:"name"`
	Base     string    `json:"base"`
	Bytes    int64     `json:"bytes"` // of what is not the base's
	Used     time.Time `json:"used,omitzero"`
	Pushed   string    `json:"pushed,omitempty"` // what an earlier state was uploaded as
	PushedAt time.Time `json:"pushed_at,omitzero"`
}

// mostWorkspaces is how many a report may have. Those that were used last come first
// in a list.
const mostWorkspaces = 200

// Of makes the report of this machine.
func Of(all []workspace.Summary) (Report, error) {
	host, machine, err := thisMachine()
	if err != nil {
		return Report{}, err
	}
	r := Report{Version: version, Host: host, Machine: machine, Workspaces: []Workspace{}}
	for _, s := range all {
		if !s.Unpushed() || len(r.Workspaces) == mostWorkspaces {
			continue
		}
		w := Workspace{Name: s.Name, Base: s.State.Base, Bytes: s.Bytes, Used: s.State.Used}
		if n := len(s.State.Pushes); n > 0 {
			w.Pushed, w.PushedAt = s.State.Pushes[n-1].Image, s.State.Pushes[n-1].At
		}
		r.Workspaces = append(r.Workspaces, w)
	}
	return r, nil
}
