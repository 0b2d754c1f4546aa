package launch

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jrun-hpc/jrun/runtime/inject"
)

// brought lists what of the host GPUs and MPI have brought inside, beside variables and
// a launcher's own files: each file once, whatever its names are. The plan for MPI is
// complete, and everything is mounted.
func (p *prepared) brought(forGPUs []inject.Item) []inject.Item {
	list := []inject.Item{}
	for _, item := range slices.Concat(forGPUs, p.mpi.Items) {
		ofLauncher := item.Kind == inject.Directory && item.Writable
		known := slices.ContainsFunc(list, func(o inject.Item) bool { return o.Host == item.Host })
		if !item.IsVariable() && !ofLauncher && !known && p.mounts(item) {
			item.Rule = "" // every process that enters is sent the list
			list = append(list, item)
		}
	}
	return list
}

// encode adds what was brought, and makes the note what the sandbox keeps.
func (n note) encode(brought []inject.Item) (text json.RawMessage, err error) {
	if n.Brought, err = json.Marshal(brought); err == nil {
		text, err = json.Marshal(n)
	}
	if err != nil {
		return nil, fmt.Errorf("writing down what is known of the image: %w", err)
	}
	return text, nil
}

// brought is the whole of it.
func (n note) brought() []inject.Item {
	var list []inject.Item
	if err := json.Unmarshal(n.Brought, &list); err != nil {
		list = nil // a sandbox of an older jrun; the list is for the history only
	}
	return append(list, n.Variables...)
}
