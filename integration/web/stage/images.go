package stage

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/web/bench"
)

// RegistryDown makes the registry unreachable for the list of images, or reachable.
func (s *Stage) RegistryDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// shelf is a stage as the user's images, with a verdict on each.
type shelf Stage

var _ bench.Images = (*shelf)(nil)

// Images implements bench.Images.
func (s *shelf) Images(context.Context) (bench.Shelf, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return bench.Shelf{}, fmt.Errorf("asking %s: %w", s.Engine.Host(), flow.ErrUnreachable)
	}
	scans := []*bench.Scan{{Status: "Success", Severity: "High", Total: 12, Fixable: 9}, {Status: "Success"}, {Status: "Running"}}
	quota := s.Engine.Quotas["taro"]
	out := bench.Shelf{Project: "taro", Harbor: true, Shares: true, Quota: &quota, Members: slices.Clone(s.members)}
	for _, image := range s.Engine.Mine {
		i := bench.Image{Repository: image.Repository, Name: path.Base(image.Repository), Description: image.Description}
		for n, t := range s.Engine.Versions[image.Repository] {
			i.Tags = append(i.Tags, bench.Tag{Name: t.Name, Reference: image.Repository + ":" + t.Name, Bytes: t.Bytes, Pushed: t.Pushed, Immutable: t.Immutable, Scan: scans[n%len(scans)]})
		}
		out.Images = append(out.Images, i)
	}
	return out, nil
}

// DeleteTag implements bench.Images.
func (s *shelf) DeleteTag(_ context.Context, repository, tag string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Engine.Versions[repository] = slices.DeleteFunc(s.Engine.Versions[repository], func(t flow.Tag) bool { return t.Name == tag })
	return nil
}

// AddMember implements bench.Images.
func (s *shelf) AddMember(_ context.Context, user string, role bench.Role) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if user == "nobody" {
		return errors.Join(flow.ErrNotFound, message.Fail(message.Of("bench.no-user", user, s.Engine.Host()), nil, message.Of("bench.no-user.next")))
	}
	s.members = append(s.members, bench.Member{ID: int64(len(s.members) + 1), Name: user, Role: message.Of("bench.role." + string(role))})
	return nil
}

// RemoveMember implements bench.Images.
func (s *shelf) RemoveMember(_ context.Context, id int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.members = slices.DeleteFunc(s.members, func(m bench.Member) bool { return m.ID == id })
	return nil
}
