package recipe

import (
	"fmt"
	"io"
	"io/fs"

	"github.com/jrun-hpc/jrun/vmtemplate/inventory"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// Report is how an image that was made again differs from the first one.
type Report struct {
	Packages inventory.Difference `json:"packages"`
	Missing  []string             `json:"missing,omitempty"`  // files of the recipe that are not there
	Differ   []string             `json:"differ,omitempty"`   // files of the recipe with other contents
	LeftOver []Left               `json:"left,omitempty"`     // what the recipe could not say
	Base     *Pin                 `json:"new_base,omitempty"` // it was made from another base
}

// Compare looks what has become of a recipe: now is the inventory of the image that was
// made again, open opens its files by their absolute paths, base is what it was made from.
func (r Recipe) Compare(now inventory.Inventory, base Pin, open func(path string) (fs.File, error)) Report {
	report := Report{Packages: inventory.Compare(r.Lock.Packages, now), LeftOver: r.Lock.Left}
	if base.Digest != r.Lock.Base.Digest {
		report.Base = &base
	}
	for _, f := range r.Lock.Files {
		data, err := readAll(f.Path, open)
		switch {
		case err != nil:
			report.Missing = append(report.Missing, f.Path)
		case sum(data) != f.SHA256:
			report.Differ = append(report.Differ, f.Path)
		}
	}
	return report
}

func readAll(name string, open func(path string) (fs.File, error)) ([]byte, error) {
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 16*mostCopied))
}

// Same reports whether packages and files are as they were.
func (r Report) Same() bool {
	return r.Packages.Same() && len(r.Missing)+len(r.Differ) == 0
}

// mostLines of each kind are said; the rest is counted.
const mostLines = 20

// Lines say it to people, the summary first.
func (r Report) Lines() []message.Text {
	d := r.Packages
	var all []message.Text
	if d.Same() {
		all = append(all, message.Of("recipe.report.same", d.Equal))
	} else {
		all = append(all, message.Of("recipe.report.packages", d.Equal, d.Equal+len(d.Changed)+len(d.Removed)+len(d.Added), fmt.Sprintf("%.1f %%", 100*d.Fraction())))
	}
	if r.Base != nil {
		all = append(all, message.Of("recipe.report.base", r.Base.Digest))
	}
	all = append(all, some(d.Changed, func(c inventory.Changed) message.Text {
		return message.Of("recipe.report.changed", string(c.Manager), c.Name, c.Version, c.To)
	})...)
	all = append(all, some(d.Removed, func(p inventory.Package) message.Text {
		return message.Of("recipe.report.removed", string(p.Manager), p.Name, p.Version)
	})...)
	all = append(all, some(d.Added, func(p inventory.Package) message.Text {
		return message.Of("recipe.report.added", string(p.Manager), p.Name, p.Version)
	})...)
	all = append(all, some(r.Missing, func(name string) message.Text { return message.Of("recipe.report.missing", name) })...)
	all = append(all, some(r.Differ, func(name string) message.Text { return message.Of("recipe.report.differs", name) })...)
	if len(r.LeftOver) > 0 {
		all = append(all, message.Of("recipe.report.left", len(r.LeftOver)))
	}
	return all
}

func some[T any](all []T, text func(T) message.Text) []message.Text {
	var out []message.Text
	for i, v := range all {
		if i == mostLines {
			return append(out, message.Of("recipe.report.more", len(all)-i))
		}
		out = append(out, text(v))
	}
	return out
}

// Lines say what is not in the Dockerfile, to whoever saves the image.
func (l Lock) Lines() []message.Text {
	return some(l.Left, func(left Left) message.Text {
		n := len(left.Changed) + left.More
		switch left.Reason {
		case Failed:
			return message.Of("recipe.failed", brief(left.Command), n)
		case Secret:
			return message.Of("recipe.secretChanged", n)
		case Interactive:
			return message.Of("recipe.interactive", left.Command, n)
		case Unrecorded:
			return message.Of("recipe.unrecorded")
		}
		name := ""
		if len(left.Changed) > 0 {
			name = left.Changed[0]
		}
		return message.Of("recipe.missingFile", name)
	})
}
