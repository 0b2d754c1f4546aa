package mpi

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/runtime/hostlib/elftest"
)

func TestSitePlaces(t *testing.T) {
	w := newWorld(t)
	w.openMPI(w.host, "40.30.4", "4", "2.34") // in a usual place
	w.add(w.host, "opt/openmpi/lib", "libmpi.so.40.30.6", elftest.Library{Soname: "libmpi.so.40"})
	w.write(w.host, "opt/empty/lib/libmpi.so.40", "no library")
	places, err := SitePlaces(w.host, []string{"/opt/openmpi", "/opt/openmpi/lib", "/opt/empty", "/opt/not-there"})
	if err != nil {
		t.Fatal(err)
	}
	found := []string{"/opt/openmpi/lib/libmpi.so.40.30.6"}
	want := []SitePlace{{Dir: "/opt/openmpi", Found: found}, {Dir: "/opt/openmpi/lib", Found: found}, {Dir: "/opt/empty"}, {Dir: "/opt/not-there", Missing: true}}
	if diff := cmp.Diff(want, places); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, p := range places {
		if (p.Problem() == "") != (len(p.Found) > 0) {
			t.Errorf("%+v has the problem %q", p, p.Problem())
		}
	}
}
