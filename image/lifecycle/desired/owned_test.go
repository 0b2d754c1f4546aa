package desired

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jrun-hpc/jrun/image/harbor"
)

// TestSettle: what jadm owns, by what it has written down and what Harbor has.
func TestSettle(t *testing.T) {
	project := func(id int64, owner string) *ActualProject {
		p := &ActualProject{Project: harbor.Project{ID: id, Name: "x", Owner: owner}}
		p.setMembers([]harbor.Member{{ID: 1, Name: "A", Kind: harbor.UserMember}, {ID: 2, Name: "b", Kind: harbor.UserMember}}, nil)
		p.setRobots([]harbor.Robot{{ID: 3, Name: "robot$x+r"}})
		return p
	}
	zero, seven := int64(0), int64(7)
	for name, tt := range map[string]struct {
		owned  Owned
		actual *ActualProject
		want   Owned
	}{
		"nothing":                   {Owned{}, project(9, "admin"), Owned{}},
		"gone":                      {Owned{ID: 9, Made: true}, nil, Owned{}},
		"never made":                {Owned{Made: true}, nil, Owned{}},
		"made when killed":          {Owned{Made: true}, project(9, "admin"), Owned{ID: 9, Made: true}},
		"made by another meanwhile": {Owned{Made: true}, project(9, "boss"), Owned{}},
		"made anew by another":      {Owned{ID: 8, Made: true}, project(9, "admin"), Owned{}},
		"adopted, of another":       {Owned{ID: 9, Adopted: true}, project(9, "boss"), Owned{ID: 9, Adopted: true}},
		"members": {
			Owned{ID: 9, Made: true, Members: map[string]int64{"u:a": 0, "u:b": 5, "u:c": 6}}, project(9, "admin"),
			Owned{ID: 9, Made: true, Members: map[string]int64{"u:a": 1}},
		},
		"robots": {
			Owned{ID: 9, Made: true, Robots: map[string]*OwnedRobot{"r": {Kept: true}, "s": {ID: 4}}}, project(9, "admin"),
			Owned{ID: 9, Made: true, Robots: map[string]*OwnedRobot{"r": {ID: 3, Kept: true}}},
		},
		"a robot of another": {
			Owned{ID: 9, Made: true, Robots: map[string]*OwnedRobot{"r": {ID: 2, Kept: true}}}, project(9, "admin"), Owned{ID: 9, Made: true},
		},
		"retention that is gone": {Owned{ID: 9, Made: true, Retention: &seven}, project(9, "admin"), Owned{ID: 9, Made: true}},
		"retention made when killed": {
			Owned{ID: 9, Made: true, Retention: &zero},
			&ActualProject{Project: harbor.Project{ID: 9}, Retention: &harbor.Retention{ID: 7}},
			Owned{ID: 9, Made: true, Retention: &seven},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := tt.owned.settle(tt.actual, "admin")
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
