package launch

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/runtime/identity"
	"github.com/jrun-hpc/jrun/runtime/sandbox"
	"github.com/jrun-hpc/jrun/squash/reader"
)

// spec looks into the image and describes the sandbox.
func (o *Options) spec(ctx context.Context, p prepared, locales, args []string) (spec *sandbox.Spec, err error) {
	image := o.Image
	lease, local, err := o.secure(ctx, image)
	if err != nil {
		return nil, err
	}
	if local != nil {
		image = local
	}
	defer func() {
		if err != nil {
			closeAll(lease, local)
		}
	}()
	files, err := o.files(image)
	if err != nil {
		return nil, err
	}
	person := identity.Current(ctx)
	if o.Root {
		person = person.AsRoot()
	}
	about := identity.Examine(files, person, locales)
	person.Shell = about.Shell
	forGPUs, err := o.gpus(files)
	if err != nil {
		return nil, err
	}
	forMPI, err := o.fromHost(&p.mpi, files)
	if err != nil {
		return nil, err
	}
	_ = p.mount(forGPUs) // a program that needs no GPU can do without
	if err := p.mount(forMPI); err != nil {
		return nil, err
	}
	n := note{Person: person, About: about, Variables: variables(slices.Concat(forGPUs, forMPI))}
	text, err := n.encode(p.brought(forGPUs))
	if err != nil {
		return nil, err
	}
	var job sandbox.Job
	if o.Job != nil {
		job = o.Job()
	}
	return &sandbox.Spec{
		Image:     image,
		Lease:     lease,
		Binds:     p.binds,
		Devices:   itemDevices(slices.Concat(forGPUs, p.mpi.Items)),
		EmptyDirs: o.emptyDirs(p.home),
		Files: append([]sandbox.File{
			{Path: "/etc/passwd", Content: identity.Passwd(readSmall(files, "etc/passwd"), person)},
			{Path: "/etc/group", Content: identity.GroupFile(readSmall(files, "etc/group"), person)},
			{Path: "/etc/profile.d/zz-jrun.sh", Content: identity.Profile(o.searchPath(p.programs))},
		}, p.programs.files...),
		WritableTmpfs: o.WritableTmpfs,
		Root:          o.Root,
		Job:           job,
		Profile:       o.profile(args),
		Note:          text,
	}, nil
}

// files is what is in the image. The error is a fault that names its file.
func (o *Options) files(image *os.File) (fs.FS, error) {
	info, err := image.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the image's file: %w", err)
	}
	r, err := reader.Open(image, info.Size(), reader.Options{})
	if err == nil {
		_, err = fs.Stat(r.FS(), ".") // damage found by the holder would name no file
	}
	if err != nil {
		return nil, fault.Newf(err, "remove it and fetch it again: jrun rm IMAGE; jrun pull IMAGE", "the image's file %s cannot be read", o.Path)
	}
	return r.FS(), nil
}

// secure takes the lease and then, which may take long, the local copy of the image.
func (o *Options) secure(ctx context.Context, image *os.File) (lease, local *os.File, err error) {
	if o.Lease != nil {
		if lease, err = o.Lease(); err != nil {
			return nil, nil, err
		}
	}
	if o.Local != nil {
		if local, err = o.Local(ctx, image); err != nil {
			closeAll(lease, local)
			return nil, nil, err
		}
	}
	return lease, local, nil
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

// profile names the file of the start-up profile of a program: each reads other
// parts of the image.
func (o *Options) profile(args []string) string {
	if o.Profiles == "" {
		return ""
	}
	program := "shell"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		program = strings.Map(func(r rune) rune {
			if r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)) || r == '.' || r == '-' || r == '+' {
				return r
			}
			return '_'
		}, path.Base(args[0]))
	}
	return o.Profiles + "." + program[:min(len(program), 64)] + ".profile"
}

// readSmall returns a file of the image, or nothing when there is none or it
// is too big to be what its name says.
func readSmall(files fs.FS, name string) []byte {
	const most = 1 << 20
	info, err := fs.Stat(files, name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return nil
	}
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil
	}
	return text
}
