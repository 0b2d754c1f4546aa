package starter

import "github.com/jrun-hpc/jrun/vmtemplate/message"

// Words is a plan in the words of one language, as it is written as JSON.
type Words struct {
	Kind   Kind        `json:"kind"`
	Base   string      `json:"base"`
	Reason string      `json:"reason"`
	Files  []FileWords `json:"files"`
	Steps  []StepWords `json:"steps"`
	Env    []string    `json:"env"`
	Notes  []string    `json:"notes"`
}

// FileWords is a File.
type FileWords struct {
	Path    string `json:"path"`
	Content string `json:"content"`
}

// StepWords is a Step.
type StepWords struct {
	What string `json:"what"`
	Run  string `json:"run"`
}

// In puts the plan into words.
func (p *Plan) In(printer *message.Printer) Words {
	w := Words{Kind: p.Kind, Base: p.Base, Reason: printer.Text(p.Reason), Files: []FileWords{}, Steps: []StepWords{}, Env: append([]string{}, p.Env...), Notes: []string{}}
	for _, f := range p.Files {
		w.Files = append(w.Files, FileWords{Path: f.Path, Content: string(f.Content)})
	}
	for _, s := range p.Steps {
		w.Steps = append(w.Steps, StepWords{What: printer.Text(s.What), Run: s.Run})
	}
	for _, n := range p.Notes {
		w.Notes = append(w.Notes, printer.Text(n))
	}
	return w
}
