package gpu

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"go.yaml.in/yaml/v3"
	"tags.cncf.io/container-device-interface/pkg/parser"
	cdi "tags.cncf.io/container-device-interface/specs-go"
)

// CDI's own library (pkg/cdi) watches directories and edits OCI configurations with
// the runtime-tools; of it only the types and the rules of names are taken. YAML is
// read by the package that containers/image links already. JSON is YAML.

// spec is a specification and the file it came from.
type spec struct {
	cdi.Spec
	file string
}

// specs are those of the machine, later directories first, since they win.
type specs struct{ all []spec }

// specifications reads those of the machine once. Files that cannot be understood
// are named and left out, as CDI says.
func (p *planner) specifications() *specs {
	if p.specs != nil {
		return p.specs
	}
	p.specs = new(specs)
	dirs := p.machine.SpecDirs
	if dirs == nil {
		dirs = DefaultSpecDirs
	}
	for _, dir := range slices.Backward(dirs) {
		for _, pattern := range []string{"*.json", "*.yaml", "*.yml"} {
			for _, name := range p.machine.list(dir, pattern) {
				file := path.Join(dir, name)
				s, err := parseSpec([]byte(p.machine.read(file)))
				if err != nil {
					p.judge(Ignored, file, "ask the administrator to write it anew, for NVIDIA: nvidia-ctk cdi generate --output="+file, "it cannot be understood: %v", err)
					continue
				}
				p.specs.all = append(p.specs.all, spec{s, file})
			}
		}
	}
	return p.specs
}

// parseSpec reads a specification and checks what is relied on.
func parseSpec(text []byte) (s cdi.Spec, err error) {
	if err := yaml.Unmarshal(text, &s); err != nil {
		return s, err
	}
	if !strings.HasPrefix(s.Version, "0.") && !strings.HasPrefix(s.Version, "1.") {
		return s, fmt.Errorf("its cdiVersion is %q; 0.3 to 1.1 are known", s.Version)
	}
	maker, class := parser.ParseQualifier(s.Kind)
	if err := checkKind(maker, class); err != nil {
		return s, err
	}
	for _, d := range s.Devices {
		if err := parser.ValidateDeviceName(d.Name); err != nil {
			return s, err
		}
	}
	for _, e := range editsOf(&s) {
		for _, n := range e.DeviceNodes {
			if n == nil || !path.IsAbs(n.Path) {
				return s, errors.New("a device node has no absolute path")
			}
		}
		for _, m := range e.Mounts {
			if m == nil || !path.IsAbs(m.ContainerPath) || m.Type != tmpfs && !path.IsAbs(m.HostPath) {
				return s, errors.New("a mount has no absolute path")
			}
		}
		if slices.Contains(e.Hooks, nil) || slices.Contains(e.NetDevices, nil) {
			return s, errors.New("it has an empty entry")
		}
	}
	return s, nil
}

func editsOf(s *cdi.Spec) []cdi.ContainerEdits {
	all := []cdi.ContainerEdits{s.ContainerEdits}
	for _, d := range s.Devices {
		all = append(all, d.ContainerEdits)
	}
	return all
}

// find returns a device and its specification by its full name.
func (s *specs) find(name string) (*spec, *cdi.Device) {
	maker, class, device := parser.ParseDevice(name)
	for i := range s.all {
		if s.all[i].Kind != maker+"/"+class {
			continue
		}
		for j := range s.all[i].Devices {
			if s.all[i].Devices[j].Name == device {
				return &s.all[i], &s.all[i].Devices[j]
			}
		}
	}
	return nil, nil
}

// ofKind are the specifications of a kind.
func (s *specs) ofKind(kind string) (list []*spec) {
	for i := range s.all {
		if s.all[i].Kind == kind {
			list = append(list, &s.all[i])
		}
	}
	return list
}

// named injects devices by their CDI names, such as vendor.com/class=name.
func (p *planner) named(names []string) error {
	var all []edits
	for _, name := range names {
		s, d := p.specifications().find(name)
		if d == nil {
			var have []string
			for _, s := range p.specs.all {
				for _, d := range s.Devices {
					have = append(have, s.Kind+"="+d.Name)
				}
			}
			why := fault.Because("no specification names any device")
			if len(have) > 0 {
				why = fault.Because("the specifications have: %s", strings.Join(slices.Compact(have), ", "))
			}
			return fault.Newf(why, "name one of them, or leave --gpu out", "there is no device %s", name)
		}
		for _, n := range d.ContainerEdits.DeviceNodes {
			if reason := p.machine.forbidden(hostPath(n)); reason != "" && p.machine.exists(hostPath(n)) {
				return fault.Newf(fault.Because("%s: %s", hostPath(n), reason), "name a device that the job was given, or leave --gpu out", "device %s is not the job's", name)
			}
		}
		p.judge(Granted, name, "", "by %s", s.file)
		all = append(all, s.editsFor(d)...)
	}
	p.edit(all)
	return nil
}

// bySpecification injects chosen devices of a vendor by the site's specification. It
// reports false if there is none to go by.
func (p *planner) bySpecification(v *vendor, chosen []device) bool {
	for _, s := range p.specifications().ofKind(v.kind) {
		if missing := p.stale(&s.Spec); missing != "" {
			p.judge(Ignored, s.file, "ask the administrator to write it anew, for NVIDIA: nvidia-ctk cdi generate --output="+s.file,
				"it is stale: it names %s, which this machine does not have", missing)
			continue
		}
		devices := s.match(p, chosen)
		if len(devices) == 0 {
			p.judge(Ignored, s.file, "", "it has no device with the nodes that the job was given")
			continue
		}
		p.edit(s.editsFor(devices...))
		return true
	}
	return false
}

// stale returns what a specification names and the machine lacks, such as libraries
// of the driver that was there before. Sockets come and go.
func (p *planner) stale(s *cdi.Spec) string {
	for _, e := range editsOf(s) {
		for _, m := range e.Mounts {
			if strings.Contains(path.Base(m.HostPath), ".so") && !p.machine.exists(m.HostPath) {
				return m.HostPath
			}
		}
	}
	return ""
}

// match takes the devices of a specification that stand for the chosen ones: those
// whose nodes for GPUs are just one, a chosen one. Several names of one GPU (its
// number, its UUID) count once; the parts of a divided GPU are several.
func (s *spec) match(p *planner, chosen []device) (list []*cdi.Device) {
	for _, d := range chosen {
		var whole *cdi.Device
		var parts []*cdi.Device
		for i := range s.Devices {
			c := &s.Devices[i]
			own, part, open := nodesOf(p, c)
			switch {
			case len(own) != 1 || own[0] != d.node || !open:
			case part:
				parts = append(parts, c)
			case whole == nil || c.Name == d.uuid:
				whole = c
			}
		}
		if whole != nil {
			list = append(list, whole)
		} else {
			list = append(list, p.partsGiven(parts)...)
		}
	}
	return list
}

// nodesOf are a CDI device's nodes that stand for GPUs; part says that it also has a
// MIG instance's, and open that the job may open all.
func nodesOf(p *planner, d *cdi.Device) (gpus []string, part, open bool) {
	open = true
	for _, n := range d.ContainerEdits.DeviceNodes {
		name := hostPath(n)
		part = part || strings.HasPrefix(name, "/dev/nvidia-caps/")
		open = open && p.machine.forbidden(name) == ""
		number := strings.TrimPrefix(name, "/dev/nvidia")
		if number != name && strings.Trim(number, "0123456789") == "" || strings.HasPrefix(name, "/dev/dri/renderD") {
			gpus = append(gpus, name)
		}
	}
	// A GPU of NVIDIA has a render node, too.
	if slices.ContainsFunc(gpus, func(name string) bool { return strings.HasPrefix(name, "/dev/nvidia") }) {
		gpus = slices.DeleteFunc(gpus, func(name string) bool { return strings.HasPrefix(name, "/dev/dri/") })
	}
	return gpus, part, open
}

// partsGiven are the MIG instances that CUDA_VISIBLE_DEVICES names, if it names any
// of them by the names that the specification uses.
func (p *planner) partsGiven(parts []*cdi.Device) []*cdi.Device {
	visible, _ := variable(p.machine.Env, cudaVisible)
	names := append(strings.Split(visible, ","), p.selection.Names...)
	given := slices.DeleteFunc(slices.Clone(parts), func(d *cdi.Device) bool { return !slices.Contains(names, d.Name) })
	if len(given) > 0 {
		return given
	}
	return parts
}
