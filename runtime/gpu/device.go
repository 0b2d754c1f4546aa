package gpu

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// device is a GPU of the machine.
type device struct {
	index   int    // among the vendor's, as the vendor's tools count
	uuid    string // empty if it is not known
	node    string // the node that stands for it: /dev/nvidia0, /dev/dri/renderD128
	divided bool   // into MIG instances
	name    string // for people
}

func (d *device) String() string { return d.node }

// numbered takes those of list that names name, by position in list, by UUID (or
// its beginning) or MIG UUID. As CUDA does, it stops at the first name that is none.
// Whole says that an instance of an unknown GPU was named.
func numbered(list []device, names []string) (chosen []device, whole bool) {
	for _, name := range names {
		name = strings.TrimSpace(name)
		if n, err := strconv.Atoi(name); err == nil {
			if n < 0 || n >= len(list) {
				return chosen, whole
			}
			chosen = append(chosen, list[n])
			continue
		}
		d, found, known := byUUID(list, name)
		if !known {
			whole = true
			continue
		}
		if !found {
			return chosen, whole
		}
		chosen = append(chosen, d)
	}
	return unique(chosen), whole
}

// byUUID finds a device by its UUID. Not known is which one has a MIG instance of the
// newer form, MIG-UUID; the older, MIG-GPU-UUID/instance/compute-instance, says it.
func byUUID(list []device, name string) (d device, found, known bool) {
	if rest, ok := strings.CutPrefix(name, "MIG-"); ok {
		if !strings.HasPrefix(rest, "GPU-") {
			return device{}, false, false
		}
		name, _, _ = strings.Cut(rest, "/")
	}
	at := slices.IndexFunc(list, func(d device) bool { return d.uuid != "" && len(name) > len("GPU-") && strings.HasPrefix(d.uuid, name) })
	if at < 0 {
		return device{}, false, true
	}
	return list[at], true, true
}

func unique(list []device) (out []device) {
	for _, d := range list {
		if !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

// uuids names devices so that the name does not depend on how many there are, or
// counts them if that cannot be.
func uuids(list []device) string {
	var names []string
	for _, d := range list {
		if d.uuid == "" {
			return counted(len(list))
		}
		names = append(names, d.uuid)
	}
	return strings.Join(names, ",")
}

// counted is 0,1,2 and so on.
func counted(n int) string {
	var names []string
	for i := range n {
		names = append(names, strconv.Itoa(i))
	}
	return strings.Join(names, ",")
}

// describe lists devices for people.
func describe(list []device) string {
	var names []string
	for _, d := range list {
		names = append(names, fmt.Sprint(d.index))
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
