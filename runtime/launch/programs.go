package launch

import (
	"os"
	"path"
	"slices"

	"github.com/jrun-hpc/jrun/runtime/hostprogram"
	"github.com/jrun-hpc/jrun/runtime/inject"
	"github.com/jrun-hpc/jrun/runtime/sandbox"
)

// programs is what HostPrograms need inside.
type programs struct {
	binds []sandbox.Bind
	files []sandbox.File
	items []inject.Item // the same, explained
}

// bringPrograms leaves out those that the host lacks.
func (o *Options) bringPrograms() (p programs, err error) {
	for _, program := range o.HostPrograms {
		if _, err := os.Stat(program); err != nil {
			continue
		}
		script, libraries, err := hostprogram.Bring(program)
		if err != nil {
			return programs{}, err
		}
		p.files = append(p.files, sandbox.File{Path: script.Path, Content: []byte(script.Text), Program: true})
		p.items = append(p.items, inject.Item{
			Kind: inject.File, Host: program, Inside: script.Path, Why: "a script that starts the host's program", Rule: "the batch system's programs",
		})
		for _, dir := range libraries {
			bind := sandbox.Bind{Source: dir, Destination: path.Join(hostprogram.Root, dir), ReadOnly: true, Dir: true}
			if slices.Contains(p.binds, bind) {
				continue
			}
			p.binds = append(p.binds, bind)
			p.items = append(p.items, inject.Item{
				Kind: inject.Directory, Host: dir, Inside: bind.Destination, Why: "the host's loader and libraries", Rule: path.Base(program) + " runs with them",
			})
		}
	}
	if len(p.files) > 0 {
		p.items = append(p.items, inject.Item{
			Kind: inject.Last, Inside: "PATH", Value: hostprogram.Bin, Why: "where the scripts are", Rule: "behind the image's own",
		})
	}
	sortByDepth(p.binds)
	return p, nil
}
