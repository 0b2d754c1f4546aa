package web

import (
	"fmt"
	"net/http"

	"github.com/jrun-hpc/jrun/vmtemplate/jobscript"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// asksFor is what a page says of a job. Numbers are of each node.
type asksFor struct {
	Image, Kind                        string
	Nodes, CPUs, Memory, GPUs, Ranks   int // Memory in GiB
	Hours, Minutes                     int
	Queue, Mail, Command, Name, Select string
}

// Bounds of what a page may ask for: what is more is a slip of the hand.
const (
	mostNumber = 100000
	mostLine   = 10000 // bytes of a command
)

// serveScript makes a job script: POST /api/script.
func (s *Server) serveScript(w http.ResponseWriter, r *http.Request) {
	var in asksFor
	if !readJSON(w, r, &in) {
		return
	}
	job, err := in.job()
	if err == nil {
		var text string
		if text, err = jobscript.Script(s.words(r).Printer, job, s.o.Job); err == nil {
			writeJSON(w, http.StatusOK, map[string]string{"text": text, "file": jobscript.FileName(job)})
			return
		}
	}
	f, _ := s.words(r).failure(err)
	f.Error = "request"
	writeJSON(w, http.StatusBadRequest, f)
}

// job is what jobscript makes of it, which checks all that is text.
func (a asksFor) job() (jobscript.Job, error) {
	j := jobscript.Job{Image: a.Image, Name: a.Name, Kind: jobscript.Kind(a.Kind), Queue: a.Queue, Mail: a.Mail, Select: a.Select}
	for _, n := range []int{a.Nodes, a.CPUs, a.Memory, a.GPUs, a.Ranks, a.Hours, a.Minutes} {
		if n < 0 || n > mostNumber {
			return j, message.Fail(message.Of("web.script.number", n), nil)
		}
	}
	if len(a.Command) > mostLine {
		return j, message.Fail(message.Of("web.script.long"), nil)
	}
	j.Shape = jobscript.Shape{Chunks: 1, CPUs: a.CPUs, MemoryGiB: a.Memory}
	switch j.Kind {
	case jobscript.MPI:
		j.Shape.Chunks, j.Shape.Ranks = a.Nodes, a.Ranks
	case jobscript.GPU:
		j.Shape.GPUs = a.GPUs
	}
	if minutes := a.Hours*60 + a.Minutes; minutes > 0 {
		j.Walltime = fmt.Sprintf("%02d:%02d:00", minutes/60, minutes%60)
	}
	var err error
	j.Command, err = jobscript.Words(a.Command)
	return j, err
}
