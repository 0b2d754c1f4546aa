package launch

import (
	"path/filepath"
	"testing"

	"github.com/jrun-hpc/jrun/runtime/sandbox"
)

// TestKey: processes that want another sandbox must not be given the first one's.
func TestKey(t *testing.T) {
	dir := host(t)
	t.Setenv("PBS_JOBID", "7.pbs")
	image := emptyImage(t)
	defer image.Close()
	keyOf := func(o Options) sandbox.Key {
		t.Helper()
		o.Image, o.Path = image, image.Name()
		p, err := o.prepare(false)
		if err != nil {
			t.Fatal(err)
		}
		key, err := o.key(&p, nil)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	plain := keyOf(Options{})
	if plain != keyOf(Options{Job: func() sandbox.Job { return sandbox.Job{ID: "7.pbs"} }, Env: []string{"A=b"}}) {
		t.Error("what is each command's own keeps commands apart")
	}
	for name, o := range map[string]Options{
		"a bind":                {Binds: []string{dir + ":/mine"}},
		"a program of the host": {HostPrograms: []string{filepath.Join(dir, "bin/pbs_tmrsh")}}, // a script, which brings no libraries
		"another mode of MPI":   {MPI: "pmi"},
		"no GPU":                {GPU: "none"},
		"root":                  {Root: true},
		"a writable layer":      {WritableTmpfs: true},
		"no home":               {NoHome: true},
	} {
		if keyOf(o) == plain {
			t.Errorf("%s makes no difference", name)
		}
	}
}
