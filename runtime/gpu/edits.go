package gpu

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/inject"
	cdi "tags.cncf.io/container-device-interface/specs-go"
)

const tmpfs = "tmpfs"

func hostPath(n *cdi.DeviceNode) string {
	if n.HostPath != "" {
		return n.HostPath
	}
	return n.Path
}

// edits are what a specification says, for all of its devices or for one.
type edits struct {
	cdi.ContainerEdits
	rule string
}

// editsFor are those for some devices of a specification.
func (s *spec) editsFor(devices ...*cdi.Device) []edits {
	list := []edits{{s.ContainerEdits, "CDI: " + s.file}}
	for _, d := range devices {
		list = append(list, edits{d.ContainerEdits, "CDI: " + s.file + ", device " + d.Name})
	}
	return list
}

// edit does what specifications say. Hooks come last, since they find in place what
// all the others bring.
func (p *planner) edit(list []edits) {
	var folders []string
	for _, e := range list {
		folders = append(folders, libraryFolders(e.Hooks)...)
	}
	for _, e := range list {
		for _, pair := range e.Env {
			name, value, _ := strings.Cut(pair, "=")
			p.set(name, value, "the specification sets it", e.rule)
		}
		for _, n := range e.DeviceNodes {
			p.editNode(n, e.rule)
		}
		for _, m := range e.Mounts {
			p.editMount(m, folders, e.rule)
		}
		p.editOthers(&e)
	}
	for _, e := range list {
		for _, h := range e.Hooks {
			p.hook(h, folders, e.rule)
		}
	}
}

// editOthers explains what cannot be done without privileges.
func (p *planner) editOthers(e *edits) {
	for _, gid := range e.AdditionalGIDs {
		if !slices.Contains(p.machine.Groups, int(gid)) {
			p.judge(Ignored, "group "+strconv.Itoa(int(gid)), "ask the administrator to make you a member of it",
				"%s wants the job to be in it; without privileges a job has its user's own groups only", e.rule)
		}
	}
	if e.IntelRdt != nil {
		p.judge(Ignored, "intelRdt", "", "%s divides the processor's cache; only root can, and it is the batch system's", e.rule)
	}
	for _, n := range e.NetDevices {
		p.judge(Ignored, "network device "+n.HostInterfaceName, "", "the job is in the host's network, where it is there already, under this name")
	}
}

func (p *planner) editNode(n *cdi.DeviceNode, rule string) {
	host := hostPath(n)
	why := "device of the specification"
	if !p.machine.exists(host) {
		p.judge(Refused, host, "ask the administrator whether the driver is loaded on this node, or to write the specification anew",
			"%s names it, and the machine does not have it; nodes cannot be made without privileges", rule)
		return
	}
	p.device(host, n.Path, why, rule)
	if n.FileMode != nil || n.UID != nil || n.GID != nil {
		p.judge(Noted, host, "", "its mode and owner are the host's, not those of %s", rule)
	}
}

// editMount shows a file or directory. A library in a folder that ldconfig(8) would
// be told of is shown with the others in LibraryDir instead: there it is found, and
// covers nothing of the image.
func (p *planner) editMount(m *cdi.Mount, folders []string, rule string) {
	switch m.Type {
	case "", "bind", "none":
	case tmpfs:
		p.judge(Ignored, m.ContainerPath, "use --writable-tmpfs", "%s wants an empty %s there", rule, tmpfs)
		return
	default:
		p.judge(Ignored, m.ContainerPath, "", "%s wants a %s there, and only root can mount it", rule, m.Type)
		return
	}
	if inside := path.Clean(m.ContainerPath); inside == "/" || ofSystem(inside) {
		p.judge(Refused, inside, "", "%s wants a mount there, and jrun provides that directory itself", rule)
		return
	}
	if !p.machine.exists(m.HostPath) {
		p.judge(Noted, m.HostPath, "", "%s names it, and the machine does not have it", rule)
		return
	}
	base := path.Base(m.ContainerPath)
	if strings.Contains(base, ".so") && slices.Contains(folders, path.Dir(m.ContainerPath)) {
		host, err := p.machine.Libraries()
		if err == nil {
			if l, err := host.Open(m.HostPath); err == nil {
				p.library(l, base, "library of the specification", rule)
				return
			}
		}
	}
	kind := inject.File
	if p.machine.isDir(m.HostPath) {
		kind = inject.Directory
	}
	writable := !slices.Contains(m.Options, "ro")
	for _, option := range m.Options {
		switch option {
		case "ro", "rw", "bind", "rbind", "nosuid", "nodev", "private", "rprivate", "slave", "rslave":
		default: // noexec and the like only take something away
			p.judge(Noted, m.ContainerPath, "", "option %s of %s is not used; nosuid and nodev always are", option, rule)
		}
	}
	if path.Dir(m.HostPath) == "/usr/bin" && m.HostPath == m.ContainerPath {
		p.program(m.HostPath, "program of the specification", rule)
		return
	}
	p.add(inject.Item{Kind: kind, Host: m.HostPath, Inside: path.Clean(m.ContainerPath), Writable: writable, Why: "mount of the specification", Rule: rule})
}

// ofSystem reports whether a path is in one of the directories that are made for the
// job, in which nothing but devices can be put.
func ofSystem(name string) bool {
	return slices.ContainsFunc([]string{"/dev", "/proc", "/sys"}, func(dir string) bool {
		return name == dir || strings.HasPrefix(name, dir+"/")
	})
}
