package mpi

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/inject"
)

// network is a kind of hardware for which MPI needs libraries of its own.
type network struct {
	name    string
	pattern string // of the devices in /dev that are there only with the hardware
	device  string // of what is shown: the directory whose devices are, or the same pattern

	// libraries that the image's MPI must have to use it, by DT_SONAME: of each group
	// one.
	needs [][]string
}

var networks = []network{
	{"InfiniBand or RoCE", "infiniband/uverbs*", "infiniband", [][]string{{"libibverbs.so.1"}, {"libucp.so.0", "libfabric.so.1"}}},
	{"HPE Slingshot", "cxi*", "cxi*", [][]string{{"libcxi.so.1"}, {"libfabric.so.1", "libfabric.so.2"}}},
	{"Omni-Path", "hfi1_*", "hfi1_*", [][]string{{"libpsm2.so.2", "libopx.so.1"}}},
}

// copiers are devices with which ranks on one machine copy memory in one step.
var copiers = []string{"knem", "xpmem"}

// firsts are the devices of which one is there if any is.
var firsts = []string{"infiniband", "cxi0", "hfi1_0", "knem", "xpmem"}

// passDevices adds the devices that the host has, and finds its networks.
func (p *Plan) passDevices(root string) {
	dev := filepath.Join(root, "dev")
	// Nearly no machine has any, and every rank asks.
	if !slices.ContainsFunc(firsts, func(name string) bool { _, err := os.Lstat(filepath.Join(dev, name)); return err == nil }) {
		return
	}
	entries, err := os.ReadDir(dev)
	if err != nil {
		return
	}
	show := func(name, why, rule string) {
		p.Items = append(p.Items, inject.Item{Kind: inject.Device, Host: "/dev/" + name, Inside: "/dev/" + name, Why: why, Rule: rule})
	}
	names := map[string]bool{}
	for _, e := range entries {
		names[e.Name()] = true
	}
	for _, n := range networks {
		first, _, _ := strings.Cut(n.pattern, "/")
		var found bool
		for _, e := range entries {
			if ok, _ := path.Match(n.device, e.Name()); !ok {
				continue
			}
			nodes := []string{e.Name()}
			if first != n.pattern {
				if !hasAny(filepath.Join(dev, n.pattern)) {
					continue // the driver is loaded, and there is no hardware
				}
				nodes = nodesIn(dev, e.Name())
			}
			for _, node := range nodes {
				show(node, "the hardware of "+n.name, "the host has /dev/"+n.pattern)
			}
			found = true
		}
		if found {
			p.networks = append(p.networks, n)
		}
	}
	for _, name := range copiers {
		if names[name] {
			show(name, "ranks on one machine copy each other's memory with it", "the host has /dev/"+name)
		}
	}
}

// nodesIn are the devices in a directory of dev.
func nodesIn(dev, dir string) []string {
	entries, err := os.ReadDir(filepath.Join(dev, dir))
	if err != nil {
		return nil
	}
	var nodes []string
	for _, e := range entries {
		if !e.IsDir() && e.Type()&os.ModeSymlink == 0 { // by-ibdev has links
			nodes = append(nodes, path.Join(dir, e.Name()))
		}
	}
	return nodes
}

func hasAny(pattern string) bool {
	found, err := filepath.Glob(pattern)
	return err == nil && len(found) > 0
}
