package gpu

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/runtime/hostlib"
	"github.com/jrun-hpc/jrun/runtime/inject"
)

// Image is what is known of the image.
type Image struct {
	Files fs.FS    // nil if only its configuration is at hand; then nothing is said about its libraries
	Env   []string // its ENV
	Set   []string // what the user sets with --env, which counts more

	known *hostlib.Libc // see libc
}

// libc is the image's C library.
func (i *Image) libc() (hostlib.Libc, error) {
	if i.known != nil {
		return *i.known, nil
	}
	libc, err := hostlib.ImageLibc(i.Files)
	if err != nil {
		return libc, fmt.Errorf("looking for the image's C library: %w", err)
	}
	i.known = &libc
	return libc, nil
}

// variable looks up one as the job's program will see it, but for the host's.
func (i *Image) variable(name string) (string, bool) {
	if value, ok := variable(i.Set, name); ok {
		return value, true
	}
	return variable(i.Env, name)
}

// planner is a plan in the making.
type planner struct {
	Injection
	machine   *Machine
	image     *Image
	selection Selection
	specs     *specs
	libraries []wanted // to be placed when all are known
	search    []string // directories that come behind the image's LD_LIBRARY_PATH
}

// vendor is what differs between makers of GPUs.
type vendor struct {
	name    string
	kind    string // of its CDI devices
	devices func(*planner) []device
	visible func(*planner, []device) []device // what the batch system's variables leave
	rename  func(*planner, []device)          // makes these variables true inside, if they are set; may be nil
	inject  func(*planner, []device) error    // without a specification
	explain func(*planner)                    // says what else matters; may be nil
}

var vendors = []vendor{nvidia, amd, intel}

// Plan decides what a job gets. The error is a fault for people, or says that the
// machine or the image cannot be read.
func Plan(m *Machine, selection Selection, image Image) (Injection, error) {
	p := &planner{machine: m, image: &image, selection: selection}
	if selection.None {
		return p.Injection, nil
	}
	cdiNames, names := selection.split()
	if len(cdiNames) > 0 {
		if err := p.named(cdiNames); err != nil {
			return Injection{}, err
		}
	}
	taken := len(cdiNames) > 0 && len(names) == 0
	for _, v := range vendors {
		if taken {
			break
		}
		all := v.devices(p)
		if len(all) == 0 {
			continue
		}
		chosen, err := p.choose(&v, all, names)
		if err != nil {
			return Injection{}, err
		}
		if err := p.give(&v, all, chosen); err != nil {
			return Injection{}, err
		}
		taken = len(names) > 0 // numbers are those of the first vendor that has any
	}
	onlyVariables := !slices.ContainsFunc(p.Items, func(item inject.Item) bool { return !item.IsVariable() })
	if !selection.auto() && onlyVariables && len(p.libraries) == 0 {
		return Injection{}, p.nothing()
	}
	if err := p.placeLibraries(); err != nil {
		return Injection{}, err
	}
	for _, dir := range p.search {
		p.Items = append(p.Items, inject.Item{
			Kind: inject.Last, Inside: "LD_LIBRARY_PATH", Value: dir, Why: "libraries of the GPU's driver", Rule: "behind the image's own",
		})
	}
	return p.Injection, nil
}

// nothing is the fault of asking for GPUs where there are none.
func (p *planner) nothing() error {
	why := fault.Because("this machine has none: there is neither /dev/nvidiactl nor /dev/kfd nor /dev/dri/renderD*")
	if at := slices.IndexFunc(p.Verdicts, func(v Verdict) bool { return v.Outcome != Granted }); at >= 0 {
		why = fault.Because("%s: %s", p.Verdicts[at].Subject, p.Verdicts[at].Reason)
	}
	return fault.New("the job gets no GPU", why,
		"ask the batch system for one, as in qsub -l select=1:ngpus=1\nor leave --gpu out, which takes what there is")
}

// choose narrows all to what the job may open, was given, and asked for.
func (p *planner) choose(v *vendor, all []device, names []string) ([]device, error) {
	var open []device
	for _, d := range all {
		if why := p.machine.forbidden(d.node); why != "" {
			p.judge(Noted, d.node, "", "not shown: %s", why)
			continue
		}
		open = append(open, d)
	}
	given := v.visible(p, open)
	chosen, err := p.pick(v, all, given, names)
	if err == nil && v.rename != nil && len(chosen) > 0 && (len(names) > 0 || len(chosen) < len(open)) {
		v.rename(p, chosen)
	}
	return chosen, err
}

// pick takes what --gpu names of what was given.
func (p *planner) pick(v *vendor, all, given []device, names []string) (chosen []device, err error) {
	if len(names) == 0 {
		return given, nil
	}
	for _, name := range names {
		number, _, _ := strings.Cut(name, ":")
		at := slices.IndexFunc(all, func(d device) bool { return fmt.Sprint(d.index) == number })
		if at < 0 {
			d, found, known := byUUID(all, name)
			if !known { // a MIG instance may be of any of them
				chosen = append(chosen, given...)
				continue
			}
			if !found {
				return nil, fault.Newf(fault.Because("this machine has these of %s: %s", v.name, describe(all)),
					"name one of them, or leave --gpu out", "there is no GPU %s", name)
			}
			at = slices.Index(all, d)
		}
		if !slices.Contains(given, all[at]) {
			return nil, fault.Newf(fault.Because("the batch system has given it these of %s: %s", v.name, describe(given)),
				"name one of them, or leave --gpu out", "GPU %s is not the job's", name)
		}
		chosen = append(chosen, all[at])
	}
	return unique(chosen), nil
}

// give injects what the chosen devices need.
func (p *planner) give(v *vendor, all, chosen []device) error {
	if len(chosen) == 0 {
		p.judge(Noted, v.name, "", "none of the %d GPUs of this machine is the job's", len(all))
		return nil
	}
	p.judge(Granted, v.name, "", "%d of %d GPUs: %s", len(chosen), len(all), describe(chosen))
	if !p.bySpecification(v, chosen) {
		if err := v.inject(p, chosen); err != nil {
			return err
		}
	}
	if v.explain != nil {
		v.explain(p)
	}
	return nil
}

// renamed is why variables are set anew.
const renamed = "inside, GPUs that are not shown are not counted"

// limit narrows list by a variable of the host's environment that holds numbers or
// UUIDs. Without the variable it is whole.
func (p *planner) limit(list []device, name string) []device {
	value, set := variable(p.machine.Env, name)
	if !set {
		return list
	}
	if value == "" {
		p.judge(Noted, name, "", "is empty: the job has none of these GPUs")
		return nil
	}
	chosen, whole := numbered(list, strings.Split(value, ","))
	if whole {
		p.judge(Noted, name, "", "names a MIG instance; which GPU it is a part of cannot be seen in files, so all are shown that the job may open")
		return list
	}
	if len(chosen) < len(list) {
		p.judge(Noted, name, "", "is %q: %d of the %d GPUs that the job may open", value, len(chosen), len(list))
	}
	return chosen
}

// set makes a variable an item.
func (p *planner) set(name, value, why, rule string) {
	p.add(inject.Item{Kind: inject.Variable, Inside: name, Value: value, Why: why, Rule: rule})
}

// device makes a node an item, if the host has it and the job may open it.
func (p *planner) device(host, inside, why, rule string) bool {
	if !p.machine.exists(host) {
		return false
	}
	if !strings.HasPrefix(inside, "/dev/") {
		p.judge(Refused, inside, "", "device nodes can only be shown below /dev")
		return false
	}
	if forbidden := p.machine.forbidden(host); forbidden != "" {
		p.judge(Noted, host, "", "not shown: %s", forbidden)
		return false
	}
	p.add(inject.Item{Kind: inject.Device, Host: host, Inside: inside, Writable: true, Why: why, Rule: rule})
	return true
}

// file shows a file or directory of the host at the same place, if there is one.
func (p *planner) file(name, why, rule string, writable bool) {
	if !p.machine.exists(name) {
		return
	}
	kind := inject.File
	if p.machine.isDir(name) {
		kind = inject.Directory
	}
	p.add(inject.Item{Kind: kind, Host: name, Inside: name, Writable: writable, Why: why, Rule: rule})
}
