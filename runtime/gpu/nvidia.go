package gpu

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var nvidia = vendor{
	name: "NVIDIA", kind: "nvidia.com/gpu",
	devices: (*planner).nvidiaDevices, visible: (*planner).nvidiaVisible, rename: (*planner).nvidiaRename, inject: (*planner).nvidiaInject, explain: (*planner).nvidiaExplain,
}

const nvidiaRule = "NVIDIA, without a CDI specification"

// nvidiaDevices lists GPUs in the order of their places on the bus, as nvidia-smi
// and CUDA (for equal ones) count them.
func (p *planner) nvidiaDevices() []device {
	m := p.machine
	if !m.exists("/dev/nvidiactl") {
		return nil
	}
	var list []device
	const gpus = "/proc/driver/nvidia/gpus"
	for _, bus := range m.list(gpus, "*") {
		d := device{}
		for line := range strings.Lines(m.read(path.Join(gpus, bus, "information"))) {
			key, value, _ := strings.Cut(line, ":")
			value = strings.TrimSpace(value)
			switch strings.TrimSpace(key) {
			case "Model":
				d.name = value
			case "GPU UUID":
				if !strings.Contains(value, "?") { // before the driver has started the GPU
					d.uuid = value
				}
			case "Device Minor":
				d.node = "/dev/nvidia" + value
			}
		}
		if d.node != "" && m.exists(d.node) {
			list = append(list, d)
		}
	}
	if len(list) == 0 {
		for _, name := range m.list("/dev", "nvidia[0-9]*") {
			list = append(list, device{node: "/dev/" + name})
		}
	}
	for i := range list {
		list[i].index = i
		minor := strings.TrimPrefix(list[i].node, "/dev/nvidia")
		list[i].divided = len(m.list("/proc/driver/nvidia/capabilities/gpu"+minor+"/mig", "gi*")) > 0
	}
	return list
}

// nvidiaVisible follows CUDA_VISIBLE_DEVICES, and NVIDIA_VISIBLE_DEVICES of the
// batch system or, without --gpu, of the image.
func (p *planner) nvidiaVisible(open []device) []device {
	list := p.limit(open, cudaVisible)
	value, byHost := variable(p.machine.Env, nvidiaVisible)
	if value == "void" { // CDI specifications say so to NVIDIA's own runtime, and a job may have it from one
		byHost = false
	}
	if !byHost && p.selection.auto() {
		value, byHost = p.image.variable(nvidiaVisible)
	}
	if byHost {
		list = p.nvidiaOf(list, value)
	}
	return list
}

// nvidiaRename makes CUDA_VISIBLE_DEVICES true for the chosen GPUs: CUDA stops at the
// first name in it that it does not know. MIG instances are named, too, since their
// nodes cannot always be told from each other's.
func (p *planner) nvidiaRename(chosen []device) {
	value, set := variable(p.machine.Env, cudaVisible)
	if instances := instancesIn(p.selection.Names); len(instances) > 0 {
		p.set(cudaVisible, strings.Join(instances, ","), "CUDA uses the instances that --gpu names", "NVIDIA: --gpu")
		return
	}
	if !set || len(p.selection.Names) == 0 && len(instancesIn(strings.Split(value, ","))) > 0 {
		return
	}
	p.set(cudaVisible, uuids(chosen), renamed, "NVIDIA: "+cudaVisible+" of the host")
}

func instancesIn(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.HasPrefix(name, "MIG-") })
}

// nvidiaOf follows NVIDIA_VISIBLE_DEVICES, whose numbers are nvidia-smi's.
func (p *planner) nvidiaOf(list []device, value string) []device {
	switch value {
	case "all":
		return list
	case "", "void", "none":
		p.judge(Noted, nvidiaVisible, "give --gpu=all to override it", "is %q: no GPU of NVIDIA", value)
		return nil
	}
	var chosen []device
	for name := range strings.SplitSeq(value, ",") {
		for _, d := range list {
			if n, err := strconv.Atoi(name); err == nil && n == d.index || d.uuid != "" && strings.HasPrefix(d.uuid, name) && name != "" {
				chosen = append(chosen, d)
			}
		}
		if strings.HasPrefix(name, "MIG-") {
			chosen = append(chosen, list...)
		}
	}
	p.judge(Noted, nvidiaVisible, "", "is %q: %d of %d GPUs", value, len(unique(chosen)), len(list))
	return unique(chosen)
}

// driverVersion is the running kernel module's; empty if it cannot be told. The
// expression is made when it is needed: most jobs have no GPU.
func (m *Machine) driverVersion() string {
	line, _, _ := strings.Cut(m.read("/proc/driver/nvidia/version"), "\n")
	if !strings.Contains(line, "NVRM version") {
		return ""
	}
	return regexp.MustCompile(`\b[0-9]{3,}\.[0-9]+(\.[0-9]+)?\b`).FindString(line)
}

func (p *planner) nvidiaInject(chosen []device) error {
	p.nvidiaNodes(chosen)
	capabilities := p.nvidiaCapabilities()
	p.nvidiaFiles(capabilities)
	if slices.Contains(capabilities, "compute") {
		p.useCompat(p.machine.driverVersion())
	}
	return p.nvidiaLibraries(capabilities)
}

func (p *planner) nvidiaNodes(chosen []device) {
	for _, d := range chosen {
		p.device(d.node, d.node, fmt.Sprintf("GPU %d", d.index), nvidiaRule)
	}
	for _, node := range []struct{ name, why string }{
		{"nvidiactl", "control of the driver"},
		{"nvidia-uvm", "memory shared with the GPU, which CUDA needs"},
		{"nvidia-uvm-tools", "profilers' view of that memory"},
		{"nvidia-modeset", "screens and graphics"},
	} {
		p.device("/dev/"+node.name, "/dev/"+node.name, node.why, nvidiaRule)
	}
	if !p.machine.exists("/dev/nvidia-uvm") {
		p.judge(Refused, "/dev/nvidia-uvm", "ask the administrator for: nvidia-modprobe -u -c 0", "the machine does not have it, and CUDA needs it")
	}
	for _, d := range chosen {
		if d.divided {
			p.nvidiaInstances(d)
		}
	}
	p.nvidiaImex()
}

// nvidiaInstances shows the nodes by which the parts of a divided GPU are opened, as
// far as the job may open them; each part's node has the number that "access" says.
func (p *planner) nvidiaInstances(d device) {
	mig := "/proc/driver/nvidia/capabilities/gpu" + strings.TrimPrefix(d.node, "/dev/nvidia") + "/mig"
	show := func(access, why string) {
		for line := range strings.Lines(p.machine.read(access)) {
			if minor, ok := strings.CutPrefix(line, "DeviceFileMinor:"); ok {
				node := "/dev/nvidia-caps/nvidia-cap" + strings.TrimSpace(minor)
				p.device(node, node, why, nvidiaRule)
			}
		}
	}
	for _, gi := range p.machine.list(mig, "gi*") {
		show(path.Join(mig, gi, "access"), fmt.Sprintf("MIG instance %s of GPU %d", gi, d.index))
		for _, ci := range p.machine.list(path.Join(mig, gi), "ci*") {
			show(path.Join(mig, gi, ci, "access"), fmt.Sprintf("MIG instance %s/%s of GPU %d", gi, ci, d.index))
		}
	}
}

// nvidiaImex shows channels through which GPUs of several nodes share memory.
func (p *planner) nvidiaImex() {
	const dir = "/dev/nvidia-caps-imex-channels"
	value, ok := variable(p.machine.Env, nvidiaImex)
	if !ok {
		value, ok = p.image.variable(nvidiaImex)
	}
	for _, name := range p.machine.list(dir, "channel*") {
		if ok && value != "all" && !slices.Contains(strings.Split(value, ","), strings.TrimPrefix(name, "channel")) {
			continue
		}
		p.device(path.Join(dir, name), path.Join(dir, name), "memory shared between GPUs of several nodes (IMEX)", nvidiaRule)
	}
}

// nvidiaCapabilities are the classes of the driver's libraries that the job gets.
func (p *planner) nvidiaCapabilities() []string {
	value, ok := variable(p.machine.Env, nvidiaCapabilities)
	if !ok {
		value, ok = p.image.variable(nvidiaCapabilities)
	}
	if !ok || value == "" {
		value = "compute,utility"
		p.judge(Noted, nvidiaCapabilities, "for graphics or video: -e NVIDIA_DRIVER_CAPABILITIES=all", "is not set: compute and utility")
	}
	known := []string{"compute", "utility", "graphics", "video", "display", "ngx", "compat32"}
	if value == "all" {
		return slices.DeleteFunc(known, func(name string) bool { return name == "compat32" })
	}
	var list []string
	for name := range strings.SplitSeq(value, ",") {
		switch {
		case name == "all":
			return known[:len(known)-1]
		case name == "compat32":
			p.judge(Ignored, nvidiaCapabilities, "", "libraries of 32 bits (compat32) are not brought")
		case slices.Contains(known, name):
			list = append(list, name)
		default:
			p.judge(Ignored, nvidiaCapabilities, "", "there is no class %q", name)
		}
	}
	return list
}
