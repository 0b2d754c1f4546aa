package main

import (
	"strings"

	"github.com/jrun-hpc/jrun/runtime/mpi"
)

// diagnoseMPI looks at the places where jrun.toml says that the host's MPI is; wanted is
// false if it names none.
func diagnoseMPI(g *globalOptions) (f finding, wanted bool) {
	s, err := g.open()
	if err != nil || len(s.config.MPI.Host) == 0 {
		return finding{}, false // diagnoseStore tells the error
	}
	f = finding{Check: "host's MPI", Status: "ok"}
	places, err := mpi.SitePlaces("/", s.config.MPI.Host)
	if err != nil {
		f.Status = "warning"
		f.explain(err)
		return f, true
	}
	var details []string
	for _, p := range places {
		if problem := p.Problem(); problem != "" {
			f.Status = "warning"
			details = append(details, p.Dir+": "+problem)
			continue
		}
		details = append(details, strings.Join(p.Found, ", "))
	}
	f.Detail = strings.Join(details, "; ")
	if f.Status != "ok" {
		f.Next = []string{"correct host in [mpi] of jrun.toml; it is well if other machines have it"}
	}
	return f, true
}
