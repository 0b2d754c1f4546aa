package gpu

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// GPUs whose drivers are in Linux itself: the interface between the kernel and the
// libraries is stable, and images bring libraries of their own (ROCm, Level Zero,
// Mesa). So devices are all that comes from the host.

var amd = vendor{
	name: "AMD", kind: "amd.com/gpu",
	devices: (*planner).amdDevices, visible: (*planner).amdVisible, rename: (*planner).amdRename, inject: (*planner).amdInject,
}

var intel = vendor{
	name: "Intel", kind: "intel.com/gpu",
	devices: func(p *planner) []device { return p.renderNodes("0x8086") },
	visible: func(_ *planner, open []device) []device { return open },
	inject: func(p *planner, chosen []device) error {
		p.render(chosen, "Intel, without a CDI specification")
		return nil
	},
}

// renderNodes are the nodes for computing (not for screens) of a PCI vendor.
func (p *planner) renderNodes(pciVendor string) []device {
	var list []device
	for _, name := range p.machine.list("/dev/dri", "renderD*") {
		if p.machine.read(path.Join("/sys/class/drm", name, "device/vendor")) == pciVendor {
			list = append(list, device{index: len(list), node: "/dev/dri/" + name})
		}
	}
	return list
}

func (p *planner) render(chosen []device, rule string) {
	for _, d := range chosen {
		p.device(d.node, d.node, fmt.Sprintf("GPU %d", d.index), rule)
	}
	p.judge(Noted, "libraries", "", "are the image's: the kernel's interface to these GPUs does not depend on the host's")
}

const kfd = "/dev/kfd"

// amdDevices lists GPUs as ROCm counts them: by the kernel's topology, which also has
// the processors, without compute units.
func (p *planner) amdDevices() []device {
	m := p.machine
	if !m.exists(kfd) {
		return nil
	}
	const nodes = "/sys/class/kfd/kfd/topology/nodes"
	var list []device
	for _, node := range m.list(nodes, "[0-9]*") {
		properties := map[string]string{}
		for line := range strings.Lines(m.read(path.Join(nodes, node, "properties"))) {
			if fields := strings.Fields(line); len(fields) == 2 {
				properties[fields[0]] = fields[1]
			}
		}
		if simds, err := strconv.Atoi(properties["simd_count"]); err != nil || simds == 0 {
			continue
		}
		d := device{index: len(list), node: "/dev/dri/renderD" + properties["drm_render_minor"]}
		if id, err := strconv.ParseUint(properties["unique_id"], 10, 64); err == nil && id != 0 {
			d.uuid = fmt.Sprintf("GPU-%016x", id)
		}
		if m.exists(d.node) {
			list = append(list, d)
		}
	}
	if len(list) == 0 {
		return p.renderNodes("0x1002")
	}
	return list
}

// amdVisible follows ROCR_VISIBLE_DEVICES, and then HIP's variable, which counts
// among those that are left.
func (p *planner) amdVisible(open []device) []device {
	return p.limit(p.limit(open, rocrVisible), p.hipVariable())
}

// hipVariable is the one that HIP follows: the other is its older name.
func (p *planner) hipVariable() string {
	if p.machine.has(hipVisible) {
		return hipVisible
	}
	return ordinal
}

// amdRename makes both variables true for the chosen GPUs.
func (p *planner) amdRename(chosen []device) {
	if p.machine.has(rocrVisible) {
		p.set(rocrVisible, uuids(chosen), renamed, "AMD: "+rocrVisible+" of the host")
	}
	if name := p.hipVariable(); p.machine.has(name) {
		p.set(name, counted(len(chosen)), renamed, "AMD: "+name+" of the host")
	}
}

func (p *planner) amdInject(chosen []device) error {
	const rule = "AMD, without a CDI specification"
	if !p.device(kfd, kfd, "computing on GPUs of AMD", rule) {
		p.judge(Refused, kfd, "ask the administrator to put you into the group 'render'", "the job may not open it, and ROCm needs it")
	}
	p.render(chosen, rule)
	return nil
}
