package launch

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/gpu"
	"github.com/jrun-hpc/jrun/runtime/sandbox"
)

// dress is what every rank must put on to use the GPUs of its sandbox.
type dress struct {
	Env    []string // NAME=value, over the image's and the host's
	Search []string // directories of libraries, behind the image's
}

// gpus is what an injection means for a sandbox.
type gpus struct {
	dress   dress
	binds   []sandbox.Bind
	devices []sandbox.Device
}

// gpus finds out which GPUs the job gets, and tells what a person should know.
func (o *Options) gpus(image fs.FS) (gpus, error) {
	if o.selection.None {
		return gpus{}, nil
	}
	plan, err := o.injection(image)
	if err != nil {
		return gpus{}, err
	}
	for _, v := range plan.Warnings() {
		if o.Warn != nil {
			o.Warn(strings.TrimSpace(v.Subject + ": " + v.Reason + "\n" + v.Next))
		}
	}
	return gpusOf(&plan), nil
}

// injection is what the GPUs that the job gets need inside.
func (o *Options) injection(image fs.FS) (gpu.Injection, error) {
	return gpu.Plan(gpu.ThisMachine(o.CDIDirs), o.selection, gpu.Image{Files: image, Env: o.Config.Env, Set: o.set})
}

// gpusOf makes mounts of an injection.
func gpusOf(plan *gpu.Injection) gpus {
	g := gpus{dress: dress{Env: plan.Env(), Search: plan.LibraryDirs}}
	for _, item := range plan.Items {
		switch item.Kind {
		case gpu.Device:
			g.devices = append(g.devices, sandbox.Device{Source: item.Host, Name: strings.TrimPrefix(item.Inside, "/dev/")})
		case gpu.File, gpu.Directory, gpu.Symlink:
			g.binds = append(g.binds, sandbox.Bind{
				Source: item.Host, Destination: path.Clean(item.Inside), ReadOnly: !item.Writable, Dir: item.Kind == gpu.Directory,
			})
		case gpu.Variable: // in dress
		}
	}
	sortByDepth(g.binds)
	return g
}

// mountable are the binds that can be added to those that are there. What the user
// shows at the same place, or around it, wins.
func (g *gpus) mountable(before []sandbox.Bind) (list []sandbox.Bind) {
	for _, b := range g.binds {
		taken := slices.ContainsFunc(before, func(o sandbox.Bind) bool { return o.Destination == b.Destination })
		if !taken && checkMountPoint(before, b) == nil {
			list = append(list, b)
		}
	}
	return list
}

// wear adds to the image's variables, and to those that the user set.
func (d *dress) wear(image, set []string) (imageEnv, userSet []string) {
	image = slices.Concat(image, d.Env)
	if len(d.Search) == 0 {
		return image, set
	}
	const name = "LD_LIBRARY_PATH"
	if value, ok := lookup(set, name); ok {
		return image, slices.Concat(set, []string{name + "=" + d.behind(value)})
	}
	value, _ := lookup(image, name)
	return append(image, name+"="+d.behind(value)), set
}

// behind puts the directories behind a search path. An empty part of one would be
// the current directory, so there must be none of ours.
func (d *dress) behind(path string) string {
	return strings.TrimLeft(strings.TrimRight(path, ":")+":"+strings.Join(d.Search, ":"), ":")
}

func lookup(env []string, name string) (string, bool) {
	for _, pair := range slices.Backward(env) {
		if n, value, ok := strings.Cut(pair, "="); ok && n == name {
			return value, true
		}
	}
	return "", false
}
