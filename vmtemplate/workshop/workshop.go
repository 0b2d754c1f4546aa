package workshop

import (
	"sync"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
)

// Workshop works in a store.
type Workshop struct {
	Store   *workspace.Store
	Config  site.Config
	Printer *message.Printer // for what is written into shells and recipes
	Version string           // of jbuild

	recording sync.Mutex     // records are read and added to by one at a time
	live      map[string]int // by workspace: shells of this process that record
}
