package workspace

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestEvents(t *testing.T) {
	history := []ocispec.History{{CreatedBy: "base"}, {CreatedBy: "ENV", EmptyLayer: true}, {CreatedBy: "RUN"}, {CreatedBy: "more than layers"}}
	want := []Event{{By: "base", Bytes: 10}, {By: "ENV"}, {By: "RUN", Bytes: 20}, {By: "more than layers"}}
	if diff := cmp.Diff(want, events(history, []int64{10, 20})); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
