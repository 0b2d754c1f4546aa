package check

import (
	"slices"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// Report is what [Examine] has found, in no language yet.
type Report struct {
	Findings []Finding // the worst first
	Libc     string    // "glibc 2.36"; empty without one
	Size     Size
}

// Runs reports whether jobs of the image can start.
func (r *Report) Runs() bool {
	return !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity == Blocks })
}

// Words is a report in the words of one language, as it is written as JSON. Sizes are
// in bytes.
type Words struct {
	Runs     bool           `json:"runs"`
	Libc     string         `json:"libc,omitempty"`
	Findings []FindingWords `json:"findings"`
	Size     SizeWords      `json:"size"`
}

// FindingWords is a Finding.
type FindingWords struct {
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	What     string   `json:"what"`
	Paths    []string `json:"paths,omitempty"`
	More     int      `json:"more_paths,omitempty"`
	Next     []string `json:"next,omitempty"`
}

// SizeWords is a Size.
type SizeWords struct {
	Bytes      int64          `json:"bytes"`
	Files      int            `json:"files"`
	Compressed int64          `json:"compressed_bytes_estimate"`
	Largest    []BranchWords  `json:"largest"`
	Waste      []WasteWords   `json:"waste"`
	Duplicates DuplicateWords `json:"duplicates"`
}

// BranchWords is a Branch.
type BranchWords struct {
	Path  string `json:"path"`
	Depth int    `json:"depth"`
	Bytes int64  `json:"bytes"`
	Files int    `json:"files"`
}

// WasteWords is a Waste.
type WasteWords struct {
	Kind  WasteKind `json:"kind"`
	What  string    `json:"what"`
	Bytes int64     `json:"bytes"`
	Files int       `json:"files"`
	Paths []string  `json:"paths"`
	Next  []string  `json:"next,omitempty"`
}

// DuplicateWords is a Duplicates.
type DuplicateWords struct {
	Bytes  int64        `json:"bytes"`
	Files  int          `json:"files"`
	Groups []GroupWords `json:"groups,omitempty"`
	Partly bool         `json:"partly,omitempty"`
}

// GroupWords is a Group.
type GroupWords struct {
	Bytes int64    `json:"bytes"`
	Paths []string `json:"paths"`
	More  int      `json:"more_paths,omitempty"`
}

// In puts the report into words.
func (r *Report) In(p *message.Printer) Words {
	w := Words{Runs: r.Runs(), Libc: r.Libc, Findings: []FindingWords{}, Size: SizeWords{
		Bytes: r.Size.Bytes, Files: r.Size.Files, Compressed: r.Size.Compressed, Largest: []BranchWords{}, Waste: []WasteWords{},
		Duplicates: DuplicateWords{Bytes: r.Size.Duplicates.Bytes, Files: r.Size.Duplicates.Files, Partly: r.Size.Duplicates.Partly},
	}}
	for _, f := range r.Findings {
		w.Findings = append(w.Findings, FindingWords{ID: f.ID, Severity: f.Severity, What: p.Text(f.What), Paths: f.Paths, More: f.More, Next: words(p, f.Next)})
	}
	for _, b := range r.Size.Largest {
		w.Size.Largest = append(w.Size.Largest, BranchWords(b))
	}
	for _, waste := range r.Size.Waste {
		w.Size.Waste = append(w.Size.Waste, WasteWords{Kind: waste.Kind, What: p.Text(waste.What), Bytes: waste.Bytes, Files: waste.Files, Paths: waste.Paths, Next: words(p, waste.Next)})
	}
	for _, g := range r.Size.Duplicates.Groups {
		w.Size.Duplicates.Groups = append(w.Size.Duplicates.Groups, GroupWords(g))
	}
	return w
}

func words(p *message.Printer, texts []message.Text) []string {
	var all []string
	for _, t := range texts {
		all = append(all, p.Text(t))
	}
	return all
}
