package mpi

import "testing"

func TestOwnRanks(t *testing.T) {
	if r, ok := OwnRanks([]string{"PATH=/bin", "PMI_FD="}); ok {
		t.Errorf("a process that nobody has started is one of %+v", r)
	}
	open, ok := OwnRanks([]string{"PMIX_RANK=0", "PMIX_NAMESPACE=7.1", "OMPI_COMM_WORLD_RANK=0", "OMPI_COMM_WORLD_LOCAL_SIZE=16"})
	if !ok || open.Here != 16 {
		t.Errorf("of Open MPI: %+v, %v", open, ok)
	}
	if other, _ := OwnRanks([]string{"PMIX_RANK=1", "PMIX_NAMESPACE=7.1", "OMPI_COMM_WORLD_RANK=1", "OMPI_COMM_WORLD_LOCAL_SIZE=16"}); other != open {
		t.Errorf("two ranks of one launch: %+v, %+v", open, other)
	}
	if other, _ := OwnRanks([]string{"PMIX_RANK=0", "PMIX_NAMESPACE=8.1"}); other.Name == open.Name || other.Here != 0 {
		t.Errorf("of another launch: %+v", other)
	}
	if hydra, ok := OwnRanks([]string{"PMI_FD=7", "MPI_LOCALNRANKS=4"}); !ok || hydra.Here != 4 {
		t.Errorf("of Hydra: %+v, %v", hydra, ok)
	}
}
